"""Answers read from generated texts in 26 languages: ours beside lm-eval's filters, on both hand-written suites.

    pip install -e '.[test,eval]'; python benchmarks/answer_reading.py > benchmarks/results/answer_reading.txt

The first table has the cases of tests/evaluation/answers (26 languages, what stands around an answer × what it says)
and of the later rounds, the second those of tests/evaluation/answers_suite.tsv (11 languages). The third says how the
texts of each round were read when the reader had not been mended for them yet. An answer is right, wrong (another value
or label, or one where there is none), or unparsable.

lm-eval's filters are run by its own classes with the settings of its installed tasks: for numbers the flexible-extract
filter of MGSM (the last number), for labels that of GPQA (multi_choice_regex, the last of the choices), which lm-eval
has for English only. A number is right if lm-eval's exact_match without punctuation says so, or if it has the right
value once "," and "$" are left out.
"""

from __future__ import annotations

import argparse
import string
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lm_eval
import yaml
from lm_eval.filters.extraction import MultiChoiceRegexFilter, RegexFilter

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "evaluation"))

import answer_matrix
import test_answers
from answer_matrix import Case

from mslt_it.evaluation.answers.labels import read_label
from mslt_it.evaluation.answers.numbers import parse_number

INVALID = "[invalid]"  # what lm-eval's filters give where nothing matches
PUNCTUATION = str.maketrans("", "", string.punctuation)
VERDICTS = ("right", "wrong", "unparsable")


def settings(task: str) -> dict[str, Any]:
    """The settings of an installed task's flexible-extract filter."""
    text = (Path(lm_eval.__file__).parent / "tasks" / task).read_text(encoding="utf-8")
    entries = yaml.safe_load(text.replace("!function", ""))["filter_list"]
    chosen = dict(next(entry["filter"][0] for entry in entries if entry["name"] == "flexible-extract"))
    del chosen["function"]
    return chosen


LAST_NUMBER = RegexFilter(**settings("mgsm/native_cot/mgsm_native_cot_en.yaml"))
LAST_CHOICE = MultiChoiceRegexFilter(**settings("gpqa/generative/_gpqa_generative_n_shot_yaml"))


def theirs(cases: Sequence[Case], words: Callable[[Case], dict[str, str]]) -> list[str]:
    """All at once: multi_choice_regex makes a table of all Unicode punctuation in each call."""
    numbers = [case for case in cases if case.kind == "number"]
    labels = [case for case in cases if case.kind != "number"]
    found = dict(zip(numbers, next(iter(LAST_NUMBER.apply([[case.text for case in numbers]], [{}]))), strict=True))
    choices = [{"choices": list(words(case).values())} for case in labels]
    for case, (letter,) in zip(labels, LAST_CHOICE.apply([[case.text] for case in labels], choices), strict=True):
        found[case] = dict(zip((f"({sign})" for sign in "ABCDEFG"), words(case), strict=False)).get(letter, letter)
    for case in numbers:
        bare, expected = (text.translate(PUNCTUATION) for text in (found[case], case.expected))
        # lm-eval's exact_match leaves out punctuation, so that "1.250" is 1250.
        found[case] = case.expected if bare == expected else found[case].replace(",", "").replace("$", "").rstrip(".")
    return ["" if found[case] == INVALID else found[case] for case in cases]


def ours(case: Case, words: Callable[[Case], dict[str, str]]) -> str:
    if case.kind == "number":
        number = parse_number(case.text, case.language, case.question)
        return "" if number is None else str(number)
    answer = read_label(case.text, case.language, words(case))
    return "" if answer is None else answer.label


def verdict(found: str, case: Case) -> str:
    if case.kind == "number" and found and case.expected:
        try:
            return "right" if Decimal(found) == Decimal(case.expected) else "wrong"
        except InvalidOperation:
            return "wrong"
    return "right" if found == case.expected else "wrong" if found else "unparsable"


def table(cases: Sequence[Case], words: Callable[[Case], dict[str, str]]) -> None:
    counts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for case, found in zip(cases, theirs(cases, words), strict=True):
        counts[case.language]["ours", verdict(ours(case, words), case)] += 1
        counts[case.language]["lm-eval", verdict(found, case)] += 1
    counts["all"] = sum(counts.values(), Counter())
    heads = [f"{who}: {name}" for who in ("ours", "lm-eval") for name in VERDICTS]
    print(f"| language | n | {' | '.join(heads)} |\n|---|---|{'---|' * len(heads)}")
    for language, count in counts.items():
        total = sum(count.values()) // 2
        shares = [f"{100 * count[who, name] / total:.1f}" for who in ("ours", "lm-eval") for name in VERDICTS]
        print(f"| {language} | {total} | {' | '.join(shares)} |")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(f"lm_eval {version('lm_eval')}; per cent of the cases\n\ntests/evaluation/answers:\n")
    all_words = {language: answer_matrix.words(language) for language in answer_matrix.LANGUAGES}
    matrix = [case for language in answer_matrix.LANGUAGES for case in answer_matrix.cases(language)]
    table(matrix, lambda case: all_words[case.language][case.kind])
    print("\ntests/evaluation/answers_suite.tsv:\n")
    table([Case(*row) for row in test_answers.suite()], lambda case: test_answers.LABELS[case.kind][case.language])
    print("\ntests/evaluation/answers_rounds.tsv, as recorded when each text was read for the first time:\n")
    first: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for case, number, at_first in answer_matrix.rounds():
        first[number][case.language][at_first] += 1
    print(f"| round | n | {' | '.join(VERDICTS)} | least right |\n|---|---|{'---|' * (len(VERDICTS) + 1)}")
    for number in sorted(first, key=int):
        languages = first[number]
        count = sum(languages.values(), Counter())
        total = sum(count.values())
        least, right = min(
            ((code, row["right"] / sum(row.values())) for code, row in languages.items()), key=lambda pair: pair[1]
        )
        shares = [f"{100 * count[name] / total:.1f}" for name in VERDICTS]
        print(f"| {number} | {total} | {' | '.join(shares)} | {least} {100 * right:.1f} |")


if __name__ == "__main__":
    main()
