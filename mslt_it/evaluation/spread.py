"""What an adapter says where nothing can be scored: each label's share, beside that in languages it was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from mslt_it.evaluation.answered import Spread
from mslt_it.evaluation.tables import Cells, as_text, percent
from mslt_it.languages import language_name

NOT_SCORED = "no labels: not scored"
SHARES = "Share of each predicted label in per cent"
MOST_SHOWN = 8  # labels; results.json has all


def spread_report(spreads: Sequence[Spread]) -> str:
    """What is said of languages without labels; "" where there are none."""
    sources = [one for one in spreads if one.role == "source"]
    targets = [one for one in spreads if one.role != "source"]
    if not targets:
        return ""
    lines = [f"{', '.join(one.language for one in targets)}: {NOT_SCORED}"]
    if any(one.labels for one in targets):
        lines = [SHARES, "", as_text(spread_table([*sources, *targets]))]
    return "\n".join([*lines, *(f"Warning: {text}" for text in warnings_of(spreads))])


def warnings_of(spreads: Sequence[Spread]) -> list[str]:
    """Of languages without labels that say next to nothing but one label, or nothing that can be read."""
    sources = [one for one in spreads if one.role == "source"]
    others = [one for one in spreads if one.role != "source"]
    found = [f"{one.language}: {one.reason}." for one in others if one.reason]
    for label in dict.fromkeys(one.collapsed for one in others if one.collapsed):
        codes = [one.language for one in others if one.collapsed == label]
        of_sources = sum(s.labels.get(label, 0.0) * s.n for s in sources) / sum(s.n for s in sources)
        found.append(
            f"nearly all rows of {', '.join(codes)} got '{label}' ({percent(of_sources)} % in the sources): check some "
            "of them before you use these labels."
        )
    return found


def spread_table(spreads: Sequence[Spread]) -> Cells:
    """Each label's share, a language per row."""
    names = dict.fromkeys(name for one in spreads for name in one.labels)
    order = sorted(names, key=lambda name: -max(one.labels.get(name, 0.0) for one in spreads))
    shown, others = order[:MOST_SHOWN], order[MOST_SHOWN:]
    head = ("language", "", "n", *shown, *([f"{len(others)} others"] if others else []), "unread")
    cells: Cells = [head]
    for one in spreads:
        shares = [percent(one.labels.get(name, 0.0)) for name in shown]
        shares += [percent(sum(one.labels.get(name, 0.0) for name in others))] * bool(others)
        what = "seen, held out" if one.role == "source" else "no labels"
        name = f"{one.language} {language_name(one.language)}"
        cells.append((name, what, str(one.n), *shares, percent(one.num_unread / one.n)))
    return cells
