"""The report in a real browser: phone and wide screen, light and dark, sorting, nothing wider than the screen."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "study"))
from synthetic_study import by_size, write_study

from mslt_it.evaluation.estimates import Settings
from mslt_it.report.study_report import write_report
from mslt_it.study.analyse.analyses import analyse
from mslt_it.study.collect import collect

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no chromium (apt-get install chromium)")]

# Runs in the page after its own script, and tells the page around it what it saw. That one holds it in a frame, since a
# browser's window is never narrower than 500 pixels.
PROBE = """<script>addEventListener("load",function(){
  var seen={width:innerWidth,scroll:document.documentElement.scrollWidth,out:[]};
  document.querySelectorAll("main *").forEach(function(e){
    if(e.closest(".scroll")||e.closest("details:not([open])"))return;
    var r=e.getBoundingClientRect();
    if(r.right>innerWidth+1&&r.width>0)seen.out.push(e.tagName+": "+e.textContent.slice(0,40))});
  seen.ground=getComputedStyle(document.body).backgroundColor;
  var small=Array.from(document.querySelectorAll(".fig text:not(.tiny)")).map(function(t){
    var s=t.ownerSVGElement,scale=s.getBoundingClientRect().width/s.viewBox.baseVal.width;
    return parseFloat(getComputedStyle(t).fontSize)*scale});
  seen.smallest=Math.min.apply(null,small.filter(function(x){return x>0}));
  var table=document.querySelector("table"),cell=function(r){return parseFloat(r.cells[4].dataset.v)};
  var button=table.tHead.rows[0].cells[4].querySelector("button");
  button.click();seen.up=Array.from(table.tBodies[0].rows).map(cell);
  button.click();seen.down=Array.from(table.tBodies[0].rows).map(cell);
  seen.sorted=table.tHead.rows[0].cells[4].getAttribute("aria-sort");
  parent.postMessage(JSON.stringify(seen),"*")})</script>"""
AROUND = """<!DOCTYPE html><body><script>addEventListener("message",function(e){
document.body.setAttribute("data-seen",e.data)})</script><iframe src="probe.html#MODE" width="WIDTH" height="800"
style="border:0"></iframe></body>"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_study(tmp_path_factory.mktemp("studies") / "small", by_size, set_sizes=(1, 2, 3), num_items=30)
    write_report(analyse(collect(folder), Settings(num_bootstrap=200)), folder / "report")
    return folder / "report" / "report.html"


def browse(url: str, *options: str, size: str) -> str:
    assert BROWSER is not None
    found = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size}", *options,
         url],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return found.stdout


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(("mode", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(22, 25, 30)")])
def test_layout_modes_and_sorting(report: Path, tmp_path: Path, width: int, mode: str, ground: str) -> None:
    page = tmp_path / "probe.html"
    page.write_text(report.read_text(encoding="utf-8").replace("</body>", PROBE + "</body>"), encoding="utf-8")
    around = tmp_path / "around.html"
    around.write_text(AROUND.replace("MODE", mode).replace("WIDTH", str(width)), encoding="utf-8")
    options = [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--dump-dom"]
    dom = browse(f"file://{around}", *options, size="1400,900")
    found = re.search(r'data-seen="([^"]*)"', dom)
    assert found is not None
    seen = json.loads(unescape(found.group(1)))
    assert seen["width"] == width
    assert seen["scroll"] <= seen["width"] and seen["out"] == []
    assert seen["ground"] == ground
    assert seen["smallest"] >= 9  # pixels, of labels on a phone
    assert seen["up"] == sorted(seen["up"]) and seen["down"] == sorted(seen["up"], reverse=True)
    assert len(seen["up"]) == 3 and seen["sorted"] == "descending"


def test_without_script_the_switch_still_works_and_the_system_decides(report: Path, tmp_path: Path) -> None:
    """Screenshots; the first pixel is the ground's."""
    from matplotlib.image import imread

    text = re.sub(r"<script>.*?</script>", "", report.read_text(encoding="utf-8"), flags=re.DOTALL)
    chosen = text.replace('id="mode-auto" checked', 'id="mode-auto"').replace(
        'id="mode-dark"', 'id="mode-dark" checked'
    )
    grounds = []
    for name, content, options in (
        ("system", text, ["--blink-settings=preferredColorScheme=0"]),
        ("light", text, ["--blink-settings=preferredColorScheme=1"]),
        ("chosen", chosen, ["--blink-settings=preferredColorScheme=1"]),
    ):
        page, picture = tmp_path / f"{name}.html", tmp_path / f"{name}.png"
        page.write_text(content, encoding="utf-8")
        browse(f"file://{page}", f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}", *options,
               size="390,844")  # fmt: skip
        pixels = imread(picture)
        assert pixels.shape[:2] == (844, 390) and pixels.std() > 0.02  # something is drawn
        grounds.append(float(pixels[0, 0, :3].mean()))
    assert grounds[0] < 0.2 and grounds[1] > 0.9 and grounds[2] < 0.2
