"""The kinds of figures, drawn by matplotlib on canvases 400 units wide, the width of a phone, so that labels stay
readable there. Colour is never the only difference. Labels are codes, which every font has."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from mslt_it.study.analyse.findings import Figure, Heatmap, Intervals, Lines, Mark, Scatter, Steps
from mslt_it.study.analyse.tables import unsigned_nought

WIDTH = 400.0
LABEL_LETTERS = 22  # longer labels are broken
# Name of a CSS variable -> its value, light and dark.
COLOURS = {
    "ink": ("#1d2127", "#e8eaed"),
    "muted": ("#59616d", "#a5adb9"),
    "line": ("#c9ced6", "#4b535f"),
    "grid": ("#e4e7ec", "#2d333c"),
    "ground": ("#ffffff", "#16191e"),
    "s0": ("#0072b2", "#56b4e9"),
    "s1": ("#c04f00", "#f0a030"),
    "s2": ("#00785a", "#2ec4a0"),
    "s3": ("#a14b7d", "#e79ac6"),
}
INK, MUTED, LINE, GRID = (COLOURS[name][0] for name in ("ink", "muted", "line", "grid"))
GROUPS = [(COLOURS[f"s{i}"][0], marker) for i, marker in enumerate("oDs^")]  # differ in shape as well as in colour
HUE = "#fe00"  # colours that begin so are hues
MOST_LINEAR = 20  # curves whose values differ by more have a logarithmic axis
MOST_HEAT = 0.52  # the darkest cell of a heatmap; text stays readable on it in both modes


def canvas_of(figure: Figure, tips: list[str], hue: Callable[[float], Any]) -> Canvas:
    """``hue``: the colour of a share of the circle, where there are more languages than groups."""
    match figure:
        case Intervals():
            return _intervals(figure, tips)
        case Steps():
            return _steps(figure, tips)
        case Heatmap():
            return _heatmap(figure, tips)
        case Scatter():
            return _scatter(figure, tips, hue)
        case Lines():
            return _lines(figure, tips)


def tip_of(mark: Mark, unit: str) -> str:
    group = f" {mark.group}" if mark.group else ""
    text = f"{mark.label}{group}: {value_text(mark.value, unit)}"
    if mark.low is None or mark.high is None:
        return text
    return f"{text} ({value_text(mark.low, unit)} to {value_text(mark.high, unit)})"


def value_text(value: float, unit: str) -> str:
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "count":
        return f"{value:.0f}"
    return f"{unsigned_nought(f'{100 * value:+.1f}')} points" if unit == "points" else f"{value:.2f}"


# ---------------------------------------------------------------- frames and axes


def _axes(
    height: float, left: float, right: float, top: float, bottom: float, width: float = WIDTH
) -> tuple[Canvas, Axes]:
    """A figure and axes with so much room around them, in units of the figure."""
    canvas = Canvas(figsize=(width / 72, height / 72), facecolor="none")
    place = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = canvas.add_axes(place, facecolor="none")
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=5)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    return canvas, axes


def _ticks(axes: Axes, which: str, unit: str) -> None:
    """At most six round numbers, in the unit's own form."""

    def text(value: float, _: object) -> str:
        shown = 100 * value if unit in ("share", "points") else value
        return f"{'+' if unit == 'points' and shown > 1e-9 else ''}{round(shown, 6) + 0.0:.10g}"

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(text))


def _limits(values: Sequence[float], room: float = 0.06) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * room or abs(high) * 0.1 or 0.5
    return low - room, high + room


def _point(axes: Axes, x: float, y: float, group: int, tips: list[str], tip: str, *, faint: bool = False) -> None:
    """``faint``: one of many."""
    colour, marker = GROUPS[group % len(GROUPS)]
    look: dict[str, Any] = {"markersize": 6, "alpha": 0.45} if faint else {"markersize": 8, "zorder": 3}
    (point,) = axes.plot([x], [y], marker, color=colour, clip_on=False, **look)
    _tell(point, tips, tip)


def _per_line(names: Sequence[str]) -> int:
    """Entries of a legend beside each other."""
    return max(1, int(WIDTH // (34 + 7.3 * max(map(len, names), default=1))))


def _legend(canvas: Canvas, entries: Sequence[tuple[str, str, str]], line: Any, per_line: int) -> None:
    """At the top; ``entries``: name, colour, marker."""
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle=line, markersize=8, label=label)
        for label, colour, marker in entries
    ]
    canvas.legend(
        handles=handles, loc="upper left", ncols=per_line, frameon=False, fontsize=12, borderaxespad=0,
        handletextpad=0.1 if line == "" else 0.5, columnspacing=1, borderpad=0.1, labelspacing=0.3
    )  # fmt: skip


def _tell(artist: object, tips: list[str], tip: str) -> None:
    artist.set_gid(f"tip-{len(tips)}")  # type: ignore[attr-defined]
    tips.append(tip)


# ---------------------------------------------------------------- the kinds


def _intervals(figure: Intervals, tips: list[str]) -> Canvas:
    labels = list(dict.fromkeys(mark.label for mark in figure.marks))
    found = dict.fromkeys(mark.group for mark in figure.marks)
    order = [*(group for group in figure.groups if group in found), *(g for g in found if g not in figure.groups)]
    order.sort(key=lambda group: group != "")  # a group without a name beside named ones has the first style
    named = [group or "others" for group in order] if order != [""] else []
    per_line = _per_line(named)
    lines = {label: textwrap.wrap(label, LABEL_LETTERS) or [""] for label in labels}
    per_row = {label: len({m.group for m in figure.marks if m.label == label}) for label in labels}
    heights = [max(12.0 + 12 * per_row[label], 8 + 14.0 * len(lines[label])) for label in labels]
    left = min(0.45 * WIDTH, 14 + 7.3 * max(len(line) for wrapped in lines.values() for line in wrapped))
    top = 18.0 * math.ceil(len(named) / per_line) + (18 if figure.reference_label else 6)
    canvas, axes = _axes(top + sum(heights) + 40, left, 14, top, 40)
    ends = [end for m in figure.marks for end in (m.low, m.high, m.value) if end is not None]
    low, high = _limits([*ends, *([figure.reference] if figure.reference is not None else [])])
    if figure.unit == "share":
        low, high = max(low, -0.01), min(high, 1.01)
    axes.set_xlim(low, high)
    axes.set_ylim(sum(heights), 0)
    axes.grid(axis="x", color=GRID)
    axes.set_xlabel(figure.axis)
    _ticks(axes, "x", figure.unit)
    middles = [sum(heights[:i]) + height / 2 for i, height in enumerate(heights)]
    axes.set_yticks(middles, ["\n".join(lines[label]) for label in labels], color=INK, fontsize=12)
    if figure.reference is not None:
        axes.axvline(figure.reference, color=MUTED, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
        if figure.reference_label:
            half = 3.4 * len(figure.reference_label) / (WIDTH - left - 14) * (high - low)
            x = min(max(figure.reference, low + half - (high - low) * left / (WIDTH - left - 14)), high - half)
            axes.text(x, -6, figure.reference_label, ha="center", color=MUTED)
    for label, middle in zip(labels, middles, strict=True):
        own = [mark for mark in figure.marks if mark.label == label]
        for number, mark in enumerate(own):
            y, group = middle + 12 * (number - (len(own) - 1) / 2), order.index(mark.group)
            if mark.low is not None and mark.high is not None:
                axes.plot([mark.low, mark.high], [y, y], color=GROUPS[group % len(GROUPS)][0], linewidth=2)
            _point(axes, mark.value, y, group, tips, tip_of(mark, figure.unit))
    if named:
        styles = GROUPS * len(named)
        _legend(canvas, [(label, *style) for label, style in zip(named, styles, strict=False)], "", per_line)
    return canvas


def _steps(figure: Steps, tips: list[str]) -> Canvas:
    canvas, axes = _axes(280, 44, 12, 20, 44)
    values = [v for m in figure.means for v in (m.low, m.high, m.value) if v is not None]
    axes.set_ylim(*_limits([*values, *(dot[2] for dot in figure.dots)]))
    places = {mark.label: i for i, mark in enumerate(figure.means)}
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.set_xticks(list(places.values()), list(places))
    axes.grid(axis="y", color=GRID)
    axes.set_xlabel(figure.x_axis)
    _ticks(axes, "y", "share")
    for label, x in places.items():
        own = sorted((dot for dot in figure.dots if dot[0] == label), key=lambda dot: dot[2])
        for number, (_, what, value) in enumerate(own):
            # Neighbours in value stand side by side, so that dots do not hide each other.
            shift = ((number % 5) - 2) * min(5 * len(places) / (WIDTH - 56), 1 / 9)
            _point(axes, x + shift, value, 0, tips, f"{what}: {100 * value:.1f} %", faint=True)
    colour = GROUPS[1][0]
    axes.plot(list(places.values()), [mark.value for mark in figure.means], color=colour, linewidth=2)
    for x, mark in enumerate(figure.means):
        if mark.low is not None and mark.high is not None:
            axes.plot([x, x], [mark.low, mark.high], color=colour, linewidth=2)
        _point(axes, x, mark.value, 1, tips, tip_of(mark, "share"))
    _top_label(canvas, figure.y_axis)
    return canvas


def _heatmap(figure: Heatmap, tips: list[str]) -> Canvas:
    left = 16 + 7.3 * max(map(len, figure.rows))
    side = max(28.0, 8 + 7.3 * max(map(len, figure.columns)))
    side = max(side, min(44.0, (WIDTH - left - 4) / len(figure.columns)))
    width = max(WIDTH, left + side * len(figure.columns) + 4)
    canvas, axes = _axes(50 + 26 * len(figure.rows), left, width - left - side * len(figure.columns), 44, 6, width)
    axes.set_xlim(-0.5, len(figure.columns) - 0.5)
    axes.set_ylim(len(figure.rows) - 0.5, -0.5)
    axes.spines["bottom"].set_visible(False)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xticks(range(len(figure.columns)), figure.columns, color=INK, fontsize=12)
    axes.set_yticks(range(len(figure.rows)), figure.rows, color=INK, fontsize=12)
    axes.set_xlabel(f"{figure.column_axis} (columns), {figure.row_axis} (rows)", labelpad=6)
    found = [value for row in figure.values for value in row if value is not None]
    low, high = min(found), max(found)
    for i, (name, row) in enumerate(zip(figure.rows, figure.values, strict=True)):
        for j, value in enumerate(row):
            if value is None:
                continue
            depth = 0.06 + (MOST_HEAT - 0.06) * ((value - low) / (high - low) if high > low else 0.5)
            box = Rectangle(
                (j - 0.48, i - 0.46), 0.96, 0.92, color=GROUPS[0][0], alpha=depth, linewidth=0, clip_on=False
            )
            _tell(axes.add_patch(box), tips, f"{name} to {figure.columns[j]}: {value_text(value, figure.unit)}")
            number = 100 * value if figure.unit == "share" else value
            axes.text(j, i, f"{number:.0f}", ha="center", va="center", fontsize=12)
    return canvas


def _scatter(figure: Scatter, tips: list[str], hue: Callable[[float], Any]) -> Canvas:
    is_map = figure.x_unit == "none"
    canvas, axes = _axes(262, 8, 12, 8, 8) if is_map else _axes(290, 44, 12, 20, 44)
    axes.set_xlim(*_limits([point[0] for point in figure.points]))
    axes.set_ylim(*_limits([point[1] for point in figure.points]))
    if is_map:
        axes.set_axis_off()
    else:
        axes.grid(axis="y", color=GRID)
        _ticks(axes, "x", figure.x_unit)
        _ticks(axes, "y", figure.y_unit)
        axes.set_xlabel(figure.x_axis)
        _top_label(canvas, figure.y_axis)
    groups = list(dict.fromkeys(point[3] for point in figure.points))
    by_height = sorted(range(len(figure.points)), key=lambda i: figure.points[i][1])
    named = {by_height[0], by_height[-1]} if by_height else set()
    middle = sum(axes.get_xlim()) / 2
    for number, (x, y, label, group) in enumerate(figure.points):
        tip = f"{label}: {value_text(y, figure.y_unit)}"
        if figure.label_points:
            colour = hue(groups.index(group) / len(groups))
            text = axes.text(x, y, group, ha="center", va="center", fontsize=10.5, color=colour)
            if not is_map:
                _tell(text, tips, tip)
            continue
        _point(axes, x, y, 0, tips, tip, faint=True)
        if number in named:
            at_right = x > middle
            place = {"ha": "right" if at_right else "left", "va": "center", "fontsize": 10.5}
            axes.annotate(label, (x, y), (-7 if at_right else 7, 0), textcoords="offset points", **place)  # type: ignore[arg-type]
    return canvas


def _lines(figure: Lines, tips: list[str]) -> Canvas:
    names = [name for name, _ in figure.series]
    top = 22 + 18.0 * math.ceil(len(names) / _per_line(names))
    canvas, axes = _axes(250 + top, 44, 12, top, 44)
    axes.set_xlim(*_limits([x for _, points in figure.series for x, _ in points], 0.02))
    values = [y for _, points in figure.series for _, y in points]
    if figure.unit == "number" and 0 < min(values) < max(values) / MOST_LINEAR:
        axes.set_yscale("log")
        axes.set_ylim(min(values) / 1.3, max(values) * 1.3)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(*_limits(values))
        _ticks(axes, "y", figure.unit)
    axes.grid(axis="y", color=GRID)
    axes.set_xlabel(figure.x_axis)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if figure.mark is not None:
        axes.axvline(figure.mark, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
        at_right = figure.mark > sum(axes.get_xlim()) / 2
        place = {"ha": "right" if at_right else "left", "va": "bottom", "fontsize": 10.5, "color": MUTED}
        axes.annotate(figure.mark_label, (figure.mark, axes.get_ylim()[0]), (-4 if at_right else 4, 2),
                      textcoords="offset points", **place)  # type: ignore[arg-type] # fmt: skip
    entries = []
    for number, (name, points) in enumerate(figure.series):
        colour, marker = GROUPS[number % len(GROUPS)]
        marker = marker if number < len(GROUPS) else f"${number + 1}$"
        xs, ys = zip(*points, strict=True)
        axes.plot(xs, ys, color=colour, linewidth=1.6)
        for x, y in points[:: max(1, len(points) // 12)]:
            (point,) = axes.plot([x], [y], marker, color=colour, markersize=6, clip_on=False, zorder=3)
            _tell(point, tips, f"{name}, {figure.x_axis} {x:g}: {value_text(y, figure.unit)}")
        entries.append((name, colour, marker))
    _legend(canvas, entries, "-", _per_line(names))
    _top_label(canvas, figure.y_axis, top - 8)
    return canvas


def _top_label(canvas: Canvas, text: str, below: float = 11) -> None:
    """What the y axis shows, written above it, so far ``below`` the top: there is no room beside it."""
    canvas.text(6 / WIDTH, 1 - below / (canvas.get_size_inches()[1] * 72), text, color=MUTED)
