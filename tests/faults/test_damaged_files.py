"""Every file of a run cut, emptied, made another, or made a folder: it is named and done again, or refused in a line.

There is no traceback, and nobody is told to throw a good run away.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_run import TRAIN, Call, Survived, figures, unfinished

from mslt_it import pipeline
from mslt_it.report import eval_report as reports
from mslt_it.store import COMPLETE

DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "cut": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "other JSON": lambda content: b'{"files": {}, "run": 7, "results": 3, "provenance": []}\n',
    "nested": lambda content: b"[" * 100_000,
    "a folder": lambda content: None,
}
OF_RUN = (
    *("COMPLETE.json", "config.yaml", "fingerprint.json", "results.json", "build_report.json", "environment.json"),
    *("losses.jsonl", "log.txt", "predictions/en.jsonl", "items/xnli/direct/adapter/en.jsonl"),
    *("items/xnli/direct/base/en.jsonl", "adapter/adapter_model.safetensors", "adapter/adapter_config.json"),
    *("adapter/README.md", "adapter/prompts.json"),
)
OF_CHECKPOINT = tuple(
    f"checkpoints/checkpoint-2/{name}"
    for name in (
        *("COMPLETE.json", "trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth"),
        *("adapter_model.safetensors", "adapter_config.json"),
    )
)


def damage(path: Path, how: str) -> None:
    content = DAMAGES[how](path.read_bytes())
    path.unlink()
    if content is None:
        (path / "somebody's").mkdir(parents=True)
    else:
        path.write_bytes(content)


def again(own: Path, shop: Path) -> Path:
    """The run as it was; what the commands write beside it goes."""
    for path in own.iterdir():
        if path.name != "new.csv":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(shop / "run", own / "run")
    return own / "run"


def check_said(code: int, err: str) -> None:
    assert code in (0, 2) and "Traceback" not in err
    if code == 2:
        assert err.count("error: ") == 1 and "emove" not in err, err


def test_every_kind_of_file_is_looked_at(shop: Path) -> None:
    found = {
        path.relative_to(shop / "run").as_posix()
        for path in (shop / "run").rglob("*")
        if path.is_file() and path.stem not in ("de", "tr", "sw") and "checkpoint-1" not in path.parts
    }
    assert {name for name in found if not name.startswith("tensorboard/")} == {*OF_RUN, *OF_CHECKPOINT}


@pytest.mark.parametrize("how", DAMAGES)
def test_every_command_looks_before_it_takes_a_run(
    how: str, own: Path, shop: Path, call: Call, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after the look (training, merging, asking) is done in the tests below."""
    looked: list[str] = []
    monkeypatch.setattr(pipeline, "_execute", lambda *arguments: looked.append("train") or 0)
    monkeypatch.setattr(reports, "write_run_report", lambda folder, out, *rest: looked.append("report") or [out])
    survived(f"finished run, a file {how}: looked at", 2 * len(OF_RUN))
    for name in OF_RUN:
        damage(again(own, shop) / name, how)
        code, _, err = call("merge", "run=run", "out=no/such/dtype", "strategy=original")  # read first, then refused
        check_said(code, err)
        is_read = name in ("COMPLETE.json", "config.yaml", "results.json") or name.startswith("adapter/adapter_")
        assert code == 2 and ("command again" in err) is is_read, (name, err)
        code, out, err = call(*TRAIN)
        check_said(code, err)
        decides = name not in ("fingerprint.json", "environment.json", "log.txt")
        assert code == 0 and ("already finished" in out) is not decides, name


def test_a_lost_name_is_found_in_the_recipe_and_nowhere_else(own: Path, call: Call, survived: Survived) -> None:
    survived("run whose fingerprint is damaged, of another recipe", 1)
    damage(own / "run" / "fingerprint.json", "cut")
    before = {path: path.read_bytes() for path in (own / "run").rglob("*") if path.is_file()}
    code, _, err = call(*TRAIN, "seed=5")
    check_said(code, err)
    assert code == 2 and "nothing says whose folder it is. Choose another output_dir; what lies there is left" in err
    assert before == {path: path.read_bytes() for path in (own / "run").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        (COMPLETE, "cut"), pytest.param("config.yaml", "a folder", marks=pytest.mark.slow),
        (OF_CHECKPOINT[0], "other JSON"),
        pytest.param("items/xnli/direct/base/en.jsonl", "nested", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_damaged_run_ends_as_it_would_have(name: str, how: str, own: Path, call: Call, survived: Survived) -> None:
    survived("run with a damaged file, started again", 1)
    expected = figures(own / "run")
    if "/" in name:
        unfinished(own / "run")
    damage(own / "run" / name, how)
    code, out, err = call(*TRAIN)
    check_said(code, err)
    assert code == 0 and figures(own / "run") == expected and "already finished" not in out


@pytest.mark.slow
@pytest.mark.parametrize("is_finished", [True, False], ids=["finished", "unfinished"])
@pytest.mark.parametrize("how", DAMAGES)
def test_any_damaged_run_ends_as_it_would_have(
    how: str, is_finished: bool, own: Path, shop: Path, call: Call, survived: Survived
) -> None:
    names = [*OF_RUN, *OF_CHECKPOINT][0 if is_finished else 1 :]
    survived(f"{'finished' if is_finished else 'unfinished'} run, a file {how}: started again", len(names))
    expected = figures(own / "run")
    for name in names:
        run = again(own, shop)
        if not is_finished:
            unfinished(run)
        damage(run / name, how)
        code, _, err = call(*TRAIN)
        if (name, how) == ("log.txt", "a folder"):  # nothing is put in the place of somebody's folder, or lost
            check_said(code, err)
            (run / "log.txt").rename(own / "aside")
            code, _, err = call(*TRAIN)
        check_said(code, err)
        assert code == 0 and figures(run) == expected, name


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("report", "run=run", "out=page"),
        ("predict", "run=run", "data=new.csv", "out=labelled.csv"),
        ("merge", "run=run", "out=merged", "prompts=1"),
        ("export", "run=run", "format=[vllm]", "out=exported"),
        ("eval", "run=run", "languages=[en]", "examples=2", "out=scored", "cache=none"),
        ("combine", "runs=[run]", "out=combined", "scored=false"),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("how", DAMAGES)
def test_any_damaged_run_is_taken_or_refused_in_a_line(
    how: str, command: tuple[str, ...], own: Path, shop: Path, call: Call, survived: Survived
) -> None:
    (own / "new.csv").write_text("lang,premise,hypothesis\nen,a,b\n", encoding="utf-8")
    survived(f"run with a file {how}, taken by mslt {command[0]}", len(OF_RUN))
    for name in OF_RUN:
        damage(again(own, shop) / name, how)
        code, _, err = call(*command)
        check_said(code, err)
