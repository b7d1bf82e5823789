"""The report of a study: complete, self-contained, escaped, readable in both modes, the same every time."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shlex
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "study"))
from synthetic_study import by_size, seal, write_study

from mslt_it.command import execute
from mslt_it.commands import report as command
from mslt_it.evaluation.estimates import Settings
from mslt_it.evaluation.tables import in_markdown
from mslt_it.problems import Problem
from mslt_it.records import to_plain
from mslt_it.report import figures, pages
from mslt_it.report.pages import as_latex, render
from mslt_it.report.study_report import lead, redo, runs, warnings, write_report
from mslt_it.study.analyse.analyses import Findings, analyse
from mslt_it.study.analyse.findings import Heatmap, Intervals, Lines, Mark, Scatter, Steps
from mslt_it.study.analyse.tables import Column, interval, shown, table
from mslt_it.study.collect import collect
from mslt_it.study.config import load_study

FIGURES = (
    Intervals("A & B", "accuracy, %", (Mark("de", 0.7, 0.6, 0.8, "SSLT"), Mark("de", 0.8, group="MSLT")), reference=0.5,
              reference_label="chance"),
    Steps("Steps", "sources", "accuracy", (Mark("1", 0.7, 0.6, 0.8), Mark("3", 0.8)), (("1", "de", 0.71),)),
    Heatmap("Heat", "source", "target", ("de", "zh"), ("fi", "tr"), ((0.5, 0.6), (None, 0.7))),
    Lines("Curves", "step", "loss", (("de", ((1, 2.0), (2, 0.05))), ("1", ((1, 3.0), (2, 0.5)))), mark=2),
    Scatter("Points", "like", "gain", ((0.1, 0.2, "de → fi", "fi"), (0.3, 0.1, "de → tr", "tr")), label_points=True),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(
        tmp_path_factory.mktemp("studies") / "small",
        by_size,
        pool=("ar", "de", "en", "zh"),
        targets=("fi", "tr"),
        set_sizes=(1, 2, 3),
        seeds=(0, 1),
        num_items=30,
        skip=("ar-de_s1",),
    )


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    findings = analyse(collect(folder), Settings(num_bootstrap=200))
    write_report(findings, folder / "report")
    return (folder / "report" / "report.html").read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Tags in balance, ids, and what would be loaded."""

    VOID = ("meta", "input", "br", "img", "link")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tables += tag == "table"
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "a":
            self.links.append(str(found["href"]))
        self.loaded += [str(found[key]) for key in ("src", "srcset", "data", "xlink:href") if found.get(key)]
        self.loaded += [str(found["href"])] if tag == "link" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_whole_and_loads_nothing(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == [] and tags.tables >= 13
    assert len(tags.ids) == len(set(tags.ids)) > 20
    assert all(link.startswith("#") and link[1:] in tags.ids for link in tags.links) and len(tags.links) > 8
    assert tags.loaded == []
    outside = page.replace("http://www.w3.org/2000/svg", "")
    assert "http" not in outside.replace("http-equiv", "") and "url(" not in outside and "@import" not in outside
    assert "default-src 'none'" in page


def test_page_says_what_must_not_be_overlooked(page: str) -> None:
    top = page[: page.index("What was found")]
    assert "These are figures of the embedded world, not of real texts" in top
    assert "1 of 28 planned runs are missing" in top and "ar-de_s1: not started" in top
    assert "two seeds only" in top
    assert "mslt study study=small" in page and "sha256" in page


def test_targets_of_one_group_are_named(folder: Path) -> None:
    """Of 40 rows by one author no interval says how another's would do; two authors' is wide enough."""
    findings = analyse(collect(folder), Settings(num_bootstrap=20))
    numbers = {"fi": 2, "tr": 1, "th": 20}
    ids = tuple(tuple(f"{code}:{i}" for i in range(40)) for code in numbers)
    groups = tuple(tuple(f"author {i % number}" for i in range(40)) for number in numbers.values())
    study = dataclasses.replace(findings.study, targets=tuple(numbers), item_ids=ids, groups=groups)
    few = dataclasses.replace(findings, study=study)
    told = "Too few groups of items: tr with one. "
    assert any(line.startswith(told) for lines in warnings(few) for line in lines)
    assert not any("Too few" in line for lines in warnings(findings) for line in lines)
    whole = dataclasses.replace(findings, study=dataclasses.replace(findings.study, missing=()))
    assert len(warnings(whole)) == len(warnings(findings)) - 1  # no run is missing


@pytest.mark.parametrize(("num_assignments", "told"), [(1, "two seeds only"), (2, "in two ways only"), (3, "")])
def test_too_few_seeds_or_assignments_are_told(folder: Path, num_assignments: int, told: str) -> None:
    findings = analyse(collect(folder), Settings(num_bootstrap=20))
    cells = tuple(
        dataclasses.replace(cell, assignment=number % num_assignments)
        for number, cell in enumerate(findings.study.cells)
    )
    of_noise = [
        line
        for (line, *_) in warnings(
            dataclasses.replace(findings, study=dataclasses.replace(findings.study, cells=cells))
        )
        if "would change" in line
    ]
    assert [told in line for line in of_noise] == [True] * bool(told)


def test_the_page_says_what_was_drawn_and_what_is_corrected_for(folder: Path) -> None:
    findings = analyse(collect(folder), Settings(num_bootstrap=100))
    said = lead(findings)[1]
    number = sum(claim.is_tested for _, claim in findings.claims)
    assert 0 < number < len(findings.claims) and f"corrected for the {number} that can be tested (Holm)" in said
    assert said.startswith("Intervals hold 95 %: items and seeds were drawn again 100 times")
    one = tuple(cell for cell in findings.study.cells if cell.seed == 0)
    of_one = dataclasses.replace(findings, study=dataclasses.replace(findings.study, cells=one))
    assert lead(of_one)[1].startswith("Intervals hold 95 %: items were drawn again 100 times")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("mini", ["seeds=[0]", "sample=14", "training.num_epochs=2", "mingling={}"]),
        ("mini", ["cost={th:2,tr:2}", "shots=[0,8]", "mingling={}", "predict={}"]),
        ("paper_xnli", ["family=encoder", "margin=0.03"]),
        ("intents", []),
    ],
)
def test_the_command_has_what_the_command_line_changed(folder: Path, name: str, arguments: list[str]) -> None:
    config = load_study(name, arguments)
    content = {key: value for key, value in to_plain(config).items() if key != "name"}
    study = dataclasses.replace(collect(folder), name=config.name, manifest={"config": content})
    given = shlex.split(redo(Findings(study, Settings(), ()))[0])
    assert given[:3] == ["mslt", "study", f"study={name}"] and sorted(given[3:]) == sorted(arguments)
    assert load_study(name, given[3:]) == config


def test_every_table_and_figure_is_beside_the_page(folder: Path, page: str) -> None:
    tables, figures = (sorted((folder / "report" / name).iterdir()) for name in ("tables", "figures"))
    text = (folder / "report" / "report.md").read_text(encoding="utf-8")
    assert {path.stem for path in tables if path.suffix == ".tex"} == {p.stem for p in tables if p.suffix == ".csv"}
    for path in [*(path for path in tables if path.suffix == ".csv"), *figures]:
        assert f"({path.parent.name}/{path.name})" in text
    assert len(figures) == page.count("<svg ")
    for path in figures:
        ElementTree.fromstring(path.read_text(encoding="utf-8"))
    with (folder / "report" / "tables" / "sets.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 14 and {"accuracy_low", "accuracy_high", "num_seeds", "items"} <= rows[0].keys()
    assert all(float(r["accuracy_low"]) <= float(r["accuracy"]) <= float(r["accuracy_high"]) for r in rows)


def test_every_table_has_numbers_of_items_or_sets_and_intervals(folder: Path, page: str) -> None:
    names = {path.stem for path in (folder / "report" / "tables").glob("*.csv")}
    assert {"sslt_mslt", "num_sources", "scripts", "transfer_pairs", "best_sets", "similarity", "sets"} <= names
    for name in names - {"noise", "transfer_matrix"}:
        head = (folder / "report" / "tables" / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0]
        assert "_low" in head and "_high" in head, name


def test_the_same_study_gives_the_same_files(folder: Path, page: str, tmp_path: Path) -> None:
    findings = analyse(collect(folder), Settings(num_bootstrap=200))
    for path in write_report(findings, tmp_path):
        twin = folder / "report" / path.relative_to(tmp_path)
        assert path.read_bytes() == twin.read_bytes()
    assert str(folder) not in page


def test_text_is_escaped() -> None:
    evil = '<script>alert("1")</script>&|'
    rows = [{"a": evil, "b": 0.1, **interval("b", (0.1, 0.2))}]
    drawn = (
        Intervals(evil, evil, (Mark(evil, 0.5, 0.4, 0.6, evil),), reference=0.5, reference_label=evil),
        Heatmap(evil, evil, evil, (evil,), (evil,), ((0.5,),)),
        Scatter(evil, evil, evil, ((0.1, 0.1, evil, evil),)),
        Steps(evil, evil, evil, (Mark(evil, 0.1),), ((evil, evil, 0.2),)),
    )
    said = pages.Said(evil, evil, "as in the paper", evil)
    one = table("t", evil, rows, evil, a=evil, b=Column("b", "share"))
    section = pages.Section("e", evil, "", evil, evil, (said,), (one,), tuple(
        (f"f{number}", figure) for number, figure in enumerate(drawn)), (evil,))  # fmt: skip
    undone = pages.Section("u", evil, evil)
    report = {"title": evil, "lead": [evil], "warnings": [[evil]], "slices": [(evil, "s", (said,))],
              "sections": [section, undone], "made": [(evil, evil)], "redo": [evil], "no_claim": evil}  # fmt: skip
    page = render("study.html.j2", report)
    assert page.count("alert(") > 30 and "<script>a" not in page
    markdown = render("study.md.j2", report)
    (row,) = [line for line in markdown.splitlines() if line.endswith("| 10.0 | 10.0 to 20.0 |")]
    assert row.startswith("| " + in_markdown(evil)) and markdown.startswith("# " + in_markdown(evil))
    assert r"\&" in as_latex(one)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: type(figure).__name__)
def test_figures_are_labelled_and_within_their_frame(figure) -> None:
    drawn = ElementTree.fromstring(figures.draw(figure, "name", alone=True))
    space = "{http://www.w3.org/2000/svg}"
    assert drawn.attrib["role"] == "img" and drawn.attrib["aria-labelledby"] == "name-t"
    title = drawn.find(f"{space}title")
    assert title is not None and title.text == figure.title
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    texts = list(drawn.iter(f"{space}text"))
    for text in texts:
        assert 0 <= float(text.attrib["x"]) <= width and 0 <= float(text.attrib["y"]) <= height
    for mark in drawn.iter(f"{space}use"):
        assert 0 <= float(mark.attrib["x"]) <= width and 0 <= float(mark.attrib["y"]) <= height
    assert {"".join(text.itertext()) for text in texts} & {"de", "fi", "1"}
    # Every mark tells its figure, and colours are the page's.
    tips = [found.text or "" for found in drawn.iter(f"{space}title")][1:]
    assert all(tips) and any(re.search(r"[\d.]+ %|points|0\.\d", tip) for tip in tips)
    assert not re.search(r"#[0-9a-f]{6}", "".join(mark.attrib.get("style", "") for mark in drawn.iter()))


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: type(figure).__name__)
def test_figures_for_papers_have_no_date_and_are_the_same_every_time(figure) -> None:
    file = figures.as_pdf(figure, "name")
    assert file.startswith(b"%PDF") and b"CreationDate" not in file and b"/Type3" not in file
    assert file == figures.as_pdf(figure, "name")


def test_the_raw_figures_lie_beside_the_page(folder: Path, page: str) -> None:
    with (folder / "report" / "runs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    study = collect(folder)
    assert len(rows) == len(study.cells) * 2 and {row["target"] for row in rows} == {"fi", "tr"}
    [row] = [one for one in rows if one["run"] == "de_s1" and one["target"] == "tr"]
    [cell] = [one for one in study.cells if one.id == "de_s1"]
    assert (row["sources"], row["seed"], row["items"]) == ("de", "1", "30")
    for name, counts in (("accuracy", cell.counts), ("untuned", study.base)):
        assert float(row[name]) == pytest.approx(counts[1].sum(axis=0)[0] / 30, abs=1e-5)


def test_the_raw_figures_tell_what_a_run_has_in_its_own_sources(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "study")
    cell = tmp_path / "study" / "cells" / "ar-zh_s0"
    results = json.loads((cell / "results.json").read_text(encoding="utf-8"))
    for code, metric, value in (("ar", "accuracy", 0.9), ("zh", "accuracy", 0.6), ("zh", "macro_f1", 0.1)):
        row = {"language": code, "role": "source", "metric": metric, "value": value, "status": "ok", "reason": ""}
        results["results"].append(row)
    (cell / "results.json").write_text(json.dumps(results), encoding="utf-8")
    seal(cell)
    found = runs(collect(tmp_path / "study"))
    assert found.seen[found.run == "ar-zh_s0"].tolist() == [0.75] * 2
    assert found.seen[found.run != "ar-zh_s0"].isna().all()


def test_formats_of_a_study(folder: Path, tmp_path: Path) -> None:
    written = write_report(analyse(collect(folder), Settings(num_bootstrap=100)), tmp_path, ("pdf",))
    names = {path.relative_to(tmp_path).as_posix() for path in written}
    assert names and all(name.startswith("figures/") and name.endswith(".pdf") for name in names)


def test_values_as_people_and_as_machines_read_them() -> None:
    assert [shown(0.7824, kind) for kind in ("share", "points", "number", "p")] == ["78.2", "+78.2", "0.78", "0.782"]
    assert shown(-0.0001, "points") == "0.0" and shown(0.0001, "p") == "< 0.001" and shown(None, "share") == ""
    assert shown(3.0, "rank") == "3" and shown(18.4, "rank") == "18.4"
    rows = [{"accuracy": 0.123456789, **interval("accuracy", ends)} for ends in ((0.1, 0.2), None)]
    (_, values, sort), (column, ranges, _) = table("t", "t", rows, accuracy="F1").shown()
    assert values == ["12.3", "12.3"] and sort == [0.123456789] * 2
    assert (column.label, ranges) == ("interval", ["10.0 to 20.0", ""])


def _colours(text: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w]+):(#[0-9a-f]{6});", text))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_contrast_of_both_modes(page: str, mode: str) -> None:
    """WCAG: 4.5 for text, 3 for what is drawn."""
    found = _colours(page[page.index(f"color-scheme:{mode};") :].split("}")[0])
    for ground in ("ground", "panel", "warn"):
        for ink in ("ink", "muted", "link", "good", "bad", "open"):
            if ground != "warn" or ink == "ink":
                assert _contrast(found[ink], found[ground]) >= 4.5, (ink, ground)
    for style in ("s0", "s1", "s2", "s3"):
        assert _contrast(found[style], found["ground"]) >= 3, style
    # The darkest cell of a heatmap is covered to 52 %.
    mixed = "#" + "".join(
        f"{round(0.52 * int(found['s0'][i : i + 2], 16) + 0.48 * int(found['ground'][i : i + 2], 16)):02x}"
        for i in (1, 3, 5)
    )
    assert _contrast(found["ink"], mixed) >= 4.5


def test_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(command.COMMAND, [f"study={folder}", f"out={tmp_path / 'out'}", "num_bootstrap=100"]) == 0
    said = capsys.readouterr().out
    assert "3 source languages against the best single source" in said and "1 of 28 planned runs are missing" in said
    assert f"Report: {tmp_path / 'out' / 'report.html'}" in said and (tmp_path / "out" / "report.md").is_file()
    assert execute(command.COMMAND, ["--help"]) == 0 and " mslt report study=DIR" in capsys.readouterr().out
    with pytest.raises(Problem, match=r"Give either run=RUNFOLDER or study=STUDYFOLDER"):
        execute(command.COMMAND, [])
    with pytest.raises(Problem, match=r"confidence=95 is out of range\. It must be above 0 and below 1\."):
        execute(command.COMMAND, [f"study={folder}", "confidence=95"])
    with pytest.raises(Problem, match=r"examples= applies only to runs\."):
        execute(command.COMMAND, [f"study={folder}", "examples=3"])
    with pytest.raises(Problem, match=r"Unknown key 'stduy'\. Did you mean 'study'\?"):
        execute(command.COMMAND, ["stduy=x"])
    with pytest.raises(Problem, match=r"nowhere: there is no manifest\.json\."):
        execute(command.COMMAND, ["study=nowhere"])


def test_no_claim_is_said(tmp_path: Path) -> None:
    """A study of one kind of cell still has a report."""
    folder = write_study(tmp_path / "one", by_size, pool=("de", "zh"), targets=("fi",), set_sizes=(1,), seeds=(0,),
                         num_items=10)  # fmt: skip
    write_report(analyse(collect(folder), Settings(num_bootstrap=100)), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "The finished runs allow no comparison yet." in page and "Not done: No set of several" in page
