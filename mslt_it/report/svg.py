"""Figures of a study as SVG. Everything is labelled by text: no font is needed, colour is never the only difference.

Colours are CSS variables, so that one figure serves light and dark pages; their values are from Okabe and Ito's (2008)
palette for colour-blind readers, lightened for dark grounds. Figures are 400 units wide, the width of a phone, so that
labels stay readable there.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from html import escape

from mslt_it.report.formats import signed
from mslt_it.study.findings import Figure, Heatmap, Intervals, Mark, Scatter, Steps

WIDTH = 400.0
LETTER = 6.5  # mean width of a letter of 12 units, a little generous
LABEL_LETTERS = 22  # longer labels are broken
LIGHT = "--ink:#1d2127;--muted:#59616d;--line:#c9ced6;--grid:#e4e7ec;--ground:#ffffff;--heat:#0072b2;" \
    "--s0:#0072b2;--s1:#c04f00;--s2:#00785a;--s3:#a14b7d;--depth:32%;"  # fmt: skip
DARK = "--ink:#e8eaed;--muted:#a5adb9;--line:#4b535f;--grid:#2d333c;--ground:#16191e;--heat:#56b4e9;" \
    "--s0:#56b4e9;--s1:#f0a030;--s2:#2ec4a0;--s3:#e79ac6;--depth:72%;"  # fmt: skip
STYLE = """\
.fig text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--ink)}
.fig .small{font-size:11px;fill:var(--muted)}.fig .tiny{font-size:10px}
.fig .grid{stroke:var(--grid)}.fig .axis{stroke:var(--line)}.fig .ref{stroke:var(--muted);stroke-dasharray:4 3}
.fig .s0{fill:var(--s0);stroke:var(--s0)}.fig .s1{fill:var(--s1);stroke:var(--s1)}
.fig .s2{fill:var(--s2);stroke:var(--s2)}.fig .s3{fill:var(--s3);stroke:var(--s3)}
.fig .bar{stroke-width:2;fill:none}
.fig .dot{fill:var(--s0);fill-opacity:.35;stroke:var(--s0);stroke-opacity:.8}.fig .heat{fill:var(--heat)}
"""
NUM_STYLES = 4


def draw(figure: Figure, name: str, *, alone: bool = False) -> str:
    """One ``<svg>`` element.

    Args:
        name: unique on the page; ids are made of it.
        alone: the SVG is a file of its own and brings its colours, light or dark as the reader's system is.
    """
    match figure:
        case Intervals():
            body, height, width = _intervals(figure)
        case Steps():
            body, height, width = _steps(figure)
        case Heatmap():
            body, height, width = _heatmap(figure)
        case Scatter():
            body, height, width = _scatter(figure)
    style = ""
    if alone:
        dark = f"@media(prefers-color-scheme:dark){{.fig{{{DARK}}}}}"
        style = f"<style>.fig{{{LIGHT}background:var(--ground)}}{dark}{STYLE}</style>"
    size = f' width="{width:.0f}" height="{height:.0f}"' if alone else f' style="--w:{width:.0f}px"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="fig" role="img" viewBox="0 0 {width:.0f} {height:.0f}"{size} '
        f'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{escape(figure.title)}</title>'
        f'<desc id="{name}-d">{escape(_described(figure))}</desc>{style}{"".join(body)}</svg>'
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
    return f"{signed(100 * value, 1)} points" if unit == "points" else f"{value:.2f}"


# ---------------------------------------------------------------- scales


def _ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most ``most`` + 1 round numbers within the range."""
    if high <= low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * share or abs(high) * 0.1 or 0.5
    return low - room, high + room


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _tick_text(value: float, unit: str) -> str:
    shown = 100 * value if unit in ("share", "points") else value
    if unit == "rank":  # drawn as minus the rank, so that the first is at the right
        shown = -shown
    text = f"{shown + 0.0:.10g}"  # no minus zero
    return f"+{text}" if unit == "points" and shown > 0 else text


def _text(x: float, y: float, text: str, anchor: str = "start", css: str = "") -> str:
    css = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def _shape(x: float, y: float, style: int, size: float = 4.5, tip: str = "") -> str:
    """Circle, diamond, square or triangle: groups differ in shape as well as in colour."""
    style %= NUM_STYLES
    title = f"<title>{escape(tip)}</title>" if tip else ""
    if style == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" class="s0">{title}</circle>'
    if style == 2:
        return (
            f'<rect x="{x - size * 0.85:.1f}" y="{y - size * 0.85:.1f}" width="{1.7 * size:.1f}" '
            f'height="{1.7 * size:.1f}" class="s2">{title}</rect>'
        )
    offsets = ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)) if style == 1 else ((0, -1.1), (1.05, 0.8), (-1.05, 0.8))
    corners = " ".join(f"{x + a * size:.1f},{y + b * size:.1f}" for a, b in offsets)
    return f'<polygon points="{corners}" class="s{style}">{title}</polygon>'


def _legend(groups: Sequence[str], y: float) -> tuple[list[str], float]:
    """Shapes with their names, broken over lines; and the y below them."""
    parts, x = [], 8.0
    for number, group in enumerate(groups):
        wide = 20 + LETTER * len(group) + 14
        if x + wide > WIDTH and x > 8:
            x, y = 8.0, y + 18
        parts += [_shape(x + 6, y - 4, number), _text(x + 16, y, group)]
        x += wide
    return parts, y + 16


# ---------------------------------------------------------------- the kinds


def _intervals(figure: Intervals) -> tuple[list[str], float, float]:
    labels = list(dict.fromkeys(mark.label for mark in figure.marks))
    found = dict.fromkeys(mark.group for mark in figure.marks)
    order = [*(group for group in figure.groups if group in found), *(g for g in found if g not in figure.groups)]
    groups = [group for group in order if group]
    # A group without a name beside named ones has the first style.
    order.sort(key=lambda group: group != "")
    lines = {label: textwrap.wrap(label, LABEL_LETTERS) or [""] for label in labels}
    left = min(0.45 * WIDTH, 14 + LETTER * max(len(line) for wrapped in lines.values() for line in wrapped))
    right = WIDTH - 14
    body: list[str] = []
    y = 14.0
    if groups:
        named = order if "" not in order else [group or "others" for group in order]
        legend, y = _legend(named, y)
        body += legend
    ends = [end for m in figure.marks for end in (m.low, m.high, m.value) if end is not None]
    low, high = _padded([*ends, *([figure.reference] if figure.reference is not None else [])])
    if figure.unit == "share":
        low, high = max(low, -0.01), min(high, 1.01)
    scale = _scale(low, high, left, right)
    if figure.reference is not None and figure.reference_label:
        x = scale(figure.reference)
        half = LETTER * 0.46 * len(figure.reference_label)
        body.append(_text(min(max(x, half + 2), WIDTH - half - 2), y + 2, figure.reference_label, "middle", "small"))
        y += 6
    top = y + 2
    per_row = {label: len({m.group for m in figure.marks if m.label == label}) for label in labels}
    heights = {label: max(12.0 + 12 * max(1, per_row[label]), 8 + 14.0 * len(lines[label])) for label in labels}
    bottom = top + sum(heights.values())
    for tick in _ticks(low, high):
        body.append(_line(scale(tick), top, scale(tick), bottom, "grid"))
        body.append(_text(scale(tick), bottom + 15, _tick_text(tick, figure.unit), "middle", "small"))
    if figure.reference is not None:
        body.append(_line(scale(figure.reference), top - 4, scale(figure.reference), bottom, "ref"))
    body.append(_line(left, bottom, right, bottom, "axis"))
    y = top
    for label in labels:
        middle = y + heights[label] / 2
        first = middle + 4 - 7 * (len(lines[label]) - 1)
        body += [_text(left - 8, first + 14 * i, line, "end") for i, line in enumerate(lines[label])]
        own = [mark for mark in figure.marks if mark.label == label]
        for number, mark in enumerate(own):
            at = middle + 12 * (number - (len(own) - 1) / 2)
            style = order.index(mark.group) % NUM_STYLES
            if mark.low is not None and mark.high is not None:
                body.append(_line(scale(mark.low), at, scale(mark.high), at, f"bar s{style}"))
            body.append(_shape(scale(mark.value), at, style, tip=_tip(mark, figure.unit)))
        y += heights[label]
    body.append(_text((left + right) / 2, bottom + 32, figure.axis, "middle", "small"))
    return body, bottom + 40, WIDTH


def _steps(figure: Steps) -> tuple[list[str], float, float]:
    top, bottom, left, right = 16.0, 236.0, 44.0, WIDTH - 12
    values = [v for m in figure.means for v in (m.low, m.high, m.value) if v is not None]
    low, high = _padded([*values, *(dot[2] for dot in figure.dots)])
    scale = _scale(low, high, bottom, top)
    body = []
    for tick in _ticks(low, high):
        body.append(_line(left, scale(tick), right, scale(tick), "grid"))
        body.append(_text(left - 6, scale(tick) + 4, _tick_text(tick, "share"), "end", "small"))
    step = (right - left) / len(figure.means)
    places = {mark.label: left + step * (i + 0.5) for i, mark in enumerate(figure.means)}
    for label, x in places.items():
        own = sorted((dot for dot in figure.dots if dot[0] == label), key=lambda dot: dot[2])
        for number, (_, what, value) in enumerate(own):
            # Neighbours in value stand side by side, so that dots do not hide each other.
            shift = ((number % 5) - 2) * min(5.0, step / 9)
            body.append(
                f'<circle cx="{x + shift:.1f}" cy="{scale(value):.1f}" r="2.6" class="dot">'
                f"<title>{escape(what)}: {100 * value:.1f} %</title></circle>"
            )
        body.append(_text(x, bottom + 16, label, "middle", "small"))
    line = " ".join(f"{places[m.label]:.1f},{scale(m.value):.1f}" for m in figure.means)
    body.append(f'<polyline points="{line}" class="bar s1"/>')
    for mark in figure.means:
        x = places[mark.label]
        if mark.low is not None and mark.high is not None:
            body.append(_line(x, scale(mark.low), x, scale(mark.high), "bar s1"))
        body.append(_shape(x, scale(mark.value), 1, 5, _tip(mark, "share")))
    body.append(_line(left, bottom, right, bottom, "axis"))
    body.append(_text((left + right) / 2, bottom + 33, figure.x_axis, "middle", "small"))
    body.append(_text(6, 10, figure.y_axis, "start", "small"))
    return body, bottom + 42, WIDTH


def _heatmap(figure: Heatmap) -> tuple[list[str], float, float]:
    longest = max(map(len, figure.rows))
    left = 16 + LETTER * longest
    side = max(28.0, 8 + LETTER * max(map(len, figure.columns)))
    side = max(side, min(44.0, (WIDTH - left - 4) / len(figure.columns)))
    width = max(WIDTH, left + side * len(figure.columns) + 4)
    top, tall = 34.0, 26.0
    found = [value for row in figure.values for value in row if value is not None]
    low, high = min(found), max(found)
    axes = f"{figure.column_axis} (columns), {figure.row_axis} (rows)"
    body = [_text(left + side * len(figure.columns) / 2, 12, axes, "middle", "small")]
    body += [_text(left + side * (j + 0.5), top - 6, code, "middle") for j, code in enumerate(figure.columns)]
    for i, (name, row) in enumerate(zip(figure.rows, figure.values, strict=True)):
        y = top + tall * i
        body.append(_text(left - 6, y + tall / 2 + 4, name, "end"))
        for j, value in enumerate(row):
            if value is None:
                continue
            # At most half covered: text stays readable on it in both modes.
            opacity = 0.06 + 0.46 * ((value - low) / (high - low) if high > low else 0.5)
            tip = f"{name} to {figure.columns[j]}: {100 * value:.1f} %"
            body.append(
                f'<rect x="{left + side * j + 1:.1f}" y="{y + 1:.1f}" width="{side - 2:.1f}" height="{tall - 2:.1f}" '
                f'class="heat" fill-opacity="{opacity:.2f}"><title>{escape(tip)}</title></rect>'
            )
            body.append(_text(left + side * (j + 0.5), y + tall / 2 + 4, f"{100 * value:.0f}", "middle"))
    return body, top + tall * len(figure.rows) + 6, width


def _scatter(figure: Scatter) -> tuple[list[str], float, float]:
    is_map = figure.x_unit == "none"
    top, bottom, left, right = 16.0, 250.0, (8.0 if is_map else 44.0), WIDTH - 12
    xs, ys = [p[0] for p in figure.points], [p[1] for p in figure.points]
    (x_low, x_high), (y_low, y_high) = _padded(xs), _padded(ys)
    x_of, y_of = _scale(x_low, x_high, left, right), _scale(y_low, y_high, bottom, top)
    body = []
    if not is_map:
        for tick in _ticks(y_low, y_high):
            body.append(_line(left, y_of(tick), right, y_of(tick), "grid"))
            body.append(_text(left - 6, y_of(tick) + 4, _tick_text(tick, figure.y_unit), "end", "small"))
        for tick in _ticks(x_low, x_high):
            body.append(_text(x_of(tick), bottom + 15, _tick_text(tick, figure.x_unit), "middle", "small"))
        body.append(_line(left, bottom, right, bottom, "axis"))
    groups = list(dict.fromkeys(p[3] for p in figure.points))
    by_height = sorted(range(len(ys)), key=lambda i: ys[i])
    named = {by_height[0], by_height[-1]} if by_height else set()
    for number, (x, y, label, group) in enumerate(figure.points):
        title = f"<title>{escape(label)}: {escape(_value(y, figure.y_unit))}</title>" if not is_map else ""
        if figure.label_points:
            hue = round(360 * groups.index(group) / len(groups))
            body.append(
                f'<text x="{x_of(x):.1f}" y="{y_of(y) + 3:.1f}" text-anchor="middle" class="tiny" '
                f'style="fill:hsl({hue} 70% var(--depth))">{title}{escape(group)}</text>'
            )
            continue
        body.append(f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3.5" class="dot">{title}</circle>')
        if number in named:
            end = x_of(x) > (left + right) / 2
            body.append(_text(x_of(x) + (-7 if end else 7), y_of(y) + 4, label, "end" if end else "start", "tiny"))
    if figure.x_axis:
        body.append(_text((left + right) / 2, bottom + 32, figure.x_axis, "middle", "small"))
    if figure.y_axis:
        body.append(_text(6, 10, figure.y_axis, "start", "small"))
    return body, bottom + (12 if is_map else 40), WIDTH
