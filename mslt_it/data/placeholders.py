"""Filling ``{field}`` placeholders in one pass: text that is filled in is never looked at again.

A field's name may be anything (``{customer message}``, ``{text [en]}``, ``{メッセージ}``). Whatever else stands between
braces in a template is a mistake and refused; braces that are meant as text are doubled, as in Python: ``{{x}}``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping

from mslt_it.problems import Problem, nearest

_BRACES = re.compile(r"\{[^{}]*\}")


@functools.lru_cache(maxsize=1024)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Group 1: the name of a field. Group 2: doubled braces. Neither: something else between braces."""
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"\{{({known or '(?!)'})\}}|(\{{\{{|\}}\}})|\{{[^{{}}]*\}}")


def fill(template: str, fields: Mapping[str, str], where: str = "the text") -> str:
    """The template with every {field} replaced; a Problem, naming ``where``, for a placeholder that is none of them."""

    def value(match: re.Match[str]) -> str:
        if match[1] is not None:
            return fields[match[1]]
        if match[2]:
            return match[2][0]
        raise _unknown(match[0], fields, where)

    return _pattern(tuple(fields)).sub(value, template)


def placeholders(template: str, names: Iterable[str], where: str) -> set[str]:
    """The names that a template shows; a Problem for anything else between braces."""
    known = dict.fromkeys(names, "")
    fill(template, known, where)
    return {match[1] for match in _pattern(tuple(known)).finditer(template)} - {None}


def refuse_placeholders(text: str, where: str) -> None:
    """A Problem where a text that is shown as it is holds something that looks like a placeholder."""
    if found := _BRACES.search(text):
        raise Problem(f"{where} is shown as it is, so {found[0][:80]} would stand there unfilled. Remove the braces.")


def literal(text: str) -> str:
    """The text as a template that shows it unchanged."""
    return text.replace("{", "{{").replace("}", "}}")


def _unknown(found: str, names: Iterable[str], where: str) -> Problem:
    name = found[1:-1]
    return Problem(
        f"{where} has the unknown placeholder {{{name[:80]}}}. {nearest(name, names)} "
        f"If it is text, double its braces: {{{found[:80]}}}."
    )
