"""Turning an example into a chat prompt with the templates of eval/prompts/<task>/<language>.yaml.

The files are data only: label words and templates with {field} placeholders, filled in one pass, so braces in user
text stay text and nothing in a template can run.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mslt_it.config.files import parse_yaml, share_dir
from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.config.schema import build, key
from mslt_it.config.table_keys import argument, mapping_arguments
from mslt_it.data.labels import guessed
from mslt_it.data.mixing import hash_key
from mslt_it.data.placeholders import fill, literal, placeholders, refuse_placeholders
from mslt_it.data.spans import KINDS
from mslt_it.data.variants import (
    ENGLISH,
    PROMPT_VARIANTS,
    ChainForm,
    Exemplar,
    chain_form,
    check_variant,
    exemplars,
)
from mslt_it.languages import file_names
from mslt_it.problems import Problem, counted, nearest
from mslt_it.records import Example, Message, PromptedExample

# Without an instruction of the user's.
_INSTRUCTION = "Which of these fits the text?"
_INSTRUCTION_NAMES = (
    "Copy each name in the text, in the order of the text, after its kind, as in {first}: name | {last}: name. "
    "If there are none, write -"
)


@dataclass(frozen=True)
class _Content:
    """What stands in a prompt file."""

    templates: tuple[str, ...] = key(help="ways of asking, each with every field", example="['{text}']")
    cloze: tuple[str, ...] = key((), "ways of asking without the options, for task.choices=cloze")
    labels: Mapping[str, str] = key({}, "label -> word")
    wording: Mapping[str, Any] = key({}, "field -> value -> phrase")


@dataclass(frozen=True)
class PromptFile:
    """One language's way of asking: label words by label name, templates."""

    path: Path
    labels: Mapping[str, str]
    templates: tuple[str, ...]
    note: str = ""  # says when the file is not in the row's own language
    wording: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # field -> value -> phrase shown for it
    optional: frozenset[str] = frozenset()  # fields that may be empty; a line that shows an empty one is left out


def prompted(example: Example, task: TaskConfig, prompt: PromptConfig) -> PromptedExample:
    """The example as the model will see it: messages without the answer, the answer, the words it is scored against.
    Of a row without a label there is no answer.

    With ``prompt.variant`` other than "direct" the answer is a chain of thought and a last line; the chain is
    ``example.rationale``, where the row has one.
    """
    return _Asking.of(task, prompt, example.language).prompted(example)


def refuse_unasked(task: TaskConfig, prompt: PromptConfig, languages: Iterable[str]) -> None:
    """A Problem for a language whose rows cannot be asked about so, before any is read. Where the labels are still to
    be found, only an instruction of the user's own is looked at."""
    if task.shape == "classification" and not task.label_names and not task.instruction:
        return
    for code in languages:
        way = _Asking.of(task, prompt, code)
        _template(way.file, prompt, "")
        _ = way.opening  # reads the worked examples


def prompted_all(examples: Iterable[Example], task: TaskConfig, prompt: PromptConfig) -> list[PromptedExample]:
    """`prompted` of each."""
    found = list(examples)
    ways = {code: _Asking.of(task, prompt, code) for code in dict.fromkeys(e.language for e in found)}
    return [ways[example.language].prompted(example) for example in found]


@dataclass(frozen=True)
class _Asking:
    """How rows of one task and language are asked about."""

    task: TaskConfig
    prompt: PromptConfig
    language: str
    file: PromptFile
    form: ChainForm | None  # None: directly

    @staticmethod
    @functools.lru_cache(maxsize=256)
    def of(task: TaskConfig, prompt: PromptConfig, language: str) -> _Asking:
        check_variant(task, prompt.variant, PROMPT_VARIANTS)
        form = None if prompt.variant == "direct" else chain_form(task, prompt.variant, language)
        return _Asking(task, prompt, language, prompt_file(task, language, prompt), form)

    def prompted(self, example: Example) -> PromptedExample:
        """The example as the model will see it."""
        task, file, form, fields = self.task, self.file, self.form, example.fields
        if task.choice_names and example.label and example.label not in file.labels:
            raise Problem(
                f"{example.origin or example.id}: label '{example.label}' has no word in {file.path}. "
                f"{nearest(example.label, file.labels)}"
            )
        word, choices = self.word(example.label, fields), self.choices(fields)
        return PromptedExample(
            id=example.id,
            language=example.language,
            messages=(*self.opening, Message("user", self.ask(example))),
            answer=word if form is None else form.answer(example.rationale, word),
            choices=choices,
            label=example.label,
            references=example.references if form is None or not choices else (word,),
            is_written=form is not None or not choices,
            chain_language=form.language if form else "",
            # Numbers of an English chain are in English notation; labels are the question's own words.
            reading_language=ENGLISH if form and form.language == ENGLISH and not choices else "",
            group=task.group_key({**fields, **example.grouped_by} if example.grouped_by else fields),
            lengths=tuple(_length(task, choice) for choice in choices) if task.is_cloze else (),
            segments=tuple([fields[name] for name in task.input_fields]),
            answer_start=example.answer_start,
        )

    @functools.cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(self.file.labels[name] for name in self.task.choice_names)

    def choices(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """What a row's answer is chosen from, "" for an option that it lacks."""
        if not self.task.option_fields:
            return self.words
        options = [fields[name].strip() for name in self.task.option_fields]
        return tuple(
            option if self.task.is_cloze else word * bool(option)
            for option, word in zip(options, self.words, strict=True)
        )

    def word(self, label: str, fields: Mapping[str, str]) -> str:
        """What is answered."""
        if not self.task.choice_names or not label:
            return label
        return self.choices(fields)[self.task.choice_names.index(label)]

    @functools.cached_property
    def opening(self) -> tuple[Message, ...]:
        """What comes before the row: worked examples."""
        shots = exemplars(self.task, self.language, self.prompt.num_shots, first=self.prompt.first_shot or 0)
        return tuple(message for shot in shots for message in _shown(self, shot))

    def request(self, example: Example) -> str:
        """What is asked, without a word on how to answer where a chain is asked for: the templates of tasks that
        answer with a number want the bare number, so a chain is asked about the fields alone."""
        if self.form is None or self.words:
            return _text(self.file, self.prompt, example)
        texts = (example.fields[name] for name in self.task.input_fields)
        return "\n".join(text for text in texts if text.strip())

    def ask(self, example: Example) -> str:
        """The user's message."""
        request = self.request(example)
        if self.form is None:
            return request
        return self.form.ask(request, [word for word in self.choices(example.fields) if word], self.language)


def shown_fields(task: TaskConfig) -> tuple[str, ...]:
    """The input fields that a prompt shows: no options where they are what it goes on with."""
    return tuple(name for name in task.input_fields if not (task.is_cloze and name in task.option_fields))


def _length(task: TaskConfig, option: str) -> int:
    """What the option's log-likelihood is divided by; at least 1, also of one that a row lacks."""
    if task.option_length == "none":
        return 1
    return max(1, len(option.encode()) if task.option_length == "bytes" else len(option))


@dataclass(frozen=True)
class Outline:
    """How the rows of a task are asked in one language, with the fields' places in it.

    A message is a role and lines; a line is text, a field's name, text, a field's name, ... in turn. Lines with a field
    of ``optional`` that is empty are left out. A field of ``wording`` is shown by the phrase for its value.
    """

    messages: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
    labels: Mapping[str, str]  # label -> word, in the order in which they are scored; empty: free text
    wording: Mapping[str, Mapping[str, str]]
    optional: tuple[str, ...]
    num_templates: int  # above 1: one is drawn for each row, and this is the first


def outline(task: TaskConfig, prompt: PromptConfig, language: str) -> Outline:
    """What `prompted` makes of rows in a language."""
    is_drawn = prompt.template == "mixed"
    asking = _Asking.of(task, dataclasses.replace(prompt, template="0") if is_drawn else prompt, language)
    file, names = asking.file, task.input_fields
    places = {name: f"\ue000{number}\ue001" for number, name in enumerate(names)}
    plain = dataclasses.replace(asking, file=dataclasses.replace(file, wording={}))
    messages = [*asking.opening, Message("user", plain.ask(Example("", language, task.name, "", places, "")))]
    return Outline(
        tuple((one.role, tuple(_line(text, names) for text in one.content.split("\n"))) for one in messages),
        {} if task.is_cloze else dict(zip(task.choice_names, asking.words, strict=True)),
        file.wording,
        tuple(sorted(file.optional)),
        len(file.templates) if is_drawn else 1,
    )


def _line(text: str, names: Sequence[str]) -> tuple[str, ...]:
    parts = re.split("\ue000(\\d+)\ue001", text)
    return tuple(names[int(part)] if index % 2 else part for index, part in enumerate(parts))


def _shown(asking: _Asking, shot: Exemplar) -> list[Message]:
    """A worked example as a turn of the user and one of the assistant. A chain in English is the English example's."""
    task, prompt, form = asking.task, asking.prompt, asking.form
    item = Example(shot.id, asking.language, task.name, "", shot.fields, shot.label)
    answer = asking.word(shot.label, shot.fields)
    if form is not None and form.language == ENGLISH:
        shown = exemplars(task, ENGLISH, prompt.num_shots, first=prompt.first_shot or 0)
        english = next(example for example in shown if example.id == shot.id)
        in_english = dataclasses.replace(item, fields=english.fields, language=ENGLISH)
        retold = _Asking.of(task, prompt, ENGLISH).request(in_english)
        answer = form.answer(english.chain, answer, " ".join(retold.split()))
    elif form is not None:
        answer = form.answer(shot.chain, answer)
    return [Message("user", asking.ask(item)), Message("assistant", answer)]


def _text(file: PromptFile, prompt: PromptConfig, example: Example) -> str:
    fields = dict(example.fields)
    for name, phrases in file.wording.items():
        value = fields[name]
        if value not in phrases:
            raise Problem(
                f"{example.origin or example.id}: {name}={value[:80]!r} has no wording in {file.path}. "
                f"{nearest(value[:80], phrases)}"
            )
        fields[name] = phrases[value]
    template = _template(file, prompt, example.id)
    empty = {name for name in file.optional if not fields[name].strip()}
    if empty:
        lines = template.split("\n")
        template = "\n".join(line for line in lines if not empty & placeholders(line, fields, str(file.path)))
    text = fill(template, fields, str(file.path))
    return text.strip() if empty else text


@functools.lru_cache(maxsize=256)
def prompt_file(task: TaskConfig, language: str, prompt: PromptConfig) -> PromptFile:
    """The validated prompt file for a language; English, with a note, where the language has none."""
    if task.name == "custom" or task.instruction:
        return _own_prompt(task, language)
    folder = share_dir("eval") / "prompts" / task.prompt_folder
    paths = {path.stem: path for path in folder.glob("*.yaml")}
    paths |= {code: Path("prompts", task.prompt_folder, f"{code}.yaml") for code in task.prompts}  # the user's own
    own = file_names(language)
    wanted = ("en",) if prompt.language == "english" else (*own, "en")
    code = next((c for c in wanted if c in paths), None)
    if code is None:
        raise Problem(
            f"No prompt file of task '{task.prompt_folder}' for language '{wanted[0]}', and none in English. Found: "
            f"{', '.join(sorted(paths)) or 'none'}. Write prompts/{task.prompt_folder}/en.yaml (labels, templates) in "
            "the folder that you give with --config-dir, or the question itself: task.instruction='...'."
        )
    file = _read(paths[code], parse_yaml(paths[code], task.prompts.get(code)), task)
    if prompt.language == "native" and code not in own:
        file = dataclasses.replace(file, note=f"no prompt file of its own: prompted in English ({file.path.name})")
    if task.shape == "tagging" and not _names_kinds(file.templates, task.label_names):
        instead = _own_prompt(task, language)
        note = f"{code}.yaml does not ask for task.label_names ({', '.join(task.label_names)}); {instead.note}"
        return dataclasses.replace(instead, note=note)
    return file


def _names_kinds(templates: Sequence[str], kinds: Sequence[str]) -> bool:
    """Whether every template names all of the kinds, and none of WikiANN's that is not among them."""

    def named(kind: str, template: str) -> bool:
        return re.search(rf"(?<![A-Za-z]){re.escape(kind)}(?![A-Za-z])", template) is not None

    return all(
        all(named(kind, text) for kind in kinds) and not any(named(k, text) for k in KINDS if k not in kinds)
        for text in templates
    )


def _own_prompt(task: TaskConfig, language: str) -> PromptFile:
    """The prompt of a user's own task: the instruction, the fields, and the labels or kinds of names to choose from."""
    own = task.instruction
    key = next((k for k in (*file_names(language), "default", "en") if own.get(k)), "")
    where, note = f"task.instruction.{key}", ""
    names = task.label_names if task.shape in ("classification", "tagging") else ()
    if own and not key:
        raise Problem(
            f"task.instruction has no text for language '{language}' and none for all languages. "
            f"Give task.instruction.{language}='...' or 'task.instruction={{default: ...}}'. It has: {', '.join(own)}."
        )
    if own:
        text = own[key]
        if key == "en" and "en" not in file_names(language):
            note = "no task.instruction of its own: prompted with the English one"
    else:
        text = _INSTRUCTION if names else ""
        if task.shape == "tagging":
            text = literal(_INSTRUCTION_NAMES.format(first=names[0], last=names[-1]))
        note = "task.instruction is not given: " + (f"'{text}' is used" if text else "the text stands alone")
    lines = [text] if text else []
    shown, fields = placeholders(text, task.input_fields, where), shown_fields(task)
    for name in fields:
        if name not in shown:  # the instruction says by {name} where a field goes; else it comes after it
            lines.append(f"{{{name}}}" if len(fields) == 1 else f"{literal(name)}: {{{name}}}")
    if names and not task.is_cloze:
        lines.append(literal(" / ".join(names)))
    labels = dict(zip(task.choice_names, task.choice_names, strict=True))
    return PromptFile(
        Path("task.instruction"), labels, ("\n".join(lines),), note=note, optional=frozenset(task.optional_fields)
    )


def _read(path: Path, content: Any, task: TaskConfig) -> PromptFile:
    if not isinstance(content, dict):
        raise Problem(f"{path} must hold the keys labels and templates.")
    found, fields = build(_Content, content, str(path)), task.input_fields
    templates = found.cloze if task.is_cloze else found.templates
    if not templates:
        raise Problem(f"{path} has no prompt without options. Add cloze: ['{{FIELD}}'], or task.choices=shown.")
    for number, template in enumerate(templates):
        used = placeholders(template, fields, f"{path}: template {number}")
        if missing := [name for name in shown_fields(task) if name not in used]:
            raise Problem(f"{path}: template {number} never shows {{{missing[0]}}}, one of task.input_fields.")
    for name, phrases in found.wording.items():
        if name not in fields:
            raise Problem(f"{path}: wording is given for the unknown field '{name}'. {nearest(str(name), fields)}")
        if not isinstance(phrases, dict) or not all(isinstance(v, str) and v.strip() for v in phrases.values()):
            raise Problem(f"{path}: wording of '{name}' must map each value to a phrase.")
        for value, phrase in phrases.items():
            refuse_placeholders(phrase, f"{path}: wording of {name}={value}")
    _check_labels(path, found.labels, task.choice_names)
    return PromptFile(path, found.labels, templates, "", found.wording, frozenset(task.optional_fields))


def _check_labels(path: Path, labels: Mapping[str, str], label_names: tuple[str, ...]) -> None:
    remedy = ""
    if foreign := [name for name in label_names if name not in labels]:
        remedy = (
            f" These prompts know {', '.join(labels) or 'no label'}. If your file names them differently, keep "
            "these names and say what its words mean (a guess, check it): "
            f"{argument('task.label_names', tuple(labels))} "
            f"{mapping_arguments('task.labels', guessed(foreign, tuple(labels)))}"
        )
    for name in labels:
        if name not in label_names:
            raise Problem(f"{path}: label '{name}' is not in task.label_names. {nearest(name, label_names)}{remedy}")
    if foreign:
        raise Problem(
            f"{path}: label '{foreign[0]}' of task.label_names has no word. {nearest(foreign[0], labels)}{remedy}"
        )
    for name, word in labels.items():
        if not word.strip():
            raise Problem(f"{path}: the word for label '{name}' is empty. Write one.")
        refuse_placeholders(word, f"{path}: the word for label '{name}'")
        for other, longer in labels.items():
            if name != other and longer.startswith(word):
                raise Problem(
                    f"{path}: the answer '{word}' ({name}) is a prefix of '{longer}' ({other}), so their first "
                    "tokens cannot tell them apart. Use words none of which is a prefix of another."
                )


def _template(file: PromptFile, prompt: PromptConfig, item_id: str) -> str:
    if prompt.template == "mixed":
        return file.templates[hash_key("template", item_id) % len(file.templates)]
    if not prompt.template.isdecimal() or int(prompt.template) >= len(file.templates):
        raise Problem(
            f"prompt.template={prompt.template}: {file.path} has {counted(len(file.templates), 'template')}. Write a "
            f"number from 0 to {len(file.templates) - 1}, or mixed: one per row."
        )
    return file.templates[int(prompt.template)]
