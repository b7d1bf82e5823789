"""Folders that commands read and write: what is none is told at once, with one that may be meant."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mslt_it.config.compose import load_recipe, resolved_yaml
from mslt_it.models.finished_run import adapter_hash
from mslt_it.places import refuse_no_model, refuse_no_place, refuse_no_run, trained_before
from mslt_it.problems import Problem
from mslt_it.store import seal

PRINTED = "Give the run folder that `mslt train` printed last."


def folder(path: Path, *names: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name in names:
        (path / name).write_text("{}", encoding="utf-8")
    return path


def finished(path: Path, *overrides: str, **provenance: str) -> Path:
    """A run as it is read without its model."""
    path, adapter = folder(path), folder(path / "adapter", "adapter_config.json")
    save_file({"a": np.ones((2, 1), dtype=np.float32)}, adapter / "adapter_model.safetensors")
    (path / "config.yaml").write_text(
        resolved_yaml(load_recipe("xnli_3src", overrides or ["model.kind=decoder"])), encoding="utf-8"
    )
    papers = {"adapter_sha256": adapter_hash(adapter), "base_sha256": "b", "num_examples": 60, **provenance}
    (path / "results.json").write_text(json.dumps({"provenance": papers}), encoding="utf-8")
    seal(path, [one for one in path.rglob("*") if one.is_file()])
    return path


def test_what_is_no_run_is_named_with_what_may_be_meant(tmp_path: Path) -> None:
    run = folder(tmp_path / "runs" / "xnli-0123", "config.yaml", "COMPLETE.json")
    refuse_no_run(run)
    cell = folder(folder(tmp_path / "study", "manifest.json") / "cells" / "de-s0", "config.yaml", "COMPLETE.json")
    cases = {
        tmp_path / "runs" / "xnli-012": f"there is no such folder. Did you mean run={run}? {PRINTED}",
        tmp_path / "elsewhere": f"there is no such folder. {PRINTED}",
        run / "config.yaml": f"it is a file. {PRINTED}",
        tmp_path / "runs": f"there is no config.yaml, so it is not a run. Give one of the runs in it: run={run}.",
        tmp_path / "study": f"there is no config.yaml, so it is not a run. Give one of the runs in it: run={cell}.",
        folder(
            tmp_path / "evals", "request.json", "COMPLETE.json"
        ): f"there is no config.yaml, so it is not a run. {PRINTED}",
        folder(
            run / "adapter", "adapter_config.json"
        ): f"this is an adapter. Give the run folder it lies in: run={run}.",
        folder(tmp_path / "torn", "config.yaml"): "there is no COMPLETE.json, so the run has not finished. Start its",
    }
    for path, said in cases.items():
        with pytest.raises(Problem, match=re.escape(f"run={path}: {said}")):
            refuse_no_run(path)
    refuse_no_model(folder(tmp_path / "merged", "merge.json"))
    with pytest.raises(Problem, match=r"there is no config\.yaml, so it is not a run"):
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


OWN = "data recipe=custom task.data=TABLE.csv task.input=a task.label=b sources=[en] targets=rest"
MISTAKES = (
    ("train recipe=xnli_3src output_dir=FILE", "output_dir=FILE: FILE is a file. Give another folder."),
    ("train recipe=xnli_3src output_dir=OTHER", "OTHER holds another run (fingerprint 0, this one is "),
    ("train recipe=xnli_3src training.report_to=[trackio]", "the package trackio is not installed"),
    ("train recipe=xnli_3src model.path=no.gguf", "model.path=no.gguf: there is no such file. Give the path of"),
    (
        "train recipe=xnli_3src model.path=./none",
        "model.path=./none: there is no such folder",
    ),
    (
        "train recipe=xnli_3src prompt.variant=cot_native",
        "prompt.variant=cot_native needs rows with a worked-out",
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
    (
        "eval model=world task=xnli weights={xnli:2}",
        "weights are for the scored tasks, if there are several. Leave weights out.",
    ),
    ("eval model=world task=xnli adapter=[WHOLE,WHOLE]", "adapter=[WHOLE,WHOLE] lists one twice. Remove it."),
    ("eval run=none", "run=none: there is no such folder."),
    ("eval model=world task=xnli adapter=none", "adapter=none: there is neither COMPLETE.json"),
    ("merge run=none out=m", "run=none: there is no such folder."),
    ("export run=OTHER out=m", "run=OTHER: there is no COMPLETE.json, so the run has not finished."),
    ("combine runs=[none,none2] out=c", "runs=none: there is no such folder."),
    ("combine runs=[a,b] out=c method=linear", "peft's 'linear' is called weighted_factors here"),
    ("predict run=none data=FILE.csv out=o.csv", "run=none: there is no such folder."),
    ("combine runs=[RUN,RUN2] out=c weights=[1]", "weights=[1] has 1 number, and runs names 2. Give one number for"),
    ("combine runs=[RUN,RUN2] out=c weights=[0,0]", "all are 0, so nothing is combined."),
    ("combine runs=[RUN,RUN2] out=c weights=equl", "weights=equl is unknown. Did you mean 'equal'?"),
    ("combine runs=[RUN,RUN2] out=c weights=typology:xx", "Unknown language code 'xx'."),
    ("combine runs=[RUN,STRANGE] out=c", "RUN and STRANGE do not share a base model: base_sha256 is b and x."),
    ("combine runs=[RUN,RUN2] out=RUN3", "out=RUN3 holds something else already (not this combination of these runs)."),
    ("combine runs=[RUN,TORN] out=c", "run=TORN: results.json is not what was saved (5 bytes)."),
    ("merge run=TORN out=m", "run=TORN: results.json is not what was saved (5 bytes)."),
    ("merge run=RUN out=m strategy=original", "that was not quantised, so there is only one. Leave strategy out."),
    ("merge run=RUN out=DATA", "DATA holds something else (no merge.json of ours). Give another folder."),
    ("merge run=RUN out=RUN2", "out=RUN2 holds a run (config.yaml), which is left as it is. Give another folder."),
    ("export run=RUN out=RUN2", "out=RUN2 holds a run (config.yaml), which is left as it is. Give another folder."),
    ("export run=ENCODER out=e format=onnx", "format=onnx needs the package onnx: pip install -e '.[onnx]'."),
    ("export run=RUN out=MERGED", "out=MERGED holds a merged model (merge.json), which is left as it is. Give another"),
    ("export run=RUN out=MADE", "out=MADE holds an export (export.json), which is left as it is. Give another folder."),
    ("export run=RUN out=e format=onnx", "format=onnx is for encoders, and this is a model of kind decoder. Choose"),
    ("export run=RUN out=e name=a/b", "name='a/b' cannot be a file's name."),
    ("export run=RUN out=e format=vllm push=me/x", "push=me/x: the adapter belongs to the base 'world', which is no"),
    ("predict run=RUN data=FILE.csv out=o.csv", "FILE.csv has no column 'premise', which the run needs."),
    (
        "predict run=RUN data=ROWS.jsonl out=o.csv language=xx",
        "language=xx is neither a column of the table nor a lang",
    ),
    (
        "predict run=RUN data=ROWS.jsonl out=o.csv columns={x:y}",
        "columns: the run uses no column 'x'. Known: hypothesis",
    ),
    ("predict run=RUN data=ROWS.jsonl out=FILE.csv", "out=FILE.csv: FILE.csv exists already. Give another name, or"),
    ("predict run=RUN data=ROWS.jsonl out=o.csv executor=ray", "executor=ray needs the package ray, which is not inst"),
    ("predict run=TORN data=ROWS.jsonl out=o.csv", "run=TORN: results.json is not what was saved (5 bytes)."),
    ("eval model=world task=xnli base=false", "base=false leaves nothing to score. Leave it out, or give run=RUNFOLD"),
    ("combine runs=[RUN,RUN2] out=c scored=false num_items=5", "num_items=5 has no effect with scored=false. Leave on"),
    (
        "report run=EVAL examples=5",
        "examples= applies only to answers of a run; run=EVAL is an evaluation. Leave it out.",
    ),
    ("eval run=RUN out=DATA", "out=DATA holds mine.txt but no evaluation. Give another folder."),
    ("eval run=TORN", "run=TORN: results.json is not what was saved (5 bytes)."),
    ("report run=TORN", "run=TORN: results.json is not what was saved (5 bytes)."),
    ("eval run=RUN out=RUN2", "out=RUN2 holds a run (config.yaml), which is left as it is. Give another folder."),
    ("eval run=RUN languages=[it]", "task.data=world has no language 'it'. Did you mean 'vi'?"),
    ("eval run=RUN seen=[tr]", "seen=[tr] is for adapters without a run folder: runs record what they were"),
    ("eval run=RUN targets=[tr]", "Unknown key 'targets'. Did you mean 'languages'?"),
    ("eval run=RUN data=x.csv", "Unknown key 'data'. Did you mean 'task.data'?"),
    ("train recipe=xnli_3src out=o", "Unknown key 'out'. Did you mean 'output_dir'?"),
    ("train recipe=xnli_3src model=o", "Unknown key 'model'. Did you mean 'model.path'?"),
    ("train recipie=xnli_3src", "No recipe given. Write recipe=NAME in place of recipie=xnli_3src."),
    ("train recipe=xnli_3src output_dir=EVAL", "output_dir=EVAL holds an evaluation (request.json), which is left as"),
    ("train recipe=xnli_3src output_dir=MINE", "MINE holds results.json but no run. Choose another output_dir."),
    (
        "data recipe=xnli_3src output_dir=MINE",
        "output_dir=MINE: MINE/train.jsonl was not written by mslt data. Give",
    ),
    ("data recipe=xnli_3src output_dir=RUN", "output_dir=RUN holds a run (config.yaml), which is left as it is."),
    (OWN.replace("=a", "=[a,b]"), "task.input_fields=['a', 'b'] shows 'b', which is the answer (task.label_field)."),
    (OWN, "takes 1500 training rows of 'en', and TABLE.csv has 3. Write data.num_examples_total=max for as many"),
    (OWN.replace("TABLE", "FILE"), "FILE.csv has no column 'language' or 'lang'. Known: a, b. Name yours"),
    ("study study=mini out=RUN", "out=RUN holds a run (config.yaml), which is left as it is. Give another folder."),
    ("study study=mini task.data=FILE.csv out=s", "FILE.csv has no column 'language' or 'lang'."),
    ("study study=mini task.data=none.csv out=s --dry-run", "task.data=none.csv does not exist."),
    ("study study=mini settings={partition:gpu} --dry-run", "settings has no effect on executor=local, only on slurm"),
    ("study study=mini sources=[ar]", "Unknown key 'sources'. Did you mean 'pool'?"),
    ("select model=/no/such", "model=/no/such: there is no such folder. Give that of a model."),
    ("select criteria=[scripts] model=a/b", "model=a/b has no effect on criteria=[scripts]. Leave it out, or add one"),
    ("select criteria=[scripts] seed=4", "seed=4 has no effect on criteria=[scripts], which draw nothing at random."),
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
importlib.util.find_spec = lambda name, *more: None if name in ("trackio", "onnx") else found(name, *more)
said = {}
for line in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as told:
        code = cli.main(line.split())
    said[line] = [code, told.getvalue(), [name for name in ("torch", "transformers", "pandas") if name in sys.modules]]
print(json.dumps(said))
"""


def test_what_weights_were_trained_on_stands_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder(tmp_path / "merged", "model.gguf") / "prompts.json").write_text('{"recipe": {"sources": ["de"]}}')
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (tmp_path / "merged", tmp_path / "merged" / "model.gguf", "~/merged", "~/merged/model.gguf"):
        assert trained_before(path) == ("de",)
    monkeypatch.chdir(tmp_path / "merged")  # where another's lies
    assert trained_before("world") == trained_before("owner/name") == () and trained_before(".") == ("de",)


def test_mistakes_are_told_before_torch_is_imported_and_leave_nothing(tmp_path: Path) -> None:
    for name in ("FILE", "FILE.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n", encoding="utf-8")
    (folder(tmp_path / "OTHER", "config.yaml", "build_report.json") / "fingerprint.json").write_text(
        '{"run": "0"}', encoding="utf-8"
    )
    folder(tmp_path / "WHOLE", "config.yaml", "COMPLETE.json")
    (folder(tmp_path / "DATA") / "mine.txt").write_text("mine", encoding="utf-8")
    folder(tmp_path / "EVAL", "request.json")
    folder(tmp_path / "MERGED", "merge.json")
    folder(tmp_path / "MADE", "export.json")
    folder(tmp_path / "MINE", "train.jsonl", "results.json")
    for name in ("RUN", "RUN2", "RUN3", "TORN"):
        finished(tmp_path / name)
    finished(tmp_path / "STRANGE", base_sha256="x")
    finished(tmp_path / "ENCODER", "model.kind=encoder")
    (tmp_path / "TORN" / "results.json").write_text("torn ", encoding="utf-8")
    (tmp_path / "ROWS.jsonl").write_text('{"premise": "a", "hypothesis": "b"}\n', encoding="utf-8")
    rows = "".join(f"en,text {n},{'xy'[n % 2]}\ntr,metin {n},{'xy'[n % 2]}\n" for n in range(4))
    (tmp_path / "TABLE.csv").write_text(f"lang,a,b\n{rows}", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    lines = json.dumps([line for line, _ in MISTAKES])
    ended = subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS, lines], cwd=tmp_path, stdout=subprocess.PIPE, check=True
    )
    found = json.loads(ended.stdout)
    for line, said in MISTAKES:
        code, told, heavy = found[line]
        assert (code, heavy) == (2, []) and said in told, (line, code, told, heavy)
    assert sorted(tmp_path.rglob("*")) == before
