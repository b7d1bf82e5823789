"""A page from parts: one file without network, script or not, light and dark, for phones and wide screens.

Nothing is loaded: the page's content security policy forbids it. Sorting and the switch by URL hash (#dark, #light) are
a script of a few lines; without it tables are as they were written, and the switch of light and dark still works, since
it is made of radio buttons and CSS.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mslt_it.report import svg
from mslt_it.report.formats import is_number, shown, sort_key
from mslt_it.study.findings import Figure, Table

LONG_TABLE = 20  # rows; longer ones are folded
_BADGES = {"as in the paper": "good", "opposite to the paper": "bad", "not shown here": "open"}
_SIGNS = {"good": "✓", "bad": "✗", "open": "○"}

_LIGHT = (
    "color-scheme:light;--panel:#f5f7f9;--link:#00558a;--good:#00694a;--bad:#a83e00;--open:#59616d;--warn:#fff4d6;"
    + svg.LIGHT
)
_DARK = (
    "color-scheme:dark;--panel:#1f242b;--link:#8cc8f2;--good:#4cd3a5;--bad:#f6a04d;--open:#a5adb9;--warn:#3a3115;"
    + svg.DARK
)
_CSS = (
    f":root{{{_LIGHT}}}@media(prefers-color-scheme:dark){{:root:not(:has(#mode-light:checked)){{{_DARK}}}}}"
    f":root:has(#mode-dark:checked){{{_DARK}}}"
    + """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main,header,footer{max-width:66rem;margin:0 auto;padding:0 1rem}
header{padding-top:1rem}
h1{font-size:1.6rem;line-height:1.25;margin:.4rem 0}h2{font-size:1.3rem;line-height:1.3;margin:2.4rem 0 .4rem}
h3{font-size:1.05rem;margin:1.6rem 0 .3rem}h2,h3{overflow-wrap:anywhere}
p{margin:.5rem 0;max-width:46rem}a{color:var(--link)}code{overflow-wrap:anywhere;font-size:.9em}
.muted,.note,.answers{color:var(--muted);font-size:.9rem}.note{margin:.3rem 0}
.mode{display:flex;gap:.2rem 1rem;flex-wrap:wrap;border:0;padding:0;margin:0;font-size:.9rem;color:var(--muted)}
.mode legend{float:left;padding:0}.mode label{cursor:pointer;white-space:nowrap}
.box{border-left:4px solid var(--s1);background:var(--warn);padding:.5rem .8rem;margin:.8rem 0;overflow-wrap:anywhere}
.box p{margin:.2rem 0}
nav ul{columns:2 16rem;padding-left:1.1rem;margin:.5rem 0}
.claims{list-style:none;padding:0;margin:.6rem 0;display:grid;gap:.6rem;
  grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr))}
.claims li{background:var(--panel);border-radius:.4rem;padding:.6rem .8rem;overflow-wrap:anywhere}
.claims p{margin:.15rem 0}
.badge{font-weight:600;font-size:.85rem}.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--open)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1rem;align-items:start}
figure{margin:.8rem 0 0;min-width:0}
figcaption{font-weight:600;font-size:.95rem;margin-bottom:.3rem;line-height:1.35}
.scroll{overflow-x:auto;max-width:100%}.scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.scroll .fig{display:block;width:100%;max-width:calc(var(--w)*1.25);min-width:calc(var(--w)*.8)}
table{border-collapse:separate;border-spacing:0;font-size:.88rem;font-variant-numeric:tabular-nums;min-width:min(100%,24rem)}
th,td{padding:.28rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid);white-space:nowrap}
thead th{vertical-align:bottom;border-bottom:2px solid var(--line);background:var(--ground)}
.n{text-align:right}tbody th{font-weight:400;background:var(--ground)}
th:first-child{position:sticky;left:0;z-index:1;min-width:4rem;max-width:min(16rem,40vw);white-space:normal}
tbody tr:hover>*{background:var(--panel)}
th button{all:unset;cursor:pointer;font-weight:600;text-underline-offset:.2em;
  text-decoration:underline dotted var(--muted)}
th button:focus-visible{outline:2px solid var(--link)}
th[aria-sort=ascending] button::after{content:" ▲"}th[aria-sort=descending] button::after{content:" ▼"}
caption,.caption{text-align:left;font-weight:600;font-size:.95rem;margin:1rem 0 .3rem}
summary{cursor:pointer;font-weight:600;font-size:.95rem;margin:1rem 0 .3rem}
dl{display:grid;grid-template-columns:minmax(6rem,max-content) minmax(0,1fr);gap:.2rem 1rem;font-size:.9rem}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
pre{background:var(--panel);padding:.6rem .8rem;white-space:pre-wrap;font-size:.85rem;border-radius:.4rem}
footer{padding:2rem 1rem;color:var(--muted);font-size:.9rem}
@media print{.mode,nav{display:none}details>*{display:block}.scroll{overflow:visible}}
"""
    + svg.STYLE
)

_SCRIPT = """
(function(){
  function mode(){var m=location.hash.slice(1);
    if(m==="dark"||m==="light")document.getElementById("mode-"+m).checked=true}
  mode();addEventListener("hashchange",mode);
  function key(row,i){var c=row.cells[i],v=c.dataset.v;return v===undefined||v===""?c.textContent:parseFloat(v)}
  function empty(v){return v===""}
  document.querySelectorAll("table").forEach(function(table){
    var heads=table.tHead.rows[0].cells,body=table.tBodies[0];
    Array.prototype.forEach.call(heads,function(th,i){
      var b=document.createElement("button");b.type="button";b.textContent=th.textContent;b.title="sort";
      th.textContent="";th.appendChild(b);
      b.addEventListener("click",function(){
        var up=th.getAttribute("aria-sort")!=="ascending";
        Array.prototype.forEach.call(heads,function(h){h.removeAttribute("aria-sort")});
        th.setAttribute("aria-sort",up?"ascending":"descending");
        Array.prototype.map.call(body.rows,function(r,n){return[key(r,i),n,r]}).sort(function(a,b){
          var x=a[0],y=b[0];
          if(empty(x)||empty(y))return empty(x)-empty(y)||a[1]-b[1];
          var d=typeof x==="number"&&typeof y==="number"?x-y:String(x).localeCompare(String(y));
          return(up?d:-d)||a[1]-b[1]}).forEach(function(e){body.appendChild(e[2])})})})})
})();
"""


def page(title: str, lead: Sequence[str], body: Sequence[str], *, footer: str = "") -> str:
    """The whole file. ``lead`` and ``body`` are HTML already; ``title`` and ``footer`` are text."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    modes = "".join(
        f'<label><input type="radio" name="mode" id="mode-{name}"{" checked" if name == "auto" else ""}> {text}</label>'
        for name, text in (("auto", "system"), ("light", "light"), ("dark", "dark"))
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f'<header><fieldset class="mode"><legend>Colours:</legend>{modes}</fieldset>\n<h1>{escape(title)}</h1>\n'
        + "\n".join(lead)
        + "</header>\n<main>\n"
        + "\n".join(body)
        + f"\n</main>\n<footer>{escape(footer)}</footer>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def paragraph(text: str, css: str = "") -> str:
    return f'<p class="{css}">{escape(text)}</p>' if css else f"<p>{escape(text)}</p>"


def box(lines: Sequence[str]) -> str:
    """Something that must not be overlooked."""
    return f'<div class="box" role="note">{"".join(paragraph(line) for line in lines)}</div>'


def heading(text: str, level: int, anchor: str) -> str:
    return f'<h{level} id="{escape(anchor)}">{escape(text)}</h{level}>'


def contents(entries: Sequence[tuple[str, str]]) -> str:
    """(anchor, text) as links."""
    items = "".join(f'<li><a href="#{escape(anchor)}">{escape(text)}</a></li>' for anchor, text in entries)
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>'


def claims(entries: Sequence[tuple[str, str, str, str]]) -> str:
    """(what is compared, what was found, verdict, what the paper found) as a list."""
    items = []
    for what, text, verdict, paper in entries:
        parts = [f"<p><b>{escape(what)}</b> {escape(text)}</p>"]
        if verdict:
            kind = _BADGES[verdict]
            said = f' <span class="muted">The paper: {escape(paper)}.</span>' if paper else ""
            parts.append(f'<p><span class="badge {kind}">{_SIGNS[kind]} {escape(verdict)}</span>{said}</p>')
        items.append(f"<li>{''.join(parts)}</li>")
    return f'<ul class="claims">{"".join(items)}</ul>'


def facts(entries: Sequence[tuple[str, str]]) -> str:
    """(name, value) as a definition list."""
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in entries) + "</dl>"


def commands(lines: Sequence[str]) -> str:
    return f"<pre><code>{escape(chr(10).join(lines))}</code></pre>"


def figures(drawn: Sequence[tuple[Figure, str]]) -> str:
    """(figure, unique name) side by side where there is room."""
    parts = [
        f"<figure><figcaption>{escape(figure.title)}</figcaption>"
        f'<div class="scroll">{svg.draw(figure, name)}</div></figure>'
        for figure, name in drawn
    ]
    return f'<div class="figures">{"".join(parts)}</div>' if parts else ""


def table(content: Table) -> str:
    """A table that scrolls inside its frame; long ones are folded."""
    head = "".join(
        f'<th scope="col"{_align(is_number(column))}>{escape(column.label)}</th>' for column in content.columns
    )
    rows = []
    for row in content.rows:
        cells = []
        for number, (column, value) in enumerate(zip(content.columns, row, strict=True)):
            sort = sort_key(value)
            attributes = _align(is_number(column)) + (f' data-v="{sort}"' if sort else "")
            text = escape(shown(value, column.kind))
            cells.append(f'<th scope="row"{attributes}>{text}</th>' if number == 0 else f"<td{attributes}>{text}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    name = escape(content.title)
    body = (
        f'<div class="scroll" role="region" aria-label="{name}" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
    notes = "".join(paragraph(note, "note") for note in content.notes)
    if len(content.rows) > LONG_TABLE:
        return f"<details><summary>{name} ({len(content.rows)} rows)</summary>{body}{notes}</details>"
    return f'<div class="caption">{name}</div>{body}{notes}'


def _align(number: bool) -> str:
    return ' class="n"' if number else ""
