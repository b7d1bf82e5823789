"""Folders that commands read and write: what is none is told at once, with one that may be meant."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mslt_it.places import refuse_no_model, refuse_no_place, refuse_no_run
from mslt_it.problems import Problem

PRINTED = "Give the run folder that `mslt train` printed last."


def folder(path: Path, *names: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name in names:
        (path / name).write_text("{}", encoding="utf-8")
    return path


def test_what_is_no_run_is_named_with_what_may_be_meant(tmp_path: Path) -> None:
    run = folder(tmp_path / "runs" / "xnli-0123", "config.yaml", "COMPLETE.json")
    refuse_no_run(run)
    cell = folder(folder(tmp_path / "study", "manifest.json") / "cells" / "de-s0", "config.yaml", "COMPLETE.json")
    cases = {
        tmp_path / "runs" / "xnli-012": f"there is no such folder. Did you mean run={run}? {PRINTED}",
        tmp_path / "elsewhere": f"there is no such folder. {PRINTED}",
        run / "config.yaml": f"it is a file. {PRINTED}",
        tmp_path / "runs": f"there is no config.yaml, so it is no run. Give one of the runs in it: run={run}.",
        tmp_path / "study": f"there is no config.yaml, so it is no run. Give one of the runs in it: run={cell}.",
        folder(
            tmp_path / "evals", "request.json", "COMPLETE.json"
        ): f"there is no config.yaml, so it is no run. {PRINTED}",
        folder(
            run / "adapter", "adapter_config.json"
        ): f"this is an adapter. Give the run folder it lies in: run={run}.",
        folder(tmp_path / "torn", "config.yaml"): "there is no COMPLETE.json, so the run has not finished. Start its",
    }
    for path, said in cases.items():
        with pytest.raises(Problem, match=re.escape(f"run={path}: {said}")):
            refuse_no_run(path)
    refuse_no_model(folder(tmp_path / "merged", "merge.json"))
    with pytest.raises(Problem, match=r"there is no config\.yaml, so it is no run"):
        refuse_no_model(tmp_path / "evals")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    refuse_no_place(tmp_path / "new" / "deeper")
    for path in (tmp_path / "file", tmp_path / "file" / "new"):
        with pytest.raises(
            Problem, match=re.escape(f"out={path}: {tmp_path / 'file'} is a file. Give another folder.")
        ):
            refuse_no_place(path)
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(Problem, match=re.escape(f"{tmp_path} cannot be written to. Change its permissions, or")):
        refuse_no_place(tmp_path / "new")
    refuse_no_place(folder(tmp_path / "done", "COMPLETE.json"))  # is only read again


MISTAKES = (
    ("train recipe=xnli_3src output_dir=FILE", "output_dir=FILE: FILE is a file. Give another folder."),
    ("train recipe=xnli_3src output_dir=OTHER", "OTHER holds another run (fingerprint 0, this one is "),
    ("train recipe=xnli_3src training.report_to=[trackio]", "the package trackio is not installed"),
    ("train recipe=xnli_3src model.path=no.gguf", "model.path=no.gguf: there is no such file. Give the path of"),
    (
        "train recipe=xnli_3src model.path=./none",
        "model.path=./none: no model could be loaded: there is no such folder",
    ),
    (
        "train recipe=xnli_3src prompt.variant=cot_native",
        "prompt.variant=cot_native is trained on rows with a worked-out",
    ),
    ("train recipe=xnli_3src prompt.template=9", "ar.yaml has 1 template. Write a number from 0 to 0, or mixed"),
    (
        "train recipe=xnli_3src task.instruction={premis}",
        "has the unknown placeholder {premis}. Did you mean 'premise'?",
    ),
    ("train recipe=xnli_3src task.instruction.tr=Hangi", "task.instruction has no text for language 'ar' and none for"),
    ("train recipe=xnli_3src task.instruction.Turkish=A", "task.instruction: Unknown language code 'Turkish'. Did you"),
    ("export run=WHOLE out=m format=gguf converter=none", "converter=none: there is no such file."),
    ("tasks xnli language=Turkish", "Unknown language code 'Turkish'. Did you mean 'tr' (Turkish)?"),
    ("data recipe=xnli_3src output_dir=FILE", "output_dir=FILE: FILE is a file. Give another folder."),
    ("eval model=world task=xnli samples=4", "samples=4: labels asked for directly are chosen"),
    (
        "eval model=FILE task=xnli",
        "model.path=FILE is a file. Give the folder of a model, or a file that ends in .gguf.",
    ),
    ("eval model=world task=xnli cache=FILE", "cache=FILE: FILE is a file. Give another folder."),
    ("eval model=world task=xnli shots=99", "num_shots=99: "),
    ("eval model=world task=xnli weights={xnli:2}", "of the tasks that are scored, of several. Leave weights out."),
    ("eval model=world task=xnli adapter=[WHOLE,WHOLE]", "adapter=[WHOLE,WHOLE] lists one twice. Remove it."),
    ("eval run=none", "run=none: there is no such folder."),
    ("eval model=world task=xnli adapter=none", "adapter=none: there is neither COMPLETE.json"),
    ("merge run=none out=m", "run=none: there is no such folder."),
    ("export run=OTHER out=m", "run=OTHER: there is no COMPLETE.json, so the run has not finished."),
    ("combine runs=[none,none2] out=c", "runs=none: there is no such folder."),
    ("combine runs=[a,b] out=c method=linear", "peft's 'linear' is called weighted_factors here"),
    ("predict run=none data=FILE.csv out=o.csv", "run=none: there is no such folder."),
    ("predict run=none data=none.csv out=o.csv", "data=none.csv: there is no such file."),
    ("predict run=none data=FILE.csv out=FILE.csv", "out=FILE.csv is the input itself."),
    ("report run=none", "run=none: there is no such folder."),
    ("report study=OTHER", "study=OTHER: there is no manifest.json."),
    ("study study=mini out=FILE", "out=FILE: FILE is a file. Give another folder."),
)


IN_ONE_PROCESS = """
import contextlib, importlib.util, io, json, sys
from mslt_it import cli
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "trackio" else found(name, *more)
said = {}
for line in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as told:
        code = cli.main(line.split())
    said[line] = [code, told.getvalue(), [name for name in ("torch", "transformers", "pandas") if name in sys.modules]]
print(json.dumps(said))
"""


def test_mistakes_are_told_before_torch_is_imported_and_leave_nothing(tmp_path: Path) -> None:
    for name in ("FILE", "FILE.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n", encoding="utf-8")
    (folder(tmp_path / "OTHER", "config.yaml") / "fingerprint.json").write_text('{"run": "0"}', encoding="utf-8")
    folder(tmp_path / "WHOLE", "config.yaml", "COMPLETE.json")
    before = sorted(tmp_path.rglob("*"))
    lines = json.dumps([line for line, _ in MISTAKES])
    ended = subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS, lines], cwd=tmp_path, stdout=subprocess.PIPE, check=True
    )
    found = json.loads(ended.stdout)
    for line, said in MISTAKES:
        code, told, heavy = found[line]
        assert (code, heavy) == (2, []) and said in told, (line, code, told, heavy)
    assert len(MISTAKES) == 31
    assert sorted(tmp_path.rglob("*")) == before
