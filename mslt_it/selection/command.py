"""``mslt select pool=[ar,de,en] k=2 ...``: rank sets of source languages without training."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mslt_it.problems import Problem, nearest
from mslt_it.selection.criteria import BEYOND_CRITERIA, CRITERIA, POOLS

# key -> (kind, default, what it is)
OPTIONS: dict[str, tuple[str, str, str]] = {
    "pool": ("list", "paper", f"candidates: codes, or {', '.join(POOLS)} (also inside a list: [paper,ja])"),
    "k": ("int", "3", "languages in a set"),
    "targets": ("list", "[]", "languages to transfer to; left out of the pool"),
    "must": ("list", "[]", "languages every set must hold"),
    "exclude": ("list", "[]", "candidates to leave out"),
    "cost": ("map", "{}", "labelling cost per language, 1 where not given: {ar:2,zh:1.5}"),
    "max_cost": ("float", "none", "budget of a set, in the units of cost"),
    "model": ("str", "world", "base model: a folder, a Hub id, or world (the embedded mini model)"),
    "text": ("str", "(world)", "folder with CODE.txt per language, a sentence a line; needed for other models"),
    "criteria": ("list", "all", "only these; see below"),
    "top": ("int", "10", "sets shown per criterion"),
    "seed": ("int", "0", "of the criterion random, the world's sentences and greedy search"),
    "uriel": ("map", "{}", "lang2vec codes instead of its own two-letter table: {ar:arb}"),
    "sizes": ("map", "{}", "pretraining sizes per language, instead of the model's published ones"),
    "values": ("str", "knn", "lang2vec values: knn (gaps imputed) or average (data only)"),
    "diversity_weight": ("float", "0.5", "0 to 1: share of diversity in target_coverage"),
    "figure": ("str", "none", "file (.svg, .png, .pdf) for a map of the languages by typology"),
}


def main(argv: Sequence[str]) -> int:
    """Parses, ranks, prints; 0 = at least one criterion was computed."""
    if any(argument in ("-h", "--help") for argument in argv):
        print(help_text())
        return 0
    options, as_json = parse(argv)
    figure = options.pop("figure", None)
    if figure is not None:
        from mslt_it.selection.figure import check_path

        check_path(figure)
    from mslt_it.selection.ranking import rank_source_sets

    selection = rank_source_sets(**options)
    written = None
    if figure is not None:
        from mslt_it.selection.figure import write_figure

        written = write_figure(selection, figure)
    if as_json:
        import json

        json.dump(selection.to_json(), sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
        print()
        return 0
    from rich.console import Console

    from mslt_it.selection.report import print_report

    # Not in a terminal the width is unknown; 80 columns would break the titles.
    print_report(selection, Console() if sys.stdout.isatty() else Console(width=120))
    if written is not None:
        print(f"Figure: {Path(written)}")
    return 0


def help_text() -> str:
    """Usage, options with defaults, criteria."""
    lines = [
        "usage: mslt select [KEY=VALUE ...] [--json]",
        "",
        "Rank every set of k source languages by each criterion, without training, and say why.",
        "Quote brackets for the shell:",
        "  mslt select 'pool=[ar,de,en,es,fr,ru,zh]' k=3",
        "  mslt select pool=xnli k=3 'targets=[sw,th,tr,ur]' 'must=[en]' model=bigscience/bloom-7b1",
        "",
        "KEY=VALUE (type, default)",
        *(f"  {key:<17} {kind:<6} {default:<8} {text}" for key, (kind, default, text) in OPTIONS.items()),
        "  --json                            print JSON instead of tables",
        "",
        "criteria (* beyond the paper)",
        *(f"  {name + (' *' if name in BEYOND_CRITERIA else ''):<23} {text}" for name, text in CRITERIA.items()),
        "",
        "pools",
        *(f"  {name:<8} {', '.join(codes)}" for name, codes in POOLS.items()),
    ]
    return "\n".join(lines)


def parse(argv: Sequence[str]) -> tuple[dict[str, Any], bool]:
    """``KEY=VALUE`` tokens and ``--json`` -> (arguments of ``rank_source_sets`` and figure, JSON wanted)."""
    options: dict[str, Any] = {}
    as_json = False
    for argument in argv:
        if argument == "--json":
            as_json = True
            continue
        if argument.startswith("-"):
            raise Problem(f"Unknown option '{argument}'. {nearest(argument, ['--json', '--help'])}")
        key, equals, value = argument.partition("=")
        if not equals:
            raise Problem(
                f"Argument '{argument}' is not KEY=VALUE. Write for example k=3. Known: {', '.join(OPTIONS)}."
            )
        if key not in OPTIONS:
            raise Problem(f"Unknown key '{key}'. {nearest(key, OPTIONS)}")
        if key in options:
            raise Problem(f"{key} is given twice. Keep one.")
        options[key] = _value(key, OPTIONS[key][0], value.strip())
    return options, as_json


def _value(key: str, kind: str, text: str) -> Any:
    if not text:
        raise Problem(f"{key}= has no value. Leave it out for the default ({OPTIONS[key][1]}).")
    if kind == "list":
        return _list(key, text)
    if kind == "map":
        return _map(key, text)
    if kind == "str":
        return text
    return _number(key, text, int if kind == "int" else float)


def _list(key: str, text: str) -> list[str]:
    inner = re.fullmatch(r"\[(.*)\]", text)
    if inner is None:
        if re.fullmatch(r"[\w-]+", text) and (key == "pool" and text in POOLS):
            return [text]
        known = f" or a name ({', '.join(POOLS)})" if key == "pool" else ""
        raise Problem(f"{key}={text} is not a list{known}. Write {key}=[{text.strip('[]')}], quoted for the shell.")
    return [_bare(key, item) for item in inner.group(1).split(",")] if inner.group(1).strip() else []


def _map(key: str, text: str) -> dict[str, Any]:
    inner = re.fullmatch(r"\{(.*)\}", text)
    example = "{ar:arb}" if key == "uriel" else "{ar:2,zh:1.5}"
    if inner is None:
        raise Problem(f"{key}={text} is not a map. Write for example {key}={example}, quoted for the shell.")
    result: dict[str, Any] = {}
    for item in inner.group(1).split(","):
        code, colon, value = item.partition(":")
        if not colon:
            raise Problem(f"{key}: '{item.strip()}' is not CODE:VALUE. Write for example {key}={example}.")
        code, value = _bare(key, code), _bare(key, value)
        if code in result:
            raise Problem(f"{key}: '{code}' is given twice. Remove one.")
        result[code] = value if key == "uriel" else _number(f"{key} of {code}", value, float)
    return result


def _bare(key: str, text: str) -> str:
    word = text.strip().strip("'\"")
    if not word:
        raise Problem(f"{key}: an item is empty. Remove the comma too much.")
    return word


def _number(name: str, text: str, kind: type) -> Any:
    try:
        value = kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise Problem(f"{name}={text} is not {what}.") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise Problem(f"{name}={text} is not a finite number.")
    return value
