"""``mslt tasks [NAME]``: the tasks; one task: what is asked, where its rows come from, and how it is asked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from mslt_it import values
from mslt_it.command import Call, Command, section
from mslt_it.config.files import files, list_files, own_prompts, read_keys, share_dir, summary, unknown_file
from mslt_it.config.help import listing, paragraph, width
from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.config.schema import FrozenDict, build, key
from mslt_it.data.prompts import PromptFile, prompt_file, prompted
from mslt_it.data.variants import exemplars
from mslt_it.languages import validate_code
from mslt_it.problems import Problem
from mslt_it.progress import tell
from mslt_it.records import Example, PromptedExample

ANSWERS = {
    "classification": "one of the labels, by the log-likelihood of its word",
    "tagging": "the names in a sentence, written as KIND: name | KIND: name",
    "question_answering": "words of the passage, written",
    "free_text": "text, written",
}
LAYOUTS = {
    "table": "CSV, TSV, JSON, Parquet or Excel",
    "conll": "token TAB tag, a blank line between sentences",
    "squad": "SQuAD's JSON",
    "xwinograd": "the authors' TSV with three JSON columns",
    "self_instruct": "JSON Lines with instruction and instances",
}


@dataclass(frozen=True)
class Options:
    task: str | None = key(None, "name of a task, to show it and its prompts", shown="(all, one line each)")
    language: str | None = key(None, "show the full prompt in this language", shown="(all, one line each)")


def run(call: Call) -> int:
    options: Options = call.options
    known = list_files(call.config_dir, "task")
    if options.task is None:
        if options.language is not None:
            raise Problem("language has no effect without a task. Write mslt tasks xnli language=th.")
        tell("\n".join([*section("tasks", known), "mslt tasks NAME shows one; mslt train task=NAME runs one."]))
        return 0
    if options.task not in known:
        raise unknown_file("task", options.task, call.config_dir)
    path = files(call.config_dir, "task")[options.task]
    task = build(TaskConfig, read_keys(path, f", such as name: {path.stem}"), str(path), "task.")
    prompts = FrozenDict({**task.prompts, **own_prompts(task.prompt_folder, call.config_dir)})
    task = dataclasses.replace(task, prompts=prompts)
    languages = prompt_languages(task)
    lines = [*paragraph(f"{options.task}: {summary(path)}"), "", *listing(facts(task)), ""]
    if options.language is not None:
        lines += whole_prompt(task, validate_code(options.language))
    elif languages:
        shown = {code: short_prompt(task, code) for code in languages}
        lines += section(f"prompts (one whole: mslt tasks {options.task} language={languages[0]})", shown)
    else:
        lines.append("Asked with your task.instruction, or prompts/NAME/LANGUAGE.yaml in --config-dir DIR.")
    tell("\n".join(lines).rstrip())
    return 0


def prompt_languages(task: TaskConfig) -> list[str]:
    """Languages that have a prompt, the user's own among them."""
    package = (share_dir("eval") / "prompts" / task.prompt_folder).glob("*.yaml")
    return sorted({*task.prompts, *(path.stem for path in package)})


def facts(task: TaskConfig) -> dict[str, str]:
    """What stands in the task file, for people."""
    hub = task.hub or (task.data if values.is_hub_id(task.data) else "")
    own = "PATH" if hub or task.data in ("world", "???") else task.data
    rows = ["the embedded world (task.data=world), offline"] if task.data == "world" else []
    rows += [f"the Hub: task.data={hub}{f', revision {task.revision}' if task.revision else ''}"] if hub else []
    if task.data == "intents":
        rows = ["the package home-assistant-intents (pip install -e '.[intents]')"]
    else:
        rows += [f"your files: task.data={own} ({LAYOUTS[task.file_layout]})"]
    found = {
        "answer": f"{ANSWERS[task.shape]} ({task.shape})",
        "labels": ", ".join(task.label_names) or ("found in the rows" if task.shape == "classification" else ""),
        "metric": task.metric,
        "columns": f"{', '.join(task.input_fields)} -> {task.label_field}",
        "rows": "; ".join(rows),
        "splits": f"trained on {task.train_split}, scored on {task.score_split}",
        "languages": " ".join(task.languages) or "those of the data",
        "prompts in": " ".join(prompt_languages(task)) or "none: task.instruction",
        "license": task.license or "not stated: see its page",
        "cite": task.citation,
    }
    return {name: text for name, text in found.items() if text}


def sample(task: TaskConfig, language: str, file: PromptFile) -> Example:
    """A worked example where there is one; else a row with the columns' names for texts."""
    try:
        (shot,) = exemplars(task, language, 1)
        fields, label = dict(shot.fields), shot.label
    except Problem:
        fields = {name: next(iter(file.wording.get(name, [f"<{name}>"]))) for name in task.input_fields}
        label = next(iter(task.choice_names), f"<{task.label_field}>")
    return Example("0", language, task.name, "", fields, label, grouped_by=dict.fromkeys(task.group_fields, ""))


def asked(task: TaskConfig, language: str, template: int = 0) -> tuple[PromptFile, PromptedExample]:
    prompt = PromptConfig(template=str(template))
    file = prompt_file(task, language, prompt)
    return file, prompted(sample(task, language, file), task, prompt)


def short_prompt(task: TaskConfig, language: str) -> str:
    """One line: the answers' words, and the first template filled in."""
    file, item = asked(task, language)
    text = " ".join(item.messages[-1].content.split())
    line = f"{' / '.join(file.labels.values())}: {text}" if file.labels else text
    limit = width() - 12
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def whole_prompt(task: TaskConfig, language: str) -> list[str]:
    """Every template of a language, filled in, with the answer."""
    file, _ = asked(task, language)
    lines = [f"Note: {file.note}", ""] if file.note else []
    for number in range(len(file.templates)):
        _, item = asked(task, language, number)
        lines.append(f"template {number}" + (" (the default)" if number == 0 and len(file.templates) > 1 else ""))
        for message in item.messages:
            lines.append(f"  {message.role}: " + message.content.replace("\n", "\n        "))
        answers = ", ".join(f"{word} = {name}" for name, word in file.labels.items())
        lines += [f"  assistant: {item.answer}{f'   (of {answers})' * bool(answers)}", ""]
    return lines


COMMAND = Command(
    "tasks",
    "List the tasks. With NAME, show one: its labels, the source of its rows, the languages with a prompt, its licence "
    "and its prompts.",
    ("[NAME] [language=CODE] [--config-dir DIR]",),
    ("mslt tasks", "mslt tasks xnli", "mslt tasks xnli language=th"),
    Options,
    run,
    words=("task",),
    flags=("--config-dir",),
)
