"""Figures as SVG, drawn by matplotlib, coloured by CSS; and as PDF for papers.

One figure serves light and dark pages: colours become CSS variables, and text stays text in the reader's font, so that
no font is needed. Values are from Okabe and Ito's (2008) palette for colour-blind readers, lightened for dark grounds.
"""

from __future__ import annotations

import colorsys
import io
import re
import warnings
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG

from mslt_it.report.drawing import COLOURS, HUE, INK, MUTED, canvas_of
from mslt_it.study.analyse.findings import Figure

DEPTHS = "32%", "72%"  # of hues, where there are more languages than groups
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
    tips: list[str] = []
    with matplotlib.rc_context(_look(name)):
        canvas = canvas_of(figure, tips, lambda share: f"{HUE}{int(256 * share):02x}")
        file = io.StringIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Glyph .* missing from font")  # the reader's font draws the text
            FigureCanvasSVG(canvas).print_svg(file, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
        width, height = canvas.get_size_inches() * 72
    return _styled(file.getvalue(), figure, name, (round(width), round(height)), tips, alone)


def as_pdf(figure: Figure, name: str) -> bytes:
    """The figure in the light colours, with its fonts in it and no date."""
    with matplotlib.rc_context(_look(name)):
        canvas = canvas_of(figure, [], lambda share: colorsys.hls_to_rgb(share, 0.32, 0.7))
        file = io.BytesIO()
        FigureCanvasPdf(canvas).print_pdf(file, metadata={"Title": figure.title, "CreationDate": None})
    return file.getvalue()


def _look(name: str) -> dict[Any, Any]:
    look: dict[Any, Any] = {"font.size": 11, "text.parse_math": False, "text.color": INK, "axes.labelcolor": MUTED}
    look |= {"svg.fonttype": "none", "svg.hashsalt": name, "pdf.fonttype": 42}
    return look | {"xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED}


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
        f'aria-labelledby="{name}-t"><title id="{name}-t">{escape(figure.title)}</title>{style}{body.strip()}</svg>'
    )
