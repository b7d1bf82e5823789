"""Variants of asking: with a chain of thought in the question's language or in English, and cross-lingual thought.

eval/variants/cot_native/<language>.yaml   think step by step in that language, then one last line: cue and answer
eval/variants/cot_english.yaml             the same in English, whatever language the question is in
eval/variants/xlt.yaml                     cross-lingual-thought prompting (Huang et al. 2023): as an expert, retell the
                                           request in English, solve it step by step, answer in a fixed form
eval/variants/translate.yaml               translate-then-solve: one text into English, a stage of its own
eval/exemplars/<task>/<language>.yaml      worked examples, parallel over languages

A chain is asked for where the answer can be read out of it: a label or a number. All files are data: ``{labels}`` and
the like are filled in one pass.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mslt_it.config.files import parse_yaml, share_dir
from mslt_it.config.recipe import TaskConfig
from mslt_it.data.placeholders import fill, placeholders, refuse_placeholders
from mslt_it.languages import bare, file_names, language_name
from mslt_it.problems import Problem, nearest

CHAINS = ("cot_native", "cot_english", "xlt")
PROMPT_VARIANTS = ("direct", *CHAINS)  # those that a row is prompted with as it is, in training too
VARIANTS = (*PROMPT_VARIANTS, "translate_solve")
ENGLISH = "en"

Kind = Literal["label", "number"]
_CHAIN_FIELDS = ("request", "labels", "language", "role")


@dataclass(frozen=True)
class Exemplar:
    """A worked example: an item of the task in one language, and the steps that lead to its answer."""

    id: str
    fields: Mapping[str, str]
    label: str  # a label's name, or the number
    chain: str


@dataclass(frozen=True)
class ChainForm:
    """How a chain of thought is asked for and written down: the question before it, the last line after it."""

    language: str  # of the chain
    cue: str  # opens the last line, its space included
    template: str  # {request}, {labels}, {role}, {language}
    join: str
    role: str = ""
    retold: str = ""  # opens the retelling of the request in English, in worked examples; empty: none is asked for

    def ask(self, request: str, labels: Sequence[str], language: str) -> str:
        """The user's message about ``request``, which is in ``language``."""
        values = {
            "labels": self.join.join(labels),
            "language": language_name(language),
            "role": self.role,
            "request": request,
        }
        text = fill(self.template, values)
        return text if "{request}" in self.template else f"{request}\n\n{text}"

    def answer(self, chain: str, word: str, request_in_english: str = "") -> str:
        """A whole answer: the chain, then the last line."""
        retold = f"{self.retold}{request_in_english}\n" if self.retold and request_in_english else ""
        return f"{retold}{chain.strip()}\n{self.cue}{word}"


def answer_kind(task: TaskConfig) -> Kind | None:
    """What a chain of thought about this task ends in; None where no chain is asked for (names, spans, free text)."""
    if task.shape == "classification":
        return "label"
    return "number" if task.metric == "number_accuracy" else None


def check_variant(task: TaskConfig, variant: str, known: Sequence[str] = VARIANTS) -> None:
    """A Problem for an unknown variant, or one that the task has not."""
    if variant not in known:
        raise Problem(f"variant={variant} is unknown. {nearest(variant, known)}")
    if variant not in ("direct", "translate_solve") and task.is_cloze:
        raise Problem(
            f"variant={variant} ends in a label's word, and with task.choices=cloze options have none. Write "
            "task.choices=shown, or variant=direct."
        )
    if variant != "direct" and answer_kind(task) is None:
        raise Problem(f"variant={variant} ends in a label or number; task={task.name} has neither. Use variant=direct.")


@functools.lru_cache(maxsize=256)
def chain_form(task: TaskConfig, variant: str, language: str) -> ChainForm:
    """The form of one of `CHAINS` for questions in ``language``."""
    kind = answer_kind(task)
    assert kind is not None and variant in CHAINS
    root = share_dir("eval") / "variants"
    if variant == "cot_native":
        root = root / variant
        if (path := _of_language(root, language)) is None:
            raise Problem(
                f"variant=cot_native has no text for language '{language}'. "
                f"{nearest(language, [p.stem for p in root.glob('*.yaml')])} Add "
                f"{root / bare(language)}.yaml, or use variant=cot_english."
            )
        chain_language = path.stem
    else:
        path, chain_language = root / f"{variant}.yaml", ENGLISH
    content = parse_yaml(path)
    placeholders(content[kind], _CHAIN_FIELDS, f"{path}: {kind}")
    roles = content.get("roles", {})
    fixed = {key: content.get(key, "") for key in ("cue", "join", "retold")}
    for key, text in (*fixed.items(), *((f"roles.{name}", text) for name, text in roles.items())):
        refuse_placeholders(text, f"{path}: {key}")
    return ChainForm(
        language=chain_language,
        cue=content["cue"],
        template=content[kind],
        join=content.get("join", ", "),
        role=roles.get(task.name, roles.get("default", "")),
        retold=content.get("retold", ""),
    )


def translation_request(text: str, language: str) -> str:
    """The user's message that asks for one text in English."""
    path = share_dir("eval") / "variants" / "translate.yaml"
    return fill(_read(path)["text"], {"text": text, "language": language_name(language)}, str(path))


@functools.lru_cache(maxsize=256)
def exemplars(task: TaskConfig, language: str, num: int, first: int = 0) -> tuple[Exemplar, ...]:
    """``num`` worked examples of a task in a language from number ``first`` on, in a circle; the same in every one."""
    if num == 0:
        return ()
    root = share_dir("eval") / "exemplars" / task.name
    if (path := _of_language(root, language)) is None:
        known = sorted(p.stem for p in root.glob("*.yaml"))
        where = f"{root} has: {', '.join(known)}." if known else f"Task '{task.name}' has none ({root})."
        raise Problem(
            f"num_shots={num}: there are no worked examples of task '{task.name}' in language '{language}'. {where} "
            f"Add {language}.yaml there, or use num_shots=0."
        )
    found = parse_yaml(path)
    if num > len(found):
        raise Problem(f"num_shots={num}: {path} has {len(found)} worked examples. Use num_shots={len(found)}.")
    rows = []
    start = first % len(found)
    for row in (found[start:] + found[:start])[:num]:
        if missing := [name for name in task.input_fields if name not in row["fields"]]:
            raise Problem(f"{path}: example '{row['id']}' has no field '{missing[0]}', one of task.input_fields.")
        for key, text in (*row["fields"].items(), ("label", str(row["label"])), ("chain", row["chain"])):
            refuse_placeholders(text, f"{path}: '{key}' of example '{row['id']}'")
        rows.append(Exemplar(row["id"], row["fields"], str(row["label"]), row["chain"]))
    return tuple(rows)


def _of_language(folder: Path, language: str) -> Path | None:
    """The file of a language, else of the language without its script and region."""
    return next((p for c in file_names(language) if (p := folder / f"{c}.yaml").is_file()), None)


_read = functools.cache(parse_yaml)  # of the package's files, which stay as they are
