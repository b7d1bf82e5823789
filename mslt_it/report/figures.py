"""Figures of a study as SVG, drawn by matplotlib, coloured by CSS.

One figure serves light and dark pages: colours become CSS variables, and text stays text in the reader's font, so that
no font is needed (labels are codes, which every font has). Colour is never the only difference. Values are from Okabe
and Ito's (2008) palette for colour-blind readers, lightened for dark grounds. Figures are 400 units wide, the width of
a phone, so that labels stay readable there.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mslt_it.study.analyse.findings import Figure, Heatmap, Intervals, Mark, Scatter, Steps
from mslt_it.study.analyse.tables import unsigned_nought

WIDTH = 400.0
LETTER = 6.5  # mean width of a letter of 12 units, a little generous
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
DEPTHS = "32%", "72%"  # of hues, where there are more languages than groups
HUE = "#fe00"  # colours that begin so are hues
MOST_HEAT = 0.52  # the darkest cell of a heatmap; text stays readable on it in both modes
STYLE = """\
.fig text{font-family:system-ui,-apple-system,"Segoe UI",sans-serif}.fig *{stroke-linejoin:round}
"""


def variables(dark: bool) -> str:
    """The CSS variables of one mode."""
    return "".join(f"--{name}:{pair[dark]};" for name, pair in COLOURS.items()) + f"--depth:{DEPTHS[dark]};"


def draw(figure: Figure, name: str, *, alone: bool = False) -> str:
    """One ``<svg>`` element.

    Args:
        name: unique on the page; ids are made of it.
        alone: the SVG is a file of its own and brings its colours, light or dark as the reader's system is.
    """
    look: dict[Any, Any] = {
        "font.size": 11,
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "text.color": INK,
        "axes.labelcolor": MUTED,
    }
    look |= {"xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED, "text.parse_math": False}
    tips: list[str] = []
    with matplotlib.rc_context(look):
        match figure:
            case Intervals():
                canvas = _intervals(figure, tips)
            case Steps():
                canvas = _steps(figure, tips)
            case Heatmap():
                canvas = _heatmap(figure, tips)
            case Scatter():
                canvas = _scatter(figure, tips)
        file = io.StringIO()
        FigureCanvasSVG(canvas).print_svg(file, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
        width, height = canvas.get_size_inches() * 72
    return _styled(file.getvalue(), figure, name, (round(width), round(height)), tips, alone)


def _styled(svg: str, figure: Figure, name: str, size: tuple[int, int], tips: Sequence[str], alone: bool) -> str:
    """matplotlib's file as an element of a page: without fonts, ids and metadata, with tips and CSS colours."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<(metadata|style|clipPath)\b.*?</\1>", "", body, flags=re.DOTALL)
    body = re.sub(r' clip-path="[^"]*"', "", body).replace("xlink:href", "href")
    body = re.sub(r'id="tip-(\d+)">', lambda found: f"><title>{escape(tips[int(found[1])])}</title>", body)
    body = re.sub(r' id="(?!m[0-9a-f]{10})[^"]*"', "", body)
    body = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    for variable, (light, _) in COLOURS.items():
        body = body.replace(light, f"var(--{variable})")
    body = re.sub(f"{HUE}(..)", lambda found: f"hsl({round(360 * int(found[1], 16) / 256)} 70% var(--depth))", body)
    body = re.sub(r"<defs></defs>|<g/>", "", re.sub(r">\s+<", "><", body))
    style = ""
    if alone:
        dark = f"@media(prefers-color-scheme:dark){{.fig{{{variables(True)}}}}}"
        style = f"<style>.fig{{{variables(False)}background:var(--ground)}}{dark}{STYLE}</style>"
    width, height = size
    name = escape(name)
    shape = f'width="{width}" height="{height}"' if alone else f'style="--w:{width}px"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="fig" role="img" viewBox="0 0 {width} {height}" {shape} '
        f'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{escape(figure.title)}</title>'
        f'<desc id="{name}-d">{escape(_described(figure))}</desc>{style}{body.strip()}</svg>'
    )


def _described(figure: Figure) -> str:
    """What a reader who does not see the figure is told."""
    match figure:
        case Intervals():
            shown = "; ".join(_tip(m, figure.unit) for m in figure.marks[:40])
            return f"{figure.axis}. {shown}"
        case Steps():
            return f"{figure.y_axis} by {figure.x_axis}. " + "; ".join(_tip(m, "share") for m in figure.means)
        case Heatmap():
            return (
                f"{len(figure.rows)} rows ({figure.row_axis}) and {len(figure.columns)} columns ({figure.column_axis})"
            )
        case Scatter():
            return f"{len(figure.points)} points, {figure.y_axis or 'y'} against {figure.x_axis or 'x'}"


def _tip(mark: Mark, unit: str) -> str:
    group = f" {mark.group}" if mark.group else ""
    text = f"{mark.label}{group}: {_value(mark.value, unit)}"
    if mark.low is None or mark.high is None:
        return text
    return f"{text} ({_value(mark.low, unit)} to {_value(mark.high, unit)})"


def _value(value: float, unit: str) -> str:
    if unit == "share":
        return f"{100 * value:.1f} %"
    return f"{unsigned_nought(f'{100 * value:+.1f}')} points" if unit == "points" else f"{value:.2f}"


# ---------------------------------------------------------------- frames and axes


def _axes(height: float, left: float, right: float, top: float, bottom: float, width: float = WIDTH) -> Axes:
    """Axes with so much room around them, in units of the figure."""
    canvas = Canvas(figsize=(width / 72, height / 72), facecolor="none")
    place = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = canvas.add_axes(place, facecolor="none")
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=5)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    return axes


def _canvas(axes: Axes) -> Canvas:
    found = axes.get_figure(root=True)
    assert isinstance(found, Canvas)
    return found


def _ticks(axes: Axes, which: str, unit: str) -> None:
    """At most six round numbers, in the unit's own form."""

    def text(value: float, _: object) -> str:
        # Ranks are drawn as minus the rank, so that the first is at the right.
        shown = 100 * value if unit in ("share", "points") else -value if unit == "rank" else value
        return f"{'+' if unit == 'points' and shown > 1e-9 else ''}{round(shown, 6) + 0.0:.10g}"

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(text))


def _limits(values: Sequence[float], room: float = 0.06) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * room or abs(high) * 0.1 or 0.5
    return low - room, high + room


def _point(axes: Axes, x: float, y: float, group: int, tips: list[str], tip: str, size: float = 8) -> None:
    colour, marker = GROUPS[group % len(GROUPS)]
    (point,) = axes.plot([x], [y], marker, color=colour, markersize=size, clip_on=False, zorder=3)
    _tell(point, tips, tip)


def _dot(axes: Axes, x: float, y: float, tips: list[str], tip: str) -> None:
    colour = GROUPS[0][0]
    (point,) = axes.plot([x], [y], "o", color=colour, markersize=6, alpha=0.45, clip_on=False)
    _tell(point, tips, tip)


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
    per_line = max(1, int(WIDTH // (34 + 7.3 * max(map(len, named), default=1))))
    lines = {label: textwrap.wrap(label, LABEL_LETTERS) or [""] for label in labels}
    per_row = {label: len({m.group for m in figure.marks if m.label == label}) for label in labels}
    heights = [max(12.0 + 12 * per_row[label], 8 + 14.0 * len(lines[label])) for label in labels]
    left = min(0.45 * WIDTH, 14 + 7.3 * max(len(line) for wrapped in lines.values() for line in wrapped))
    top = 18.0 * math.ceil(len(named) / per_line) + (18 if figure.reference_label else 6)
    axes = _axes(top + sum(heights) + 40, left, 14, top, 40)
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
            _point(axes, mark.value, y, group, tips, _tip(mark, figure.unit))
    if named:
        handles = [
            Line2D([], [], color=colour, marker=marker, linestyle="", markersize=8, label=label)
            for label, (colour, marker) in zip(named, GROUPS * len(named), strict=False)
        ]
        _canvas(axes).legend(
            handles=handles, loc="upper left", ncols=per_line, frameon=False, fontsize=12, borderaxespad=0,
            handletextpad=0.1, columnspacing=1, borderpad=0.1, labelspacing=0.3
        )  # fmt: skip
    return _canvas(axes)


def _steps(figure: Steps, tips: list[str]) -> Canvas:
    axes = _axes(280, 44, 12, 20, 44)
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
            _dot(axes, x + shift, value, tips, f"{what}: {100 * value:.1f} %")
    colour = GROUPS[1][0]
    axes.plot(list(places.values()), [mark.value for mark in figure.means], color=colour, linewidth=2)
    for x, mark in enumerate(figure.means):
        if mark.low is not None and mark.high is not None:
            axes.plot([x, x], [mark.low, mark.high], color=colour, linewidth=2)
        _point(axes, x, mark.value, 1, tips, _tip(mark, "share"))
    _top_label(axes, figure.y_axis)
    return _canvas(axes)


def _heatmap(figure: Heatmap, tips: list[str]) -> Canvas:
    left = 16 + 7.3 * max(map(len, figure.rows))
    side = max(28.0, 8 + 7.3 * max(map(len, figure.columns)))
    side = max(side, min(44.0, (WIDTH - left - 4) / len(figure.columns)))
    width = max(WIDTH, left + side * len(figure.columns) + 4)
    axes = _axes(50 + 26 * len(figure.rows), left, width - left - side * len(figure.columns), 44, 6, width)
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
            _tell(axes.add_patch(box), tips, f"{name} to {figure.columns[j]}: {100 * value:.1f} %")
            axes.text(j, i, f"{100 * value:.0f}", ha="center", va="center", fontsize=12)
    return _canvas(axes)


def _scatter(figure: Scatter, tips: list[str]) -> Canvas:
    is_map = figure.x_unit == "none"
    axes = _axes(262, 8, 12, 8, 8) if is_map else _axes(290, 44, 12, 20, 44)
    axes.set_xlim(*_limits([point[0] for point in figure.points]))
    axes.set_ylim(*_limits([point[1] for point in figure.points]))
    if is_map:
        axes.set_axis_off()
    else:
        axes.grid(axis="y", color=GRID)
        _ticks(axes, "x", figure.x_unit)
        _ticks(axes, "y", figure.y_unit)
        axes.set_xlabel(figure.x_axis)
        _top_label(axes, figure.y_axis)
    groups = list(dict.fromkeys(point[3] for point in figure.points))
    by_height = sorted(range(len(figure.points)), key=lambda i: figure.points[i][1])
    named = {by_height[0], by_height[-1]} if by_height else set()
    middle = sum(axes.get_xlim()) / 2
    for number, (x, y, label, group) in enumerate(figure.points):
        tip = f"{label}: {_value(y, figure.y_unit)}"
        if figure.label_points:
            hue = f"{HUE}{256 * groups.index(group) // len(groups):02x}"
            text = axes.text(x, y, group, ha="center", va="center", fontsize=10.5, color=hue)
            if not is_map:
                _tell(text, tips, tip)
            continue
        _dot(axes, x, y, tips, tip)
        if number in named:
            at_right = x > middle
            place = {"ha": "right" if at_right else "left", "va": "center", "fontsize": 10.5}
            axes.annotate(label, (x, y), (-7 if at_right else 7, 0), textcoords="offset points", **place)  # type: ignore[arg-type]
    return _canvas(axes)


def _top_label(axes: Axes, text: str) -> None:
    """What the y axis shows, written above it: there is no room beside it."""
    height = _canvas(axes).get_size_inches()[1] * 72
    _canvas(axes).text(6 / WIDTH, 1 - 11 / height, text, color=MUTED)
