"""What an adapter says where nothing can be scored: each label's share, beside that in languages it was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from mslt_it.evaluation.answered import Spread
from mslt_it.evaluation.tables import Cells, as_text, percent
from mslt_it.languages import language_name
from mslt_it.problems import counted

NOT_SCORED = "no labels: not scored"
SHARES = "Share of each predicted label in per cent"
MOST_SHOWN = 8  # labels; results.json has all


def spread_report(spreads: Sequence[Spread]) -> str:
    """What is said of languages without labels; "" where there are none."""
    sources = [one for one in spreads if one.role == "source"]
    targets = [one for one in spreads if one.role != "source"]
    if not targets:
        return ""
    lines = [f"{one.language} {language_name(one.language)}: {counted(one.n, 'row')}, {NOT_SCORED}" for one in targets]
    if any(one.labels for one in targets):
        lines += ["", SHARES, "", as_text(spread_table([*sources, *targets]))]
    return "\n".join([*lines, *(f"Warning: {text}" for text in warnings_of(spreads))])


def warnings_of(spreads: Sequence[Spread]) -> list[str]:
    """Of each language without labels that says next to nothing but one label, or nothing that can be read."""
    sources = [one for one in spreads if one.role == "source"]
    found = []
    for one in (one for one in spreads if one.role != "source"):
        if one.reason:
            found.append(f"{one.language}: {one.reason}.")
        elif label := one.collapsed:
            of_sources = sum(s.labels.get(label, 0.0) * s.n for s in sources) / sum(s.n for s in sources)
            found.append(
                f"{one.language}: {percent(one.labels[label])} % of the rows got '{label}' "
                f"({percent(of_sources)} % in the sources): check some of them before you use these labels."
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
