"""Task files for lm-eval, made from our prompts: literals only, so that reading one runs nothing.

    python -m mslt_it.integrations.lm_eval_tasks eval/tasks                   # writes the files of the repository anew
    python -m mslt_it.integrations.lm_eval_tasks FOLDER recipe=xnli_3src ...  # the rows a recipe scores, as local tasks
    lm_eval --model hf --model_args pretrained=PATH --include_path eval/tasks --tasks mslt_xnli_tr --apply_chat_template

The first reads the Hub's copies, row by row as published. The second writes the very rows and prompts that
``mslt train`` scores for the recipe (repaired, set aside from training, the embedded world's too) next to task files
of the same names; it needs no network. Without ``--apply_chat_template`` the prompt is not that of training, but the
text, a line break, the answer; lm-eval joins text and answer before it cuts them into tokens.

lm-eval fills templates with Jinja, which can run code. Two forms are used here and allowed by `refuse_code`:
``{{field}}``, and a table of literals, ``{{ {"cause": "What was the cause?", ...}[question] }}``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, TemplateSyntaxError, nodes

from mslt_it.command import recipe_arguments as parse_arguments
from mslt_it.config.compose import load_recipe
from mslt_it.config.files import parse_yaml, share_dir
from mslt_it.config.recipe import PromptConfig, Recipe, TaskConfig
from mslt_it.data.build import build_scored_set, with_found_labels
from mslt_it.data.files import canonical_split
from mslt_it.data.hub import PARQUET_BRANCH, PARQUET_FILES
from mslt_it.data.prompts import PromptFile, prompt_file
from mslt_it.data.resolve import with_targets
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.answers.numbers import parse_number
from mslt_it.evaluation.measures import right_number
from mslt_it.problems import Problem, counted, nearest
from mslt_it.records import PromptedExample
from mslt_it.selection.auto import choose_sources
from mslt_it.terminal import run

TASKS = ("mgsm", "pawsx", "xcopa", "xnli", "xstorycloze", "xwinograd")
HUB = {"xnli": "facebook/xnli"}  # where the task's own rows come from the embedded world
NOT_ON_HUB = {"xcopa": ("en",)}  # English COPA is not in XCOPA's repository
VERSION = 1.0  # of all files made here; raise it with any change that changes a score

# What lm-eval takes from a task file without running or fetching code. Left out on purpose: include, process_docs,
# process_results, custom_dataset, class, use_prompt, unsafe_code, doc_to_image, doc_to_audio.
_KEYS = (
    "task tag dataset_path dataset_name dataset_kwargs test_split validation_split output_type doc_to_text "
    "doc_to_target doc_to_choice target_delimiter num_fewshot metric_list filter_list generation_kwargs metadata"
)
KEYS = tuple(_KEYS.split())
DATASET_KEYS = ("data_files", "revision")
METRICS = ("acc", "acc_norm", "acc_bytes", "exact_match")  # of lm-eval itself; others are fetched from the Hub and run
FILTERS = ("regex", "take_first", "remove_whitespace")

NUMBER = r"(-?\d[\d,]*(?:\.\d+)?)"  # what lm-eval's filter takes for one
_FIELD = re.compile(r"\{(\w+)\}")
_MARK = re.compile(r"\{[{%#]|[}%#]\}")  # of Jinja


def task_file(task: TaskConfig, language: str) -> dict[str, Any]:
    """The content of ``mslt_<task>_<language>.yaml`` for the Hub's copy: the first template of our prompt file."""
    file = prompt_file(task, language, PromptConfig())
    if file.note:
        raise Problem(
            f"No lm-eval task for '{task.name}' in '{language}': {file.note}. Add {language}.yaml, or leave it out."
        )
    split = {"dev": "validation"}.get(canonical_split(task.score_split), task.score_split)
    return {
        **_head(task, language),
        **_hub_data(task, language, split),
        "test_split": split,
        "doc_to_text": _text(file),
        **_answer(task, file),
    }


def local_task_file(
    task: TaskConfig, language: str, choices: Sequence[str] | str, rows: Path, max_chain_tokens: int | None = None
) -> dict[str, Any]:
    """A task over rows written by `write_scored_set`: ``prompt``, and ``gold`` (a position in choices, or a text).
    ``choices``: the same for all rows, or the column that has each row's. ``max_chain_tokens``: of a chain of thought,
    which does not end at an empty line."""
    content = {
        **_head(task, language),
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows.resolve())}},
        "test_split": "test",
        "doc_to_text": "{{prompt}}",
    }
    if choices:
        return {**content, **_multiple_choice("gold", choices, by_length=task.is_cloze)}
    if max_chain_tokens is not None:
        return {**content, **_generated("{{gold}}", max_chain_tokens, until=())}
    return {**content, **_generated("{{gold}}", task.max_answer_tokens)}


def write_scored_set(recipe: Recipe, language: str, folder: Path, store: RowStore | None = None) -> Path:
    """The rows a recipe scores in one language and a task file for them; returns the task file."""
    items = build_scored_set(recipe, language, rows=store)
    if any(len(item.messages) != 1 for item in items):
        raise Problem(
            f"The prompts of '{language}' have a system message or worked examples, which lm-eval takes from its "
            "command line only."
        )
    choices = () if items[0].is_written else items[0].choices
    is_own = any(item.choices != choices for item in items) if choices else False
    if not choices and recipe.task.metric != "number_accuracy":
        raise Problem(
            f"task={recipe.task.name} is scored by {recipe.task.metric}, which lm-eval lacks. Known: tasks that "
            "choose an answer, and number_accuracy."
        )
    if not recipe.task.is_cloze and any(a != b and b.startswith(a) for a in choices for b in choices):
        raise Problem(
            f"task={recipe.task.name}: one of the answers {', '.join(choices)} begins another, and lm-eval scores them "
            "without the end token that tells them apart. Use other words."
        )
    folder.mkdir(parents=True, exist_ok=True)
    rows = folder / f"{_name(recipe.task, language)}.jsonl"
    with rows.open("w", encoding="utf-8") as out:
        for item in items:
            own = [choice for choice in item.choices if choice]
            gold = own.index(item.answer) if choices else _filtered(item)
            row: dict[str, Any] = {"id": item.id, "prompt": item.messages[0].content, "gold": gold}
            row |= {"choices": own} if is_own else {}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    comment = f"The rows that recipe {recipe.name} scores in {language}."
    path = folder / f"{_name(recipe.task, language)}.yaml"
    chain = recipe.scoring.max_chain_tokens if items[0].chain_language else None
    content = local_task_file(recipe.task, language, "choices" if is_own else choices, rows, chain)
    path.write_text(_dump(content, comment), encoding="utf-8")
    return path


def _filtered(item: PromptedExample) -> str:
    """What lm-eval's filter makes of a right answer; a Problem where that is another number."""
    found = re.findall(NUMBER, item.label)
    if not found or parse_number(found[-1], item.language) != right_number(item.label, item.language):
        raise Problem(
            f"The right answer {item.label!r} of '{item.id}' ({item.language}) is not a number to lm-eval, which takes "
            "the last digits of an answer, so all would be wrong. Score the task with mslt eval, or write decimals."
        )
    return found[-1]


def task_files() -> dict[str, str]:
    """File name -> text of every task file of the repository."""
    files = {}
    for name in TASKS:
        task = load_recipe(f"{name}_3src", [f"task.data={HUB[name]}"] if name in HUB else []).task
        prompts = share_dir("eval") / "prompts"
        for language in task.languages:
            if language in NOT_ON_HUB.get(name, ()) or not (prompts / name / f"{language}.yaml").is_file():
                continue
            comment = f"{name} in {language}, from {task.data} and eval/prompts/{name}/{language}.yaml."
            if task.repair_field and language not in task.repair_from:
                comment += (
                    f"\nThe column '{task.repair_field}' is wrong upstream in many rows of some languages and read here"
                    "\nas it is; `mslt train` repairs it, and so do rows written for a recipe."
                )
            if canonical_split(task.train_split) == canonical_split(task.score_split):
                comment += (
                    "\nAll rows of the only split are scored, those too that recipes train on: for an adapter trained"
                    "\non some of them, write the rows of its recipe."
                )
            files[f"{_name(task, language)}.yaml"] = _dump(task_file(task, language), comment)
    return files


def refuse_code(path: str | Path) -> int:
    """A Problem unless every task file at ``path`` holds literals only; returns how many files were read.

    lm-eval imports what stands behind ``!function``, runs Jinja outside a sandbox, and fetches and runs metrics
    from the Hub. Files that do so on purpose are for the ``lm_eval`` command.
    """
    root = Path(path)
    # lm-eval indexes *.yaml below the folder; anything else it reads, it reads through "include", which is refused.
    files = sorted(p for p in root.rglob("*") if p.suffix in (".yaml", ".yml")) if root.is_dir() else [root]
    if not files or not files[0].is_file():
        raise Problem(f"{root} holds no task file (*.yaml). Give the folder of the task files, such as eval/tasks.")
    for file in files:
        try:
            content = parse_yaml(file)
        except Problem as problem:
            raise Problem(f"{problem} Reading it in another way could run code.") from problem
        if not isinstance(content, dict):
            raise Problem(f"{file} is not a task file: it must map keys to values.")
        try:
            for what, remedy in _refusals(content):
                raise Problem(f"{file}: {what}, which could run code. {remedy}")
        except (AttributeError, TypeError) as error:  # a number where lm-eval has a list
            raise Problem(f"{file} is not a task file: {error}. Write it like those in eval/tasks.") from error
    return len(files)


def _refusals(content: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """(what is wrong, what is allowed), the first of which is reported."""
    for key in content:
        if key not in KEYS:
            yield f"the key '{key}' is not one of those that hold literals", nearest(str(key), KEYS)
    for key in content.get("dataset_kwargs") or {}:
        if key not in DATASET_KEYS:
            yield f"dataset_kwargs has the key '{key}'", nearest(str(key), DATASET_KEYS)
    for text in ("doc_to_text", "doc_to_target"):
        for reason in _template_refusals(content.get(text, "")):
            yield f"{text} {reason}", "Allowed: {{field}}, and a table of literals as in eval/tasks."
    choices = content.get("doc_to_choice", [])
    if choices == "choices":  # the column of `write_scored_set`
        choices = []
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        yield "doc_to_choice is not a list of texts", "List the answers."
    for metric in content.get("metric_list") or []:
        name = metric.get("metric") if isinstance(metric, dict) else metric
        if name not in METRICS or metric.get("hf_evaluate"):
            yield f"the metric {name!r} is not one of lm-eval's own", nearest(str(name), METRICS)
    for chain in content.get("filter_list") or []:
        for step in chain.get("filter") or []:
            if step.get("function") not in FILTERS:
                yield f"the filter {step.get('function')!r} is not known", nearest(str(step.get("function")), FILTERS)


def _template_refusals(template: Any) -> Iterator[str]:
    if not isinstance(template, str):
        yield "is not a text"
        return
    try:
        statements = Environment().parse(template).body
    except (TemplateSyntaxError, RecursionError) as error:
        yield f"is not a template ({str(error).splitlines()[0]})"
        return
    for statement in statements:
        for part in statement.nodes if isinstance(statement, nodes.Output) else [statement]:
            if not isinstance(part, nodes.TemplateData | nodes.Name) and not _is_lookup(part):
                yield f"computes, in '{template[:80]}'"


def _is_lookup(part: nodes.Node) -> bool:
    """Whether it is a table of literals with a field in brackets behind it."""
    if not (isinstance(part, nodes.Getitem) and isinstance(part.node, nodes.Dict) and isinstance(part.arg, nodes.Name)):
        return False
    return all(isinstance(one, nodes.Const) for pair in part.node.items for one in (pair.key, pair.value))


def _table(table: Mapping[Any, str | int]) -> str:
    """A literal that Jinja reads: JSON's texts and whole numbers between Python's braces."""
    text = [f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(of, ensure_ascii=False)}" for key, of in table.items()]
    return f"{{{', '.join(text)}}}"


def _name(task: TaskConfig, language: str) -> str:
    return f"mslt_{task.name}_{language.lower().replace('-', '_')}"


def _head(task: TaskConfig, language: str) -> dict[str, Any]:
    return {"task": _name(task, language), "tag": f"mslt_{task.name}", "metadata": {"version": VERSION}}


def _hub_data(task: TaskConfig, language: str, split: str) -> dict[str, Any]:
    config = task.config_name(language)
    pattern = PARQUET_FILES if task.revision == PARQUET_BRANCH else task.hub_files
    if not pattern:
        pinned = {"dataset_kwargs": {"revision": task.revision}} if task.revision else {}
        return {"dataset_path": task.data, "dataset_name": config, **pinned}
    # A repository with a loading script, which `datasets` no longer runs: its files are read one by one.
    revision = f"@{task.revision}" if task.revision else ""
    place = f"hf://datasets/{task.data}{revision}/{pattern.format(config=config, split=split)}"
    reader = "parquet" if pattern.endswith(".parquet") else "json"
    return {"dataset_path": reader, "dataset_kwargs": {"data_files": {split: place}}}


def _text(file: PromptFile) -> str:
    template = file.templates[0]
    if mark := _MARK.search(_FIELD.sub("", template)):
        raise Problem(
            f"{file.path}: the first template holds {mark[0]!r}, which lm-eval would read as code. Reword it."
        )

    def filled(match: re.Match[str]) -> str:
        name = match[1]
        return f"{{{{ {_table(file.wording[name])}[{name}] }}}}" if name in file.wording else f"{{{{{name}}}}}"

    return _FIELD.sub(filled, template)


def _answer(task: TaskConfig, file: PromptFile) -> dict[str, Any]:
    if not task.choice_names:
        return _generated(f"{{{{{task.label_field}}}}}", task.max_answer_tokens)
    # Upstream a label is an integer, its digits, or its name. Any other, -1 say, stops the run with its value.
    table: dict[int | str, int] = {}
    for position, name in enumerate(task.choice_names):
        number = position + task.first_label
        table |= {number: position, str(number): position, name: position}
    target = f"{{{{ {_table(table)}[{task.label_field}] }}}}"
    return _multiple_choice(target, [file.labels[name] for name in task.choice_names])


def _multiple_choice(target: str, choices: Sequence[str] | str, *, by_length: bool = False) -> dict[str, Any]:
    metrics = ("acc", "acc_norm", "acc_bytes") if by_length else ("acc",)
    return {
        "output_type": "multiple_choice",
        "doc_to_target": target,
        "doc_to_choice": choices if isinstance(choices, str) else list(choices),
        # Where there is no chat template, a line break ends the prompt as it does in training.
        "target_delimiter": "\n",
        "num_fewshot": 0,
        "metric_list": [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in metrics],
    }


def _generated(target: str, max_answer_tokens: int, until: Sequence[str] = ("\n\n",)) -> dict[str, Any]:
    """The last number of the answer, without thousands commas, against the right one."""
    return {
        "output_type": "generate_until",
        "doc_to_target": target,
        "num_fewshot": 0,
        "generation_kwargs": {"until": list(until), "do_sample": False, "max_gen_toks": max_answer_tokens},
        "filter_list": [
            {
                "name": "last_number",
                "filter": [
                    {"function": "regex", "regex_pattern": NUMBER, "group_select": -1},
                    {"function": "take_first"},
                ],
            }
        ],
        "metric_list": [
            {
                "metric": "exact_match",
                "aggregation": "mean",
                "higher_is_better": True,
                "regexes_to_ignore": [",", r"\.0+$"],
            }
        ],
    }


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


_Dumper.add_representer(
    str,  # on one line
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\n" in text else None),
)


def _dump(content: Mapping[str, Any], comment: str) -> str:
    lines = "".join(
        f"# {line}\n"
        for line in f"{comment}\nMade by mslt_it.integrations.lm_eval_tasks; not to be edited.".split("\n")
    )
    return lines + yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1000)


def main(argv: Sequence[str]) -> int:
    """Runs the command; 0 = written."""
    if not argv or argv[0].startswith("-") or "=" in argv[0]:
        raise Problem("Name the folder first: python -m mslt_it.integrations.lm_eval_tasks FOLDER [recipe=NAME ...].")
    folder = Path(argv[0])
    if len(argv) > 1:
        name, overrides, config_dir = parse_arguments(argv[1:])
        store = RowStore()
        recipe = with_targets(load_recipe(name, overrides, config_dir, choose=choose_sources), store)
        recipe = with_found_labels(recipe, store)
        for language in (*recipe.sources, *(code for code in recipe.targets if code not in recipe.sources)):
            print(f"written: {write_scored_set(recipe, language, folder, store)}")
        return 0
    files = task_files()
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("mslt_*.yaml"):
        if stale.name not in files:
            stale.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{counted(len(files), 'task file')} in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
