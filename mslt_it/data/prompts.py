"""Turning an example into a chat prompt with the templates of eval/prompts/<task>/<language>.yaml.

The files are data only: label words and templates with {field} placeholders, filled in one pass, so braces in user
text stay text and nothing in a template can run.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from mslt_it.data.mixing import hash_key
from mslt_it.problems import Problem, nearest
from mslt_it.records import Example, Message, PromptConfig, PromptedExample, TaskConfig

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_KEYS = ("labels", "templates", "system")


@dataclass(frozen=True)
class PromptFile:
    """One language's way of asking: label words by label name, templates, an optional system message."""

    path: Path
    labels: Mapping[str, str]
    templates: tuple[str, ...]
    system: str = ""
    note: str = ""  # says when the file is not in the row's own language


def prompted(
    example: Example, task: TaskConfig, prompt: PromptConfig, prompts_dir: Path | None = None
) -> PromptedExample:
    """The example as the model will see it: messages without the answer, the answer, the words it is scored against."""
    file = prompt_file(task, example.language, prompt, prompts_dir)
    text = fill(_template(file, prompt, example.id), example.fields)
    system = (Message("system", file.system),) if file.system else ()
    if task.label_names and example.label not in file.labels:
        raise Problem(
            f"{example.origin or example.id}: label '{example.label}' has no word in {file.path}. "
            f"{nearest(example.label, file.labels)}"
        )
    return PromptedExample(
        id=example.id,
        language=example.language,
        messages=(*system, Message("user", text)),
        answer=file.labels[example.label] if task.label_names else example.label,
        choices=tuple(file.labels[name] for name in task.label_names),
        label=example.label,
    )


def fill(template: str, fields: Mapping[str, str]) -> str:
    """The template with every known {field} replaced, in one pass: text that is filled in is never looked at again."""
    return _PLACEHOLDER.sub(lambda match: fields.get(match[1], match[0]), template)


def prompt_file(task: TaskConfig, language: str, prompt: PromptConfig, prompts_dir: Path | None = None) -> PromptFile:
    """The validated prompt file for a language; English, with a note, where the language has none."""
    if prompts_dir is None:
        from mslt_it.recipe import share_dir

        prompts_dir = share_dir("eval") / "prompts"
    if prompt.language not in ("native", "english"):
        raise Problem(f"prompt.language='{prompt.language}' is unknown. Known: english, native.")
    folder = prompts_dir / task.name
    wanted = ["en"] if prompt.language == "english" else [language, language.split("-")[0], "en"]
    path = next((p for p in (folder / f"{code}.yaml" for code in wanted) if p.is_file()), None)
    if path is None:
        known = [p.stem for p in folder.glob("*.yaml")] if folder.is_dir() else []
        raise Problem(
            f"No prompt file for task '{task.name}' in {folder}: {wanted[0]}.yaml is missing and so is en.yaml. "
            f"Found: {', '.join(sorted(known)) or 'none'}. Add en.yaml there, with labels and templates."
        )
    stat = path.stat()
    return _load(path, task.input_fields, task.label_names, language, prompt.language, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=256)
def _load(
    path: Path,
    fields: tuple[str, ...],
    label_names: tuple[str, ...],
    language: str,
    mode: str,
    mtime_ns: int,
    size: int,
) -> PromptFile:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Problem(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise Problem(f"{path} must hold the keys labels and templates.")
    for key in content:
        if key not in _KEYS:
            raise Problem(f"{path} has the unknown key '{key}'. {nearest(str(key), _KEYS)}")
    note = ""
    if mode == "native" and path.stem not in (language, language.split("-")[0]):
        note = f"language '{language}' has no prompt file {language}.yaml: prompted in English ({path.name})"
    system = content.get("system", "")
    if not isinstance(system, str):
        raise Problem(f"{path}: system must be one text.")
    return PromptFile(
        path, _labels(path, content.get("labels", {}), label_names), _templates(path, content, fields), system, note
    )


def _labels(path: Path, labels: object, label_names: tuple[str, ...]) -> dict[str, str]:
    if not isinstance(labels, dict):
        raise Problem(f"{path}: labels must map label names to words.")
    for name, word in labels.items():
        if not isinstance(word, str) or not word.strip():
            raise Problem(
                f"{path}: the word for label '{name}' is {word!r}, not a text. "
                "Put it in quotes: unquoted yes, no, on and off are booleans in YAML."
            )
        if name not in label_names:
            raise Problem(f"{path}: label '{name}' is not in task.label_names. {nearest(str(name), label_names)}")
    for name in label_names:
        if name not in labels:
            raise Problem(f"{path}: label '{name}' of task.label_names has no word. {nearest(name, labels)}")
    for name, word in labels.items():
        for other, longer in labels.items():
            if name != other and longer.startswith(word):
                raise Problem(
                    f"{path}: the answer '{word}' ({name}) is the beginning of '{longer}' ({other}), so they cannot be "
                    "told apart by their first tokens. Use words of which none begins another."
                )
    return labels


def _templates(path: Path, content: dict[str, object], fields: tuple[str, ...]) -> tuple[str, ...]:
    templates = content.get("templates")
    if not isinstance(templates, list) or not templates or not all(isinstance(t, str) for t in templates):
        raise Problem(f"{path}: templates must be a list of at least one text.")
    for number, template in enumerate(templates):
        used = set(_PLACEHOLDER.findall(template))
        for name in sorted(used - set(fields)):
            raise Problem(f"{path}: template {number} has the unknown placeholder {{{name}}}. {nearest(name, fields)}")
        for name in fields:
            if name not in used:
                raise Problem(f"{path}: template {number} never shows {{{name}}}, one of task.input_fields.")
    return tuple(templates)


def _template(file: PromptFile, prompt: PromptConfig, item_id: str) -> str:
    if prompt.template == "mixed":
        return file.templates[hash_key("template", item_id) % len(file.templates)]
    if not prompt.template.isdecimal() or int(prompt.template) >= len(file.templates):
        raise Problem(
            f"prompt.template='{prompt.template}' is not in {file.path}: it has {len(file.templates)} templates "
            f'(0 to {len(file.templates) - 1}; "mixed" draws one per row).'
        )
    return file.templates[int(prompt.template)]
