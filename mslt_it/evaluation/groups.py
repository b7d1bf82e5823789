"""Means over the unseen languages of one family or one script."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mslt_it.evaluation.estimates import Settings, macro
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import Measure
from mslt_it.languages import likely_script, primary, script_name
from mslt_it.problems import Problem
from mslt_it.selection.typology import family_names, uriel_code


@dataclass(frozen=True)
class GroupMean:
    """One system's mean over the unseen languages of a family or script."""

    task: str
    system: str
    variant: str
    metric: str
    kind: str  # "family" (top of URIEL's tree) or "script"
    group: str  # "Indo-European", "Arabic"
    languages: tuple[str, ...]
    n: int  # items
    value: float
    low: float  # for these languages on other items like these
    high: float


def families(codes: Sequence[str]) -> list[str | None]:
    """The families of languages, by URIEL, or of those that they are forms of, where it has these (nb of no, tw of ak);
    None where it has none (isolates such as Basque, and gaps)."""
    known = {}
    for code in {*codes, *map(primary, codes)}:
        with contextlib.suppress(Problem):
            known[code] = uriel_code(code)
    names = dict(zip(known, family_names(list(known.values())), strict=True))
    return [names.get(code) or names.get(primary(code)) for code in codes]


def scripts(codes: Sequence[str]) -> list[str | None]:
    return [script_name(likely_script(code)) for code in codes]


KINDS: Mapping[str, Callable[[Sequence[str]], list[str | None]]] = {"family": families, "script": scripts}


def language_groups(
    task: str, measure: Measure, systems: Mapping[tuple[str, str], Sequence[Cell]], settings: Settings
) -> list[GroupMean]:
    """The means of every group that has several languages and not all of them; ``systems``: (system, variant) -> its
    unseen languages' cells."""
    found = []
    codes = list(dict.fromkeys(cell.language for cells in systems.values() for cell in cells))
    for kind, groups_of in KINDS.items() if len(codes) > 2 else ():
        names = dict(zip(codes, groups_of(codes), strict=True))
        for name in sorted({one for one in names.values() if one}):
            members = tuple(code for code in codes if names[code] == name)
            if not 1 < len(members) < len(codes):
                continue
            for (system, variant), cells in systems.items():
                own = macro(measure, [cell for cell in cells if cell.language in members], settings=settings)
                told = (kind, name, members, own.n, own.value, own.low, own.high)
                found.append(GroupMean(task, system, variant, measure.name, *told))
    return found
