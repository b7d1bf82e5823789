"""`mslt eval` as a user calls it: runs, models, adapters, languages, what it prints, writes and refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from tiny_eval import TEMPLATE, answers, bare, call, make_base, make_run, results

from mslt_it.config.schema import keys
from mslt_it.evaluation.options import Options
from mslt_it.evaluation.request import parse_request
from mslt_it.locks import LOCK, locked
from mslt_it.problems import Problem
from mslt_it.world.languages import CODES

Capture = pytest.CaptureFixture[str]


def test_a_run_brings_its_base_task_and_languages(run: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    assert call(f"run={run}", f"out={out}") == 0
    text = capsys.readouterr().out
    assert "2 systems: base, run_de" in text and "36 answers computed" in text and f"Folder: {out}" in text
    assert sorted(answers(out)) == [
        f"xnli/direct/{s}/{c}.jsonl" for s in ("base", "run_de") for c in ("de", "en", "tr")
    ]
    content = results(out)
    roles = {(row["system"], row["language"]): row["role"] for row in content["results"]}
    # What one system was trained on is unseen to none of the comparison.
    assert roles["run_de", "de"] == "source" and roles["base", "de"] == "seen" and roles["base", "en"] == "target"
    means = [row for row in content["results"] if " " in row["language"]]
    assert [(row["language"], row["n"]) for row in means] == [("mean of unseen", 12)] * 4
    assert content["status"] == "ok" and content["provenance"]["systems"]["run_de"]["sources"] == ["de"]
    assert not list(Path("evals").glob("*"))


def test_without_out_the_folder_is_named_after_what_is_scored(run: Path, capsys: Capture) -> None:
    for base in ("true", "false"):
        assert call(f"run={run}", f"base={base}", "examples=3", "cache=none") == 0
    assert len(list(Path("evals").glob("xnli-*/COMPLETE.json"))) == 2
    assert call(f"run={run}", "examples=3", "cache=none") == 0
    assert "already finished" in capsys.readouterr().out


def test_several_adapters_at_once_are_so_many_calls(run: Path, other_run: Path, base: Path, tmp_path: Path) -> None:
    """Item by item, and in what is made of them; one adapter leaves nothing behind for the next."""
    common = ["task=xnli", "languages=[en,sw]", "examples=7", "cache=none", f"model={base}", "scoring.batch_tokens=900"]
    assert call(f"adapter=[{run},{other_run}]", f"out={tmp_path / 'both'}", *common) == 0
    together = answers(tmp_path / "both")
    for name, adapter in (("run_de", run), ("run_tr", other_run)):
        assert call(f"adapter={adapter}", "base=false", f"out={tmp_path / name}", *common) == 0
        alone = answers(tmp_path / name)
        assert sorted(alone) == [f"xnli/direct/{name}/{code}.jsonl" for code in ("en", "sw")]
        assert all(rows == together[path] for path, rows in alone.items())
        own = [row for row in results(tmp_path / "both")["results"] if row["system"] == name]
        assert own == results(tmp_path / name)["results"]
    assert call(f"out={tmp_path / 'base'}", *common) == 0  # the base alone, under its own name
    plain = answers(tmp_path / "base")
    assert [rows for path, rows in sorted(plain.items())] == [
        rows for path, rows in sorted(together.items()) if path.startswith("xnli/direct/base/")
    ]
    assert together["xnli/direct/run_de/en.jsonl"] != together["xnli/direct/run_tr/en.jsonl"]


def test_a_run_that_was_trained_on_another_question_is_told(run: Path, base: Path, tmp_path: Path) -> None:
    """All systems are asked the first run's way: the other's figures are not those of its own folder."""
    english = make_run(tmp_path / "run_english", base, "prompt.language=english", "prompt.template=1")

    def notes(*arguments: object) -> list[str]:
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        assert call(*arguments, "examples=2", f"out={out}") == 0
        return list(results(out)["notes"])

    both = notes(f"run=[{run},{english}]")
    assert [note.partition(",")[0] for note in both if "asked with" in note] == [
        "run_english was trained with prompt.language=english"
    ]
    assert "prompt.template=0 here" in both[-1] and f"mslt eval run={english} asks it as in training" in both[-1]
    assert ["run_de was" in note for note in notes(f"run=[{english},{run}]")] == [True]
    asked = ("prompt.language=english", "prompt.template=1")
    assert not notes(f"run=[{run},{english}]", *asked) and not notes(f"run={english}")


def test_several_tasks_and_variants(base: Path, tmp_path: Path) -> None:
    """One folder with the columns of both tasks; labels are upstream's integers."""
    head = "premise\thypothesis\tsentence1\tsentence2\tlabel\n"
    for code, name in (("de", "Boot"), ("en", "boat")):
        rows = [f"{name} {n}\t{n} {name}\tEin {name} {n}\t{n} {name}\t{n % 2}\n" for n in range(6)]
        (tmp_path / "data" / code).mkdir(parents=True)
        (tmp_path / "data" / code / "test.tsv").write_text(head + "".join(rows), encoding="utf-8")
    out = tmp_path / "out"
    arguments = [f"model={base}", "task=[xnli,pawsx]", "languages=all", f"out={out}", "shots=1"]
    assert call(*arguments, f"task.data={tmp_path / 'data'}", "variant=[direct,cot_english]", "max_new_tokens=3") == 0
    rows = [row for row in results(out)["results"] if row["metric"] == "accuracy"]
    found = [(row["task"], row["variant"], row["language"], row["n"]) for row in rows]
    languages = (("de", 6), ("en", 6), ("mean", 12))
    variants = ("direct", "cot_english")
    assert found == [(t, v, code, n) for t in ("xnli", "pawsx") for v in variants for code, n in languages]
    form = json.loads((out / "lm_eval" / "base_direct.json").read_text(encoding="utf-8"))
    assert {"mslt_xnli_de", "mslt_pawsx_de", "mslt_xnli", "mslt_pawsx"} <= set(form["results"])


def test_all_languages_of_the_world(base: Path, tmp_path: Path) -> None:
    assert call(f"model={base}", "task=xnli", "languages=all", "examples=2", f"out={tmp_path / 'out'}") == 0
    assert {row["language"] for row in results(tmp_path / "out")["results"]} == {*CODES, "mean"}


def test_json_is_all_that_stands_on_stdout(run: Path, tmp_path: Path, capsys: Capture) -> None:
    arguments = [f"run={run}", "examples=3", f"out={tmp_path / 'out'}", "--json"]
    for time in ("first", "again"):
        assert call(*arguments) == 0
        printed = capsys.readouterr()
        results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
        assert json.loads(printed.out) == {**results, "folder": str(tmp_path / "out")}
        assert ("already finished" in printed.err) == (time == "again")


def test_a_finished_evaluation_is_not_done_again(run: Path, tmp_path: Path, capsys: Capture) -> None:
    arguments = [f"run={run}", "examples=3", f"out={tmp_path / 'out'}"]
    assert call(*arguments) == 0
    capsys.readouterr()
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert call(*arguments) == 0
    text = capsys.readouterr().out
    assert f"already finished; nothing was done. To run it again, remove {tmp_path / 'out'}." in text
    assert "Accuracy" in text or "accuracy" in text
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == times


def test_altered_answers_are_noticed_all_of_them(run: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    arguments = [f"run={run}", "examples=3", f"out={out}"]
    assert call(*arguments) == 0
    before, expected = answers(out), results(out)
    changed = [out / "items/xnli/direct/base/en.jsonl", out / "items/xnli/direct/run_de/tr.jsonl"]
    for path in changed:
        path.write_text(path.read_text(encoding="utf-8").replace("-", "-1", 1), encoding="utf-8")
    assert answers(out) != before
    assert call(*arguments) == 0
    printed = capsys.readouterr()
    assert all(f"{path} has changed since the evaluation finished" in printed.err for path in changed)
    assert answers(out) == before and results(out) == expected
    (out / "results.json").write_text("{}", encoding="utf-8")
    assert call(*arguments) == 0 and results(out) == expected


def test_a_model_that_changed_since_is_noticed(tmp_path: Path, capsys: Capture) -> None:
    model = make_base(tmp_path / "model")
    arguments = [f"model={model}", "task=xnli", "languages=[de,tr]", "examples=3", f"out={tmp_path / 'out'}"]
    assert call(*arguments) == 0
    make_base(model, seed=6)
    assert call(*arguments) == 2
    printed = capsys.readouterr()
    assert "de.jsonl belongs to other work (other weights, prompts, rows or settings)" in printed.err
    make_base(model, seed=5)  # the old ones again: nothing has to be computed
    assert call(*arguments) == 0
    assert "0 answers computed" in capsys.readouterr().out


def test_rows_that_changed_since_are_noticed(base: Path, pairs: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(pairs, data)
    arguments = [f"model={base}", "task=xnli", f"task.data={data}", "languages=[de,tr]", f"out={tmp_path / 'out'}"]
    assert call(*arguments) == 0
    first = results(tmp_path / "out")
    for file in (data / code / "test.tsv" for code in ("de", "tr")):  # in one alone, rows would not be parallel
        file.write_text(file.read_text(encoding="utf-8").replace("\tentailment", "\tneutral"), encoding="utf-8")
    assert call(*arguments) == 0  # the same prompts: the answers hold, but not what is right
    assert results(tmp_path / "out")["results"] != first["results"]


def test_another_request_in_the_same_folder_is_refused(run: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    assert call(f"run={run}", "examples=3", f"out={out}") == 0
    assert call(f"run={run}", "examples=3", "languages=[de,tr]", f"out={out}") == 2
    error = capsys.readouterr().err
    assert f"out={out} holds another evaluation (other: languages). Choose another out=, or remove" in error
    with pytest.raises(Problem, match=r"\(other: languages\)"):  # before any model is loaded
        parse_request([f"run={run}", "examples=3", "languages=[de,tr]", f"out={out}"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine", encoding="utf-8")
    assert call(f"run={run}", "examples=3", f"out={tmp_path / 'mine'}") == 2
    assert "holds thesis.txt but no evaluation. Give another folder." in capsys.readouterr().err
    assert call(f"run={run}", "examples=3", f"out={tmp_path / 'mine' / 'thesis.txt'}") == 2
    assert "thesis.txt is a file. Give another folder." in capsys.readouterr().err
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_kill_while_the_folder_is_claimed_leaves_it_usable(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".request.json.part").write_text('{"fing', encoding="utf-8")
    assert call(f"run={run}", "examples=3", f"out={out}") == 0


def test_an_adapter_of_another_base_is_refused_by_name(run: Path, tmp_path: Path, capsys: Capture) -> None:
    other = make_base(tmp_path / "other", seed=9, template=TEMPLATE)
    stranger = make_run(tmp_path / "stranger", other)
    for arguments in ([f"run=[{run},{stranger}]"], [f"model={other}", f"adapter={run}", "task=xnli"]):
        wrong = stranger if len(arguments) == 1 else run
        assert call(*arguments, "examples=3", f"out={tmp_path / 'out'}") == 2
        error = capsys.readouterr().err
        assert f"{wrong}: its adapter was trained with another base" in error
        assert "separate calls, or give the right model=" in error
    with pytest.raises(Problem, match=r"another base than model=world: .*_proj reads 64 numbers, there 128\."):
        parse_request([f"run={run}", "model=world"])  # before it is loaded


def test_an_adapter_without_papers(run: Path, base: Path, tmp_path: Path, capsys: Capture) -> None:
    adapter = bare(run, tmp_path / "peft")
    common = [f"model={base}", f"adapter={adapter}", "task=xnli", "languages=[de,tr,en]", "examples=4"]
    assert call(*common, f"out={tmp_path / 'a'}") == 0
    assert "peft: an adapter without a run folder." in capsys.readouterr().out
    assert {row["role"] for row in results(tmp_path / "a")["results"]} == {"target"}
    assert call(*common, "seen=[de]", f"out={tmp_path / 'b'}") == 0
    printed = capsys.readouterr().out
    assert "without papers" not in printed and "0 answers computed" in printed
    roles = {row["language"]: row["role"] for row in results(tmp_path / "b")["results"] if row["system"] == "peft"}
    assert roles == {"de": "source", "tr": "target", "en": "target", "mean of unseen": "target"}
    # The folder inside a run has the run's papers.
    assert call(*common[:1], f"adapter={run}/adapter", *common[2:], f"out={tmp_path / 'c'}") == 0
    assert results(tmp_path / "c")["provenance"]["systems"]["run_de"]["sources"] == ["de"]
    assert (
        answers(tmp_path / "c")["xnli/direct/run_de/tr.jsonl"] == answers(tmp_path / "a")["xnli/direct/peft/tr.jsonl"]
    )


def test_answers_kept_are_of_weights_and_settings_not_of_names(
    run: Path, base: Path, tmp_path: Path, capsys: Capture
) -> None:
    common = ["task=xnli", "languages=[tr,en]", "examples=4", "base=false"]

    def computed(*arguments: object) -> str:
        assert call(*common, *arguments) == 0
        return next(line for line in capsys.readouterr().out.split("\n") if "answers computed" in line)

    adapter = bare(run, tmp_path / "first")
    assert "8 answers computed." in computed(f"model={base}", f"adapter={adapter}", "out=a")
    shutil.copytree(base, tmp_path / "elsewhere")
    moved = bare(run, tmp_path / "moved" / "second", base_model_name_or_path="no/such")
    line = computed(f"model={tmp_path / 'elsewhere'}", f"adapter={moved}", "out=b")
    assert "0 answers computed, 8 taken from earlier" in line
    # The same tensors at another scale, the same weights with another rotary base: other models.
    scaled = bare(run, tmp_path / "scaled", lora_alpha=64)
    assert "8 answers computed." in computed(f"model={base}", f"adapter={scaled}", "out=c")
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config["rope_parameters"] = {"rope_type": "default", "rope_theta": 100.0}
    (tmp_path / "elsewhere" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "8 answers computed." in computed(f"model={tmp_path / 'elsewhere'}", f"adapter={adapter}", "out=d")
    rows = [next(iter(answers(Path(out)).values())) for out in "abcd"]
    assert rows[0] == rows[1] and rows[2] != rows[0] != rows[3]


WRONG: list[tuple[list[str], str]] = [
    (["modle=x"], r"Unknown key 'modle'. Did you mean 'model'\?"),
    (["task=xnli"], r"Nothing to score: give run=RUNFOLDER, or model=PATH"),
    (["model=BASE"], r"task= is missing: what is to be scored\? Write mslt eval model=PATH task=xnli"),
    (["model=BASE", "task=xnly"], r"Unknown task 'xnly'. Did you mean 'xnli'\?"),
    (["model=BASE", "task=[xnli,xnli]"], r"task=\[xnli,xnli\] lists one twice"),
    (["model=BASE", "task=xnli", "variant=cot_nativ"], r"variant=cot_nativ is unknown. Did you mean 'cot_native'\?"),
    (["model=BASE", "task=xnli", "variant=[direct,direct]"], r"variant=\[direct,direct\] lists one twice"),
    (["model=BASE", "task=xnli", "variant=[]"], r"variant=\[\] names none"),
    (["model=BASE", "task=xnli", "languages=[]"], r"languages=\[\] names none"),
    (["model=BASE", "task=xnli", "languages=[de,jp]"], r"Unknown language code 'jp'. Did you mean 'ja' \(Japanese\)\?"),
    (["model=BASE", "task=xnli", "languages=[de,de]"], r"language 'de' is listed twice"),
    (["model=BASE", "task=xnli", "languages=[yo]"], r"'yo'"),
    (["model=BASE", "task=xnli", "samples=0"], r"samples=0 is out of range. It must be at least 1"),
    (["model=BASE", "task=xnli", "samples=x"], r"samples=x is not a whole number"),
    (["model=BASE", "task=xnli", "samples=2", "temperature=0"], r"temperature=0 is out of range. It must be above 0\."),
    (["model=BASE", "task=xnli", "samples=2", "temperature=nan"], r"temperature=nan is not a finite number"),
    (["model=BASE", "task=xnli", "top_p=0"], r"top_p=0 is out of range. It must be above 0 and at most 1\."),
    (
        ["model=BASE", "task=xnli", "training.num_epochs=2"],
        r"training.num_epochs has no effect: nothing is trained here",
    ),
    (
        ["model=BASE", "task=xnli", "max_new_tokens=9"],
        r"max_new_tokens=9 is the limit of a chain of thought, and variant",
    ),
    (["model=BASE", "task=xnli", "temperature=1"], r"temperature=1.0 has no effect on one greedy answer per item"),
    (["model=BASE", "task=xnli", "samples=4"], r"samples=4: labels asked for directly are chosen by their log-likeli"),
    (["model=BASE", "task=xnli", "examples=-1"], r"examples=-1 is out of range"),
    (["model=BASE", "task=xnli", "max_new_tokens=0"], r"max_new_tokens=0 is out of range"),
    (["model=BASE", "task=xnli", "scoring.batch_tokens=0"], r"scoring.batch_tokens=0 is out of range"),
    (["model=BASE", "task=xnli", "shots=99"], r"num_shots=99: .* has \d+ worked examples"),
    (["model=BASE", "task=xnli", "base=maybe"], r"base=maybe is neither true nor false"),
    (
        ["model=BASE", "task=xnli", "backend=vllm"],
        r"backend=vllm writes .* to task=xnli none is written here: .* Leave it out, or add a variant that is written",
    ),
    (["model=BASE", "task=xnli", "backend=vlm"], r"backend=vlm is unknown. Did you mean 'vllm'\?"),
    (["model=BASE", "task=xnli", "--jsn"], r"Unknown option '--jsn'. Did you mean '--json'\?"),
    (["model=BASE", "task=xnli", "seen=de"], r"seen=de is not a list"),
    (["model=BASE", "task=xnli", "seen=[kr]"], r"seen: Unknown language code 'kr'"),
    (["model=BASE", "task=xnli", "task=xcopa"], r"task is given twice"),
    (["model=BASE", "task=xnli", "task.dat=x"], r"task\.dat\b.*task\.data"),
    (["model=BASE", "task=xnli", "prompt.variant=xlt"], r"prompt.variant is written variant= here"),
    (["model=BASE", "task=xnli", "scoring.max_chain_tokens=9"], r"scoring.max_chain_tokens is written max_new_tokens="),
    (["run=RUN", "model.dtype=float16"], r"model.dtype has no effect: the base is the one the run"),
    (["model=BASE", "task=xnli", "task.data=/no/such/folder"], r"task.data=/no/such/folder does not exist"),
    (["model=BASE", "adapter=/no/such", "task=xnli"], r"adapter=/no/such: there is neither COMPLETE.json"),
    (["adapter=RUN", "task=xnli"], r"adapter= needs a base: give model=PATH too"),
    (
        ["run=BASE"],
        r"there is no config.yaml, so it is not a run. Give the run folder that `mslt train` printed last",
    ),
    (["run=/no/such"], r"run=/no/such: there is no such folder"),
    (["model=/no/such/model", "task=xnli"], r"/no/such/model"),
    (["model=BASE", "task=custom", "task.data=x.csv"], r"task.data=x.csv does not exist"),
    (
        ["model=BASE", "task=xnli", "languages=rest"],
        r"none here records what that was. Give run=RUNFOLDER, or seen",
    ),
    (
        ["model=BASE", "task=wikiann", "variant=cot_native", "languages=[de]"],
        r"ends in a label or number; task=wikiann has neither",
    ),
    (["model=BASE", "task=tydiqa", "samples=4", "languages=[fi]"], r"samples=4: answers of task=tydiqa .* cannot be"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_what_is_wrong_is_named_with_a_remedy(
    arguments: list[str], message: str, base: Path, run: Path, tmp_path: Path, capsys: Capture
) -> None:
    given = [a.replace("BASE", str(base)).replace("RUN", str(run)) for a in arguments]
    if not any(a.startswith("languages=") for a in given) and "task=custom" not in given:
        given.append("languages=[de,tr]")
    assert call(*given, f"out={tmp_path / 'out'}") == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert re.search(message, printed.err), printed.err
    assert not any((tmp_path / "out").rglob("*.jsonl"))


@pytest.mark.parametrize("name", ["a b", "[0]", "k=v", "x,y", "it's", "(new)", "ümlaut-模型", "a|b", "$HOME"])
def test_folders_may_have_any_name(name: str, base: Path, tmp_path: Path) -> None:
    model = tmp_path / name / "m"
    shutil.copytree(base, model)
    assert call(f"model={model}", "task=xnli", "languages=[de,tr]", "examples=2", f"out={tmp_path / name / 'out'}") == 0


def test_a_model_in_this_folder(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(base)
    assert call("model=.", "task=xnli", "languages=[de,tr]", "examples=2", f"out={tmp_path / 'out'}") == 0
    assert {row["system"] for row in results(tmp_path / "out")["results"]} == {"base"}


def test_adapters_of_one_name_are_told_apart(run: Path, base: Path, tmp_path: Path) -> None:
    folders = [bare(run, tmp_path / str(n) / name) for n, name in enumerate(["x", "x", "x-2", "base"])]
    out, listed = tmp_path / "out", ",".join(map(str, folders))
    assert (
        call(f"model={base}", f"adapter=[{listed}]", "task=xnli", "languages=[de,tr]", "examples=2", f"out={out}") == 0
    )
    names = list(dict.fromkeys(row["system"] for row in results(out)["results"]))
    assert len(set(names)) == 5 and names[:3] == ["base", "x", "x-3"] and names[3:] == ["x-2", "base-2"]


def test_a_language_that_is_source_and_target_is_scored_once(base: Path, tmp_path: Path) -> None:
    both = make_run(tmp_path / "both", base, "targets=[de,tr]", "supervised=true")
    assert call(f"run={both}", "examples=3", f"out={tmp_path / 'out'}") == 0
    assert len(results(tmp_path / "out")["results"]) == 2 * 2 * 3  # accuracy and macro-F1


def test_help_tells_every_key(capsys: Capture) -> None:
    assert call("--help") == 0
    text = capsys.readouterr().out
    assert {*keys(Options)} <= {line.split()[0].partition("=")[0] for line in text.splitlines() if line.strip()}


def test_a_run_trained_on_chains_is_asked_for_them(base: Path, tmp_path: Path) -> None:
    chains = make_run(tmp_path / "chains", base, "prompt.variant=cot_english", "task.rationale_field=why")
    own, direct = tmp_path / "own", tmp_path / "direct"
    assert call(f"run={chains}", "examples=2", "max_new_tokens=4", f"out={own}") == 0
    assert call(f"run={chains}", "examples=2", "variant=direct", f"out={direct}") == 0
    assert {row["variant"] for row in results(own)["results"]} == {"cot_english"}
    assert {row["variant"] for row in results(direct)["results"]} == {"direct"}


def test_a_folder_that_another_evaluation_writes_is_left_alone(run: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    with locked(out / LOCK):
        assert call(f"run={run}", "examples=2", f"out={out}") == 2
    assert f"Another process is at work in {out} (" in capsys.readouterr().err
    assert call(f"run={run}", "examples=2", f"out={out}") == 0
