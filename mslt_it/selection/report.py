"""The report of ``mslt select`` for a terminal: a table per criterion, what was not computed, what recurs; and the map
of the languages by typology, the chosen set marked. Its labels are codes: no font has every script."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mslt_it import values
from mslt_it.languages import language_name
from mslt_it.problems import Problem, nearest
from mslt_it.selection.ranking import CriterionRanking, Selection
from mslt_it.selection.search import EXACT_LIMIT
from mslt_it.selection.typology import STRUCTURE
from mslt_it.store import write_atomically


def print_report(selection: Selection, console: Console) -> None:
    """Everything, in the order of reading: what was ranked, the tables, the gaps, the summary."""

    def say(text: str = "", style: str = "") -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=False)

    for line in heading(selection):
        say(line)
    for ranking in selection.criteria.values():
        say()
        # Above the table, not as its title, which would be broken at the table's width.
        say(f"{ranking.name}{' (beyond the paper)' * ranking.beyond_the_paper}: {ranking.what}", style="bold")
        # Where all sets tie, which a note says, a table tells no more than their costs.
        if ranking.num_first < selection.num_sets or selection.num_sets == 1 or ranking.sets[0].cost is not None:
            _print_table(ranking, console, selection.method == "greedy")
            say(f"First: {' '.join(ranking.sets[0].languages)}, {ranking.reason}.")
        for note in ranking.notes:
            say(f"Note: {note}")
        for other in (one for one in ranking.other_codes if one.changed):
            codes = ", ".join(f"{code} as {uriel}" for code, uriel in other.uriel.items())
            first = f"{', '.join(other.languages)} ({_figure(other.score)})"
            say(f"Note: with {codes} the first set is {first}. The choice depends on the code: set uriel={{...}}.")
    if selection.not_computed:
        say("\nNot computed", style="bold")
        for name, (reason, remedy) in selection.not_computed.items():
            say(f"  {name}: {reason} {remedy}")
    say()
    _print_summary(selection, console)
    say("\nWhat the first sets are like", style="bold")
    described = {ranking.sets[0].languages: ranking.description for ranking in selection.criteria.values()}
    for languages, description in described.items():
        say(f"  {' '.join(languages)}: {description}.")
    if selection.recurrence:
        falling = sorted(selection.recurrence.items(), key=lambda item: -item[1])
        shares = ", ".join(f"{code} {share:.0%}" for code, share in falling)
        say(f"\nLanguages in the sets of rank 1 to 5, mean over the criteria that tell sets apart: {shares}.")
        if selection.num_sets == math.comb(len(selection.pool), selection.k):  # not with must or max_cost
            say(f"By chance each would be in {selection.k / len(selection.pool):.0%} of the sets.")


def heading(selection: Selection) -> list[str]:
    """What was ranked, how, and under which codes."""
    n, k = len(selection.pool), selection.k
    how = f"all {selection.num_sets:,} allowed sets of {k} out of {n} languages, ranked exactly"
    if selection.method == "greedy":
        how = (
            f"{selection.num_sets:,} sets of {k} out of {n} languages are more than {EXACT_LIMIT:,}: greedy search "
            "with swaps, the best sets found (not proven best; ranks are among the sets looked at)"
        )
    codes = ", ".join(f"{code}={uriel}" for code, uriel in selection.uriel.items())
    lines = [
        f"mslt select: {how}",
        f"pool: {', '.join(f'{c} {language_name(c)}' for c in selection.pool)}",
        *([f"targets: {', '.join(selection.targets)}"] if selection.targets else []),
        f"model: {selection.model}; seed {selection.seed}",
        f"lang2vec codes: {codes}",
    ]
    shares = [
        f"{code} {'/'.join(f'{100 * parts[part]:.0f}' for part in STRUCTURE)}"
        for code, parts in selection.imputed.items()
        if any(parts.values())
    ]
    if shares:
        lines.append(f"% of lang2vec values without data ({'/'.join(STRUCTURE)}): {', '.join(shares)}")
    return [*lines, *(f"Note: {note}" for note in selection.notes)]


def _print_table(ranking: CriterionRanking, console: Console, is_greedy: bool) -> None:
    table = Table()
    for number, one in enumerate(ranking.sets):
        cells = {"rank": f"{one.rank}{'=' if one.tied else ''}", "set": " ".join(one.languages)}
        cells["score"] = _figure(one.score)
        if one.mean_pair is not None:
            cells["mean of pairs"] = _figure(one.mean_pair)
        cells["margin to next"] = "" if one.margin is None else _figure(one.margin)
        if one.cost is not None:
            cells["cost"] = f"{one.cost:g}"
        for name in cells if number == 0 else ():
            table.add_column(name, justify="left" if name == "set" else "right", no_wrap=True)
        table.add_row(*cells.values())
    console.print(table)
    if ranking.num_first > len(ranking.sets):
        least = "At least " if is_greedy else ""
        console.print(f"{least}{ranking.num_first:,} sets share rank 1.", highlight=False)


def _print_summary(selection: Selection, console: Console) -> None:
    table = Table("criterion", "first", "ties", title="Summary", title_justify="left", title_style="bold")
    for ranking in selection.criteria.values():
        name = ranking.name + (" *" if ranking.beyond_the_paper else "")
        ties = f"{ranking.num_first:,} sets" if ranking.num_first > 1 else ""
        table.add_row(name, " ".join(ranking.sets[0].languages), ties)
    table.caption = "* beyond the paper"
    table.caption_justify = "left"
    console.print(table)


def _figure(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"


# ---------------------------------------------------------------- the map

FORMATS = (".svg", ".png", ".pdf")


def check_path(path: Path | str) -> Path:
    """The path of a figure, or a Problem before any work is done."""
    path = values.path(path)
    if path.suffix.lower() not in FORMATS:
        raise Problem(f"figure={path}: unknown format '{path.suffix}'. {nearest(path.suffix, FORMATS)}")
    if not path.parent.is_dir():
        raise Problem(f"figure={path}: the folder {path.parent} is not there. Make it, or write elsewhere.")
    return path


def write_figure(selection: Selection, path: Path | str) -> Path:
    """Draws ``selection.positions``: chosen languages filled, other candidates hollow, targets as crosses."""
    import matplotlib
    from matplotlib.figure import Figure

    path = check_path(path)
    chosen = selection.overall.sets[0].languages
    groups = {
        "chosen": [c for c in selection.pool if c in chosen],
        "other candidates": [c for c in selection.pool if c not in chosen],
        "targets": list(selection.targets),
    }
    marks: dict[str, dict[str, Any]] = {
        "chosen": {"marker": "o", "s": 110, "color": "#1b6ca8"},
        "other candidates": {"marker": "o", "s": 70, "facecolors": "white", "edgecolors": "#555555"},
        "targets": {"marker": "x", "s": 50, "color": "#b3541e"},
    }
    figure = Figure(figsize=(7, 5.5), layout="constrained")
    axes = figure.add_subplot()
    for name, codes in groups.items():
        if not codes:
            continue
        places = [selection.positions[code] for code in codes]
        axes.scatter([x for x, _ in places], [y for _, y in places], label=name, zorder=2, **marks[name])
        for code, place in zip(codes, places, strict=True):
            weight = "bold" if name == "chosen" else "normal"
            axes.annotate(code, place, xytext=(6, 5), textcoords="offset points", weight=weight)
    corners = [selection.positions[code] for code in groups["chosen"]]
    axes.plot(*zip(*corners, corners[0], strict=True), color="#1b6ca8", alpha=0.3, zorder=1)
    axes.set_title(f"Languages by typology; chosen by {selection.overall.name}: {', '.join(chosen)}", fontsize=11)
    axes.set_xlabel(
        "classical scaling of 1 − cosine over syntax, phonology and inventory (URIEL); "
        f"{selection.map_share:.0%} of the squared distances",
        fontsize=8,
    )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(loc="best", fontsize=8)
    # No date and no random ids: the same selection gives the same file.
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
    with matplotlib.rc_context({"svg.hashsalt": "mslt_it", "svg.fonttype": "none"}):
        figure.savefig(drawn := io.BytesIO(), format=path.suffix[1:].lower(), dpi=150, metadata=metadata)
    write_atomically(path, drawn.getvalue())
    return path
