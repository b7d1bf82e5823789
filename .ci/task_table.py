"""The table of tasks in docs/tasks.md, made from the task files and the prompt files.

python .ci/task_table.py docs/tasks.md     # writes it anew between its two marks
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from mslt_it.config.files import list_groups, share_dir
from mslt_it.config.recipe import TaskConfig
from mslt_it.problems import Problem

BEGIN, END = "<!-- tasks:begin -->", "<!-- tasks:end -->"
HEAD = (
    "task",
    "what it is",
    "the Hub's copy",
    "languages there",
    "prompts in",
    "metric",
    "train / score",
    "local files",
)


def markdown() -> str:
    """One row per task file."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    for name, summary in list_groups()["task"].items():
        content = yaml.safe_load((share_dir("recipes") / "task" / f"{name}.yaml").read_text(encoding="utf-8"))
        languages = content.get("languages") or []
        asked_by = content.get("prompts_from") or name
        prompts = sorted(path.stem for path in (share_dir("eval") / "prompts" / asked_by).glob("*.yaml"))
        data = str(content["data"])
        source = {
            "world": "the embedded world" + (f"; `{content['hub']}`" if "hub" in content else ""),
            "intents": "none: the package `home-assistant-intents`",
            "???": "none: your own files",
        }.get(data, f"`{data}`")
        cells = (
            f"`{name}`",
            summary.rstrip("."),
            source + (f" (`{content['hub_files']}`)" if content.get("hub_files") else ""),
            "as the prompts" if data == "intents" else " ".join(languages) or ("any" if data == "???" else "many"),
            f"those of `{asked_by}`"
            if asked_by != name
            else f"{len(prompts)}: {' '.join(prompts)}"
            if prompts
            else "your instruction",
            str(content.get("metric", TaskConfig.metric)),
            f"{content['train_split']} / {content['score_split']}",
            content.get("file_layout", "table"),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def replaced(text: str, path: Path) -> str:
    """The document with the table between its marks made anew."""
    if BEGIN not in text or END not in text:
        raise Problem(f"{path} has no place for the table. Add the lines {BEGIN} and {END}.")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{markdown()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(replaced(document.read_text(encoding="utf-8"), document), encoding="utf-8")
