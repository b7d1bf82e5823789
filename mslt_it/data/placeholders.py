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
def _parts(template: str, names: tuple[str, ...], where: str) -> tuple[tuple[str, bool], ...]:
    """The template in pieces: (a text, False) or (a field's name, True)."""
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    # Group 1: the name of a field. Group 2: doubled braces. Neither: something else between braces.
    pattern = re.compile(rf"\{{({known or '(?!)'})\}}|(\{{\{{|\}}\}})|\{{[^{{}}]*\}}")
    parts, end = list[tuple[str, bool]](), 0
    for match in pattern.finditer(template):
        if match[1] is None and not match[2]:
            raise _unknown(match[0], names, where)
        is_field = match[1] is not None
        parts += [(template[end : match.start()], False), (match[1] if is_field else match[2][0], is_field)]
        end = match.end()
    return (*parts, (template[end:], False))


def fill(template: str, fields: Mapping[str, str], where: str = "the text") -> str:
    """The template with every {field} replaced; a Problem, naming ``where``, for a placeholder that is none of them."""
    return "".join([fields[p] if is_field else p for p, is_field in _parts(template, tuple(fields), where)])


def placeholders(template: str, names: Iterable[str], where: str) -> set[str]:
    """The names that a template shows; a Problem for anything else between braces."""
    return {part for part, is_field in _parts(template, tuple(names), where) if is_field}


def refuse_placeholders(text: str, where: str) -> None:
    """A Problem where a text that is shown as it is holds something that looks like a placeholder."""
    if found := _BRACES.search(text):
        raise Problem(f"{where} is shown as it is, so {found[0][:80]} would not be filled in. Remove the braces.")


def literal(text: str) -> str:
    """The text as a template that shows it unchanged."""
    return text.replace("{", "{{").replace("}", "}}")


def _unknown(found: str, names: Iterable[str], where: str) -> Problem:
    name = found[1:-1]
    return Problem(
        f"{where} has the unknown placeholder {{{name[:80]}}}. {nearest(name, names)} "
        f"If it is text, double its braces: {{{found[:80]}}}."
    )
