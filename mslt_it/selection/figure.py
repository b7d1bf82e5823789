"""A map of the languages by typology, the chosen set marked. Labels are codes: no font has every script."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.problems import Problem, nearest
from mslt_it.selection.ranking import Selection
from mslt_it.store import write_atomically

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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
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
    FigureCanvasAgg(figure)
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
