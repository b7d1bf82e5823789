"""Answers in 26 languages: what stands around them × what they say. The words are in answers/CODE.yaml.

A file's ``around`` are sentences with {} for the answer: those of ``any`` are filled with every label of all tasks and
with every number, the others with those of their task. ``read`` and ``later`` list whole texts under the value that
they give; those of ``unread`` give none. `FRAMES` holds the marks that people use in every language.

What is expected was written down by hand, never taken from the reader. When all but ``later`` had been written, the
reader of 11 languages got 87.4 % of it right, 4.6 % wrong; the rules were then mended until all of it was read. The
texts of ``later`` were written after that, in shapes that none of the others has. Of the first 416, 74 % were right
at once, 7 % wrong and 19 % unparsable (of 104 numbers all were right); when the rules had been mended, of 130 more
94 % were right, none wrong and 6 % unparsable, and the rules mended again. So the suite says that known shapes are
read, and these figures what to expect of new ones.

`ROUNDS` holds what was written later in rounds, each before the reader had seen any of it and mended after it:
options with letters, four options and paraphrases besides. What was made of each text at first sight stands beside it
(the first round was read by the reader of before, the third by one that had been mended for the first two). Rounds 7
to 9, 13 to 17 and 19 are numbers in the same way, 10 to 12, 18 and 20 labels, topics and options; the shapes of 7 to
12, 14 and 17 to 20 are much the same in many languages, so 26 texts may stand for one kind. Of 13 to 15 and 19, 43
texts were left out whose value a careful reader cannot know either. The tables of relations were written between 18
and 20, by the same hand. Rounds 27 to 30 are numbers with the questions that they answer, in shapes that need them:
what was made of 27 at first sight is without its questions, of the others with them. Questions were also given to
21 older texts that nobody can be sure of without one.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mslt_it.config.files import share_dir

ROUNDS = Path(__file__).with_name("answers_rounds.tsv")
FOLDER = Path(__file__).with_name("answers")
LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
KINDS = (
    "xnli",
    "sentiment",
    "choice",
    "number",
)  # of every file; the rounds have more
NTH = ("first", "second", "third", "fourth")
STOPS = {"bn": "।", "hi": "।", "ja": "。", "th": "", "ur": "۔", "zh": "。"}  # elsewhere "."
# {} is the answer, CUE the word for "answer" with its colon, STOP what ends a sentence.
FRAMES = ("{}", "{}STOP", "**{}**", '"{}"STOP', "CUE{}", "CUE**{}**STOP", "**CUE**{}", "\\boxed{{}}")
LABEL_FRAMES = ("$\\boxed{\\text{{}}}$STOP", "CUE\\(\\boxed{{}}\\)STOP", "### CUE\n{}")
NUMBER_FRAMES = ("$\\boxed{{}}$STOP", "CUE\\(\\boxed{{}}\\)STOP", "### CUE\n{}")


@dataclass(frozen=True)
class Case:
    """A generated text and what it says: a label's name, a number in ASCII digits, "" for nothing."""

    language: str
    kind: str
    text: str
    expected: str
    question: str = ""  # what a number answers, where that is known


@functools.cache
def content(language: str) -> dict[str, Any]:
    """A file as it is: every value is text (no "No" is a boolean)."""
    text = (FOLDER / f"{language}.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # this loader makes nothing but text
    return loaded


@functools.cache  # each case asks for its words
def words(language: str) -> dict[str, dict[str, str]]:
    """Kind -> label's name -> its word."""
    written = content(language)["words"]
    yes_or_no = {"paraphrase": written["xnli"]["entailment"], "different": written["xnli"]["contradiction"]}
    nth = {name: str(number) for number, name in enumerate(NTH, start=1)}
    choice = {name: nth[name] for name in NTH[:2]}
    prompts = share_dir("eval") / "prompts" / "sib200" / f"{language}.yaml"
    if prompts.is_file():
        written = {**written, "topic": yaml.safe_load(prompts.read_text(encoding="utf-8"))["labels"]}
    return {**written, "choice": choice, "four": nth, "letters": {sign: sign for sign in "ABCD"}, "pawsx": yes_or_no}


@functools.cache
def rounds() -> list[tuple[Case, str, str]]:
    """The texts of `ROUNDS`, with their round and what was made of them at first sight."""
    with ROUNDS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, restval="", delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        (
            Case(row["language"], row["kind"], _unescaped(row["text"]), row["expected"], row["question"]),
            row["round"],
            row["at_first"],
        )
        for row in rows
    ]


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda sign: {"n": "\n", "\\": "\\"}[sign[1]], text)


@functools.cache
def cases(language: str) -> list[Case]:
    """All cases of a language, each text once per kind."""
    written = [case for case, _, _ in rounds() if case.language == language]
    return list(dict.fromkeys([*_cases(language), *written]))


def _cases(language: str) -> Iterator[Case]:
    file = content(language)
    variant = share_dir("eval") / "variants" / "cot_native" / f"{language}.yaml"
    cue = yaml.safe_load(variant.read_text(encoding="utf-8"))["cue"]
    answers = {kind: {word: name for name, word in words(language)[kind].items()} for kind in KINDS[:3]}
    answers["number"] = dict(file["numbers"])
    for kind, values in answers.items():
        listed = [*file["read"].get(kind, {}).items(), *file["later"].get(kind, {}).items()]
        frames = FRAMES + (NUMBER_FRAMES if kind == "number" else LABEL_FRAMES)
        around = [*frames, *file["around"]["any"], *file["around"].get(kind, ())]
        for frame in around:
            framed = frame.replace("CUE\n", f"{cue.strip()}\n").replace("CUE", cue)
            framed = framed.replace("STOP", STOPS.get(language, "."))
            for written, expected in values.items():
                yield Case(language, kind, framed.replace("{}", written), expected)
        for expected, texts in listed:
            for text in texts:
                yield Case(language, kind, text, "" if expected == "unread" else expected)
    exemplars = share_dir("eval") / "exemplars" / "mgsm" / f"{language}.yaml"
    if exemplars.is_file():  # chains without the line of the answer
        for item in yaml.safe_load(exemplars.read_text(encoding="utf-8")):
            yield Case(language, "number", item["chain"], item["label"])
