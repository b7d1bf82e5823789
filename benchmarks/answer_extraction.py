"""Numbers read from generated answers: ours beside the filters of lm-eval's MGSM tasks, on the hand-written suite.

    pip install --no-deps --target FOLDER "lm_eval==0.4.13"
    python benchmarks/answer_extraction.py FOLDER

The cases are the numbers of tests/evaluation/answers_suite.tsv. lm-eval's filters are read from its installed task
files (native chain of thought: strict-match, which wants its own sentence, and flexible-extract, which takes the last
number) and run by its own classes. What they return is compared as lm-eval's exact_match does, without case and
punctuation, to the answer in digits as its own references are ("70000", "-7"). Two further columns are kinder than
lm-eval is: strict first, then flexible; and numbers compared by value ("18.00" is 18, "1.250" is 1250 where the
language writes it so).
Cases without an answer count as right where a filter finds none.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import string
import sys
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from mslt_it.evaluation.answers.numbers import parse_number

SUITE = Path(__file__).parents[1] / "tests" / "evaluation" / "answers_suite.tsv"
INVALID = "[invalid]"  # what lm-eval's regex filter gives where nothing matches


def number_cases() -> list[tuple[str, str, str]]:
    """Language, text and the answer in ASCII digits ("" = none)."""
    signs = {"n": "\n", "\\": "\\"}
    rows = [line.split("\t") for line in SUITE.read_text(encoding="utf-8").splitlines()[1:]]
    return [
        (language, re.sub(r"\\(.)", lambda sign: signs[sign[1]], text), expected)
        for language, kind, text, expected, _ in rows
        if kind == "number"
    ]


def stock_filters(folder: Path, language: str) -> dict[str, Callable[[str], str]]:
    """Filter name -> text -> extracted text, as the installed MGSM task of a language has them."""
    from lm_eval.filters.extraction import RegexFilter

    path = folder / "lm_eval" / "tasks" / "mgsm" / "native_cot" / f"mgsm_native_cot_{language}.yaml"
    filters: dict[str, Callable[[str], str]] = {}
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["filter_list"]:
        settings = dict(entry["filter"][0])
        if settings.pop("function") != "regex":
            raise SystemExit(f"{path}: filter '{entry['name']}' is not a regex. Install lm_eval 0.4.13.")
        stock: Any = RegexFilter(**settings)
        filters[entry["name"]] = lambda text, stock=stock: next(iter(stock.apply([[text]], [{}])))[0]
    return filters


def exact_match(found: str, expected: str) -> bool:
    """lm-eval's exact_match with ignore_case and ignore_punctuation; "" is expected of a text without an answer."""
    if not expected:
        return found == INVALID
    bare = str.maketrans("", "", string.punctuation)
    return found.lower().translate(bare) == expected.lower().translate(bare)


def same_value(found: str, expected: str, language: str) -> bool:
    number = None if found == INVALID else parse_number(found, language)
    return number == (Decimal(expected) if expected else None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where lm_eval was installed with pip --target")
    folder = parser.parse_args().folder
    if not (folder / "lm_eval").is_dir():
        print(f"{folder} holds no lm_eval. Install it there: see the top of {Path(__file__).name}.", file=sys.stderr)
        return 2
    sys.path.append(str(folder))  # at the end: what this environment has of other packages stays in use
    version = next(d.version for d in importlib.metadata.distributions(path=[str(folder)]) if d.name == "lm_eval")
    right: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    total: dict[str, int] = defaultdict(int)
    for language, text, expected in number_cases():
        filters = stock_filters(folder, language)
        found = {name: function(text) for name, function in filters.items()}
        strict, flexible = found["strict-match"], found["flexible-extract"]
        either = flexible if strict == INVALID else strict
        results = {
            "ours": parse_number(text, language) == (Decimal(expected) if expected else None),
            "strict": exact_match(strict, expected),
            "flexible": exact_match(flexible, expected),
            "strict or flexible": exact_match(either, expected),
            "flexible, by value": same_value(flexible, expected, language),
        }
        total[language] += 1
        for name, is_right in results.items():
            right[name][language] += is_right
    print(f"lm_eval {version}, {SUITE.name}: {sum(total.values())} texts with a number, or none, to be found\n")
    print("| language | n | " + " | ".join(right) + " |")
    print("|---|---|" + "---|" * len(right))
    for language in sorted(total):
        shares = " | ".join(f"{100 * counts[language] / total[language]:.1f}" for counts in right.values())
        print(f"| {language} | {total[language]} | {shares} |")
    shares = " | ".join(f"{100 * sum(counts.values()) / sum(total.values()):.1f}" for counts in right.values())
    print(f"| all | {sum(total.values())} | {shares} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
