"""Data sets as users load them from the Hub: by revision, by files, without a network, after a broken download."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from server import Hub, run_client

LANGUAGES = ("en", "fr")
SPLITS = {"train": 6, "validation": 2, "test": 4}


def parquet(rows: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def pairs(language: str, number: int, mark: str = "") -> list[dict[str, Any]]:
    """Rows in XNLI's shape; ``mark`` tells one commit's from another's."""
    return [
        {"premise": f"{language}{mark} {i}", "hypothesis": f"hypothesis {i}", "label": i % 3} for i in range(number)
    ]


def card(configs: tuple[str, ...], splits: dict[str, int]) -> str:
    """A README whose header lists one configuration per language, as data sets without a script carry it."""
    text = "---\nconfigs:\n"
    for config in configs:
        text += f"- config_name: {config}\n  data_files:\n"
        text += "".join(f"  - split: {split}\n    path: {config}/{split}-*\n" for split in splits)
    return text + "---\n# A data set\n"


def inference_files(mark: str) -> dict[str, bytes | str]:
    """The layout of a data set that is stored as Parquet, one folder per configuration."""
    files: dict[str, bytes | str] = {"README.md": card(LANGUAGES, SPLITS)}
    for language in LANGUAGES:
        for split, number in SPLITS.items():
            files[f"{language}/{split}-00000-of-00001.parquet"] = parquet(pairs(language, number, mark))
    return files


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with Hub(tmp_path / "hub") as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


READ = "from mslt_it.data.hub import read_hub\n"


def test_two_pinned_revisions_give_their_own_rows_with_and_without_the_hub(hub: Hub, home: Path) -> None:
    first = hub.add("datasets", "facebook/xnli", inference_files("A"))
    second = hub.add("datasets", "facebook/xnli", inference_files("B"))
    code = (
        READ
        + f"""
def premise(revision, config="en", split="test"):
    return [row["premise"] for row in read_hub("facebook/xnli", config, split, revision)]
pinned = {{"first": premise("{first}"), "second": premise("{second}")}}
"""
    )
    online = run_client(
        hub.endpoint,
        home,
        code
        + """
result = pinned | {
    "main": premise(None),
    "rows": read_hub("facebook/xnli", "en", "validation", None),
    "no revision": problem(premise, "0123456789012345678901234567890123456789"),
    "no branch": problem(premise, "v2"),
    "no config": problem(premise, None, "fx"),
    "config not named": problem(premise, None, None),
    "no split": problem(premise, None, "en", "tset"),
    "no data set": problem(read_hub, "facebook/xnil", "en", "test", None),
    "no name": problem(read_hub, "face book", "en", "test", None),
}
""",
    )
    assert online["first"] == [f"enA {i}" for i in range(4)] and online["second"] == [f"enB {i}" for i in range(4)]
    assert online["main"] == online["second"]
    assert online["rows"] == pairs("en", 2, "B")
    where = "task.data=facebook/xnli"
    for name in ("0123456789012345678901234567890123456789", "v2"):
        text = online["no revision" if name[0] == "0" else "no branch"]
        assert text.startswith(f"{where} has no revision '{name}' on the Hub. Set task.revision to a commit")
    assert online["no config"] == f"{where} has no configuration 'fx'. Did you mean 'fr'? Known: en, fr."
    assert online["config not named"] == f"{where} has several configurations and needs one to be named. Known: en, fr."
    assert online["no split"] == (
        f"{where} has no split 'tset' in configuration 'en'. Did you mean 'test'? Known: test, train, validation."
    )
    assert "task.data=facebook/xnil is no local path, and the Hub has no data set of that name" in online["no data set"]
    assert "task.data=face book is neither a local path nor a name on the Hub" in online["no name"]

    asked = len(hub.log)
    offline = (
        code
        + f"""
result = pinned | {{
    "main": premise(None),
    "cold config": problem(premise, "{first}", "fr"),
    "cold data set": problem(read_hub, "unimelb-nlp/wikiann", "en", "test", None),
    "cold revision": problem(premise, "v2"),
}}
"""
    )
    warm = run_client(hub.endpoint, home, offline, offline=True)
    assert len(hub.log) == asked
    hub.stop()
    unreachable = run_client(hub.endpoint, home, offline)
    # datasets alone would give the newest copy (B) for every revision
    for name in ("first", "second", "main"):
        assert warm[name] == unreachable[name] == online[name]
    for name, named in (
        ("cold config", f"{where} (revision {first})"),
        ("cold data set", "task.data=unimelb-nlp/wikiann"),
        ("cold revision", f"{where} (revision v2)"),
    ):
        for answers, reason in ((warm, "offline mode is on (HF_HUB_OFFLINE=1)"), (unreachable, "cannot be reached")):
            assert answers[name].startswith(f"{named} is not, or not wholly, in the local cache ({home}), and")
            assert reason in answers[name] and "set task.data to a local folder" in answers[name]


def test_examples_load_through_the_task_with_label_names_and_origin(hub: Hub, home: Path) -> None:
    commit = hub.add("datasets", "facebook/xnli", inference_files("A"))
    hub.add("datasets", "owner/lines", {"lines.py": "", "test/jp.jsonl": lines(pairs("jp", 3))})
    result = run_client(
        hub.endpoint,
        home,
        f"""
import dataclasses
from mslt_it.data.rows import RowStore
load = RowStore().load
from mslt_it.config.recipe import TaskConfig

task = TaskConfig(data="facebook/xnli", is_parallel=True, revision="{commit}")
test = load(task, "fr", "test", role="score").examples
by_file = dataclasses.replace(
    task, data="owner/lines", revision=None, hub_files="test/{{config}}.jsonl", configs={{"ja": "jp"}}
)
result = {{
    "fields": dict(test[1].fields), "labels": [e.label for e in test], "id": test[1].id, "origin": test[1].origin,
    "by file": [e.fields["premise"] for e in load(by_file, "ja", "test", role="score").examples],
    "dev": len(load(task, "fr", "dev", role="train").examples),
    "split": problem(load, task, "fr", "tset", role="score"),
    "column": problem(load, dataclasses.replace(task, input_fields=("premis",)), "fr", "test", role="score"),
}}
""",
    )
    assert result["fields"] == {"premise": "frA 1", "hypothesis": "hypothesis 1"}
    assert result["labels"] == ["entailment", "neutral", "contradiction", "entailment"]
    assert result["id"] == "test:1" and result["origin"].startswith(f"facebook/xnli@{commit}:")
    assert result["by file"] == ["jp 0", "jp 1", "jp 2"]
    assert result["dev"] == 2  # the Hub calls it validation
    assert "facebook/xnli" in result["split"] and "'tset'" in result["split"]
    assert "no column 'premis'. Did you mean 'premise'" in result["column"]


def test_repositories_with_a_loading_script_are_read_from_their_files(hub: Hub, home: Path) -> None:
    instructions = [{"instruction": "Dis\u2028non.", "input": "", "output": "Non.", "id": f"a-{i}"} for i in range(3)]
    script = "raise SystemExit('a loading script was run')\n"
    hub.add(
        "datasets",
        "MBZUAI/Bactrian-X",
        {
            "README.md": "# no configurations\n",
            "Bactrian-X.py": script,
            "data/fr.json.gz": gzip.compress(json.dumps(instructions, ensure_ascii=False).encode()),
            "data/sw.json.gz": gzip.compress(lines(instructions[:2]).encode()),  # JSON Lines, though called .json
            "data/ur.json.gz": gzip.compress(lines(instructions).encode())[:-20],
            "data/vi.json.gz": gzip.compress(b'{"instruction": "x"}\n{"instruction": \n'),
            "data/xh.json.gz": gzip.compress(b'["x"]'),
        },
    )
    sentences = [{"sentence": "Il _ dit «oui».", "option1": "Paul", "option2": "Luc", "answer": "2"}] * 2
    old = hub.add("datasets", "Muennighoff/xwinograd", {"xwinograd.py": script, "test/fr.jsonl": lines(sentences[:1])})
    hub.add("datasets", "Muennighoff/xwinograd", {"xwinograd.py": script, "test/fr.jsonl": lines(sentences)})
    branch: dict[str, bytes | str] = {
        f"{config}/{split}/{shard:04d}.parquet": parquet(pairs(config, 2, f"{split}{shard}"))
        for config in ("fr", "jp") for split in ("train", "test") for shard in (0, 1)
    }  # fmt: skip
    branch["fr/test/0001.parquet"] = parquet(pairs("fr", 1, "last"))
    converted = hub.add("datasets", "Muennighoff/xwinograd", branch, ref="refs/convert/parquet")

    code = (
        READ
        + f"""
X, B = "Muennighoff/xwinograd", "MBZUAI/Bactrian-X"
def rows(data, config, split, revision, files=None):
    return [list(row.values())[0] for row in read_hub(data, config, split, revision, files)]
result = {{
    "bactrian": read_hub(B, "fr", "train", None, "data/{{config}}.json.gz"),
    "json lines": len(read_hub(B, "sw", "train", None, "data/{{config}}.json.gz")),
    "xwinograd": read_hub(X, "fr", "test", None, "test/{{config}}.jsonl"),
    "pinned": len(read_hub(X, "fr", "test", "{old}", "test/{{config}}.jsonl")),
    "branch": rows(X, "fr", "test", "refs/convert/parquet"),
    "other spelling": rows(X, "ja", "test", "refs/convert/parquet"),
    "branch in its own layout": rows(X, "fr", "test", "refs/convert/parquet", "test/{{config}}.jsonl"),
    "pinned branch": rows(X, "jp", "train", "{converted}", "{{config}}/{{split}}/*.parquet"),
}}
"""
    )
    online = run_client(hub.endpoint, home, code)
    assert online["bactrian"] == instructions and online["json lines"] == 2
    assert online["xwinograd"] == sentences and online["pinned"] == 1
    assert online["branch"] == ["frtest0 0", "frtest0 1", "frlast 0"]  # two shards, in order
    assert online["branch in its own layout"] == online["branch"]
    assert online["other spelling"] == ["jptest0 0", "jptest0 1", "jptest1 0", "jptest1 1"]
    assert online["pinned branch"] == ["jptrain0 0", "jptrain0 1", "jptrain1 0", "jptrain1 1"]
    assert any("cursor=" in line for line in hub.log)  # the branch's tree came in pages

    asked = len(hub.log)
    assert run_client(hub.endpoint, home, code, offline=True) == online  # refs, files and the listing are cached
    assert len(hub.log) == asked

    problems = run_client(
        hub.endpoint,
        home,
        READ
        + """
X, B, GZ = "Muennighoff/xwinograd", "MBZUAI/Bactrian-X", "data/{config}.json.gz"
result = {
    "script": problem(read_hub, B, "fr", "train", None),
    "config": problem(read_hub, B, "frr", "train", None, GZ),
    "truncated": problem(read_hub, B, "ur", "train", None, GZ),
    "not json": problem(read_hub, B, "vi", "train", None, GZ),
    "not objects": problem(read_hub, B, "xh", "train", None, GZ),
    "ending": problem(read_hub, B, "fr", "train", None, "data/{config}.csv"),
    "placeholder": problem(read_hub, B, "fr", "train", None, "data/{confg}.json.gz"),
    "no config": problem(read_hub, B, None, "train", None, GZ),
    "pattern": problem(read_hub, B, "fr", "train", None, "date/{config}.json"),
    "branch config": problem(read_hub, X, "ko", "test", "refs/convert/parquet"),
    "branch split": problem(read_hub, X, "jp", "validation", "refs/convert/parquet"),
    "no branch": problem(read_hub, B, "fr", "train", "refs/convert/parquet"),
}
""",
    )
    where = "task.data=MBZUAI/Bactrian-X"
    assert (
        f"{where} carries a loading script (Bactrian-X.py), which is never run. Set task.hub_files"
        in problems["script"]
    )
    assert "data/fr.json.gz" in problems["script"] and "task.revision=refs/convert/parquet" in problems["script"]
    assert problems["config"] == (
        f"{where} has no configuration 'frr' (data/frr.json.gz). Did you mean 'fr'? Known: fr, sw, ur, vi, xh."
    )
    assert problems["truncated"].startswith("data/ur.json.gz of MBZUAI/Bactrian-X cannot be read:")
    assert f"elete the cached copy {home}/hub/" in problems["truncated"]
    assert problems["not json"].startswith("data/vi.json.gz of MBZUAI/Bactrian-X cannot be read:")
    assert "data/vi.json.gz line 2 is not valid JSON" in problems["not json"]
    assert re.search(r"data/xh\.json\.gz row 1 is \w+, not an object", problems["not objects"])
    assert "only .json, .jsonl, .parquet are read (or .json.gz), not 'data/fr.csv'" in problems["ending"]
    assert "unknown placeholder {confg}. Did you mean 'config'? Known: config, split." in problems["placeholder"]
    assert "asks for a configuration, and none is given" in problems["no config"]
    assert f"{where} has no file date/fr.json (task.hub_files=date/{{config}}.json). It holds:" in problems["pattern"]
    assert "has no configuration 'ko' (ko/test/*.parquet). Known: fr, jp." in problems["branch config"]
    assert "has no split 'validation' (jp/validation/*.parquet). Known: test, train." in problems["branch split"]
    assert "has no revision 'refs/convert/parquet' on the Hub. The Hub has derived no Parquet" in problems["no branch"]


def test_configurations_are_found_whatever_their_spelling(hub: Hub, home: Path) -> None:
    flores = ("deu_Latn", "zho_Hans", "zho_Hant")
    stored: dict[str, bytes | str] = {"README.md": card(flores, {"test": 2})}
    for name in flores:
        stored[f"{name}/test-00000-of-00001.parquet"] = parquet(pairs(name, 2))
    hub.add("datasets", "owner/flores", stored)
    script = "raise SystemExit('a loading script was run')\n"
    hub.add("datasets", "owner/files", {"files.py": script, "d/jp.jsonl": lines(pairs("jp", 2)), "d/EN.jsonl": ""})
    mixed = [{**row, "Language": code} for code in ("German", "fr") for row in pairs(code, 2)]
    hub.add("datasets", "owner/mixed", {"README.md": card(("all",), {"test": 4}), "all/test-0.parquet": parquet(mixed)})
    code = (
        READ
        + """
from mslt_it.data.rows import RowStore
load = RowStore().load
from mslt_it.config.recipe import TaskConfig
def first(data, config, files=None):
    return read_hub(data, config, "test", None, files)[0]["premise"]
def rows(language):
    task = TaskConfig(data="owner/mixed", configs={"default": "all"})
    return [e.fields["premise"] for e in load(task, language, "test", role="score").examples]
result = {
    "german": first("owner/flores", "de"),
    "traditional": first("owner/flores", "zh-Hant"),
    "japanese": first("owner/files", "ja", "d/{config}.jsonl"),
    "rows": rows("de"),
    "open": problem(first, "owner/flores", "zh"),
    "none": problem(first, "owner/flores", "fr"),
    "no rows": problem(rows, "sw"),
}
"""
    )
    online = run_client(hub.endpoint, home, code)
    assert online["german"] == "deu_Latn 0" and online["traditional"] == "zho_Hant 0"
    assert online["japanese"] == "jp 0" and online["rows"] == ["German 0", "German 1"]
    assert (
        "'zh' as zho_Hans and as zho_Hant. Write which one is meant in the recipe: zh-Hans or zh-Hant" in online["open"]
    )
    assert "has no configuration 'fr'. Known: deu_Latn, zho_Hans, zho_Hant." in online["none"]
    assert "no row with Language=sw. Known: German (de), fr." in online["no rows"]
    warm = run_client(hub.endpoint, home, code.replace('"open": problem', '"off": problem'), offline=True)
    assert [warm[n] for n in ("german", "traditional", "japanese", "rows")] == [
        online[n] for n in ("german", "traditional", "japanese", "rows")
    ]


def test_gates_other_refusals_and_data_sets_without_files(hub: Hub, home: Path) -> None:
    hub.add("datasets", "owner/gated", inference_files("A"))
    hub.gate("datasets", "owner/gated")
    hub.add("datasets", "owner/empty", {"README.md": "# nothing yet\n", "LICENSE": "free"})
    hub.add("datasets", "owner/no-card", {"train.jsonl": lines(pairs("en", 3)), "test.jsonl": lines(pairs("en", 2))})
    hub.add("datasets", "owner/down", {"README.md": "# x\n", "data/en.jsonl": lines(pairs("en", 3))})
    hub.break_downloads("data/en.jsonl", *["error"] * 9)
    code = (
        READ
        + """
from huggingface_hub import HfApi
result = {
    "gated": problem(read_hub, "owner/gated", "en", "test", None),
    "gated file": problem(read_hub, "owner/gated", "en", "test", None, "{config}/test-00000-of-00001.parquet"),
    "empty": problem(read_hub, "owner/empty", None, "train", None),
    "down": problem(read_hub, "owner/down", "en", "train", None, "data/{config}.jsonl"),
    "no card": len(read_hub("owner/no-card", None, "train", None)),
    "paths": [entry.path for entry in HfApi().get_paths_info("owner/down", ["data", "no"], repo_type="dataset")],
}
"""
    )
    result = run_client(hub.endpoint, home, code)
    for name in ("gated", "gated file"):
        assert result[name].startswith("task.data=owner/gated is gated: its authors decide who may download it.")
        assert "`hf auth login`" in result[name]
    assert "task.data=owner/empty has no files that can be loaded as they are: it holds LICENSE" in result["empty"]
    assert result["down"] == (
        "task.data=owner/down: the Hub answered with status 503, a fault of its own. Try again later."
    )
    assert result["no card"] == 3 and result["paths"] == ["data"]
    again = READ + 'result = [len(read_hub("owner/no-card", None, split, None)) for split in ("train", "test")]'
    assert run_client(hub.endpoint, home, again, offline=True) == [3, 2]


@pytest.mark.parametrize("files", [None, "{config}/{split}-00000-of-00001.parquet"], ids=["datasets", "files"])
def test_a_broken_download_is_one_problem_and_a_later_try_works(hub: Hub, home: Path, files: str | None) -> None:
    hub.add("datasets", "facebook/xnli", inference_files("A"))
    end = "en/test-00000-of-00001.parquet"
    hub.break_downloads(end, "short", "close", *["stall"] * 6, "close", "stall")
    result = run_client(
        hub.endpoint,
        home,
        READ
        + f"""
from huggingface_hub import constants
constants.DOWNLOAD_CHUNK_SIZE = 64  # bytes; a download goes on after the last whole chunk
arguments = ("facebook/xnli", "en", "test", None, {files!r})
result = {{
    "short": problem(read_hub, *arguments),
    "closed": problem(read_hub, *arguments),
    "resumed": read_hub(*arguments),
}}
""",
    )
    for name in ("short", "closed"):
        assert result[name].startswith("task.data=facebook/xnli: the download from the Hub broke off before")
        assert "Run the command again" in result[name]
    assert result["resumed"] == pairs("en", 4, "A")
    # The last try was cut twice and went on where it was cut.
    assert [line.split()[-1] for line in hub.requests(end) if line.startswith("GET /store")][-3:] == [
        "200",
        "206",
        "206",
    ]


def test_rows_of_another_commit_never_stand_in_when_the_hub_fails_halfway(hub: Hub, home: Path) -> None:
    first = hub.add("datasets", "facebook/xnli", inference_files("A"))
    second = hub.add("datasets", "facebook/xnli", inference_files("B"))
    hub.break_downloads(f"tree/{second}/en", *["error"] * 20)
    result = run_client(
        hub.endpoint,
        home,
        READ
        + f"""
result = {{
    "first": read_hub("facebook/xnli", "en", "test", "{first}"),
    "second": problem(read_hub, "facebook/xnli", "en", "test", "{second}"),
}}
""",
    )
    assert result["first"] == pairs("en", 4, "A")
    assert result["second"].startswith("task.data=facebook/xnli: the Hub stopped answering, and the local cache holds ")
    assert f"commit {first}, not {second}. Run the command again" in result["second"]


def test_the_languages_of_a_data_set_are_its_configurations(hub: Hub, home: Path) -> None:
    hub.add(
        "datasets", "facebook/xnli", inference_files("A") | {"README.md": card(("fr", "all_languages", "en"), SPLITS)}
    )
    files: dict[str, bytes | str] = {f"data/{c}.jsonl": lines(pairs(c, 3)) for c in ("de", "tl", "notes_of_us")}
    hub.add("datasets", "owner/files", {"README.md": "# x", "other/ja.jsonl": "{}", **files})
    hub.add("datasets", "owner/one", {"README.md": "# x", "train.jsonl": lines(pairs("en", 3))})
    found = run_client(
        hub.endpoint,
        home,
        """
from mslt_it.data.rows import RowStore
from mslt_it.config.schema import FrozenDict
from mslt_it.config.recipe import TaskConfig
def languages(data, **keys):
    return list(RowStore().languages(TaskConfig(data=data, **keys)))
result = {
    "configs": languages("facebook/xnli"),
    "files": languages("owner/files", hub_files="data/{config}.jsonl", configs=FrozenDict({"fil": "tl"})),
    "listed": languages("owner/none", languages=("sw", "tr")),
    "prefixes": languages("owner/none", id_prefixes=FrozenDict({"sw": "swahili", "ar": "arabic"})),
    "one": problem(languages, "owner/one"),
    "none": problem(languages, "owner/none"),
    "path": problem(languages, "./nowhere"),
}
""",
    )
    assert found["configs"] == ["en", "fr"] and found["files"] == ["de", "fil"]
    assert found["listed"] == ["sw", "tr"] and found["prefixes"] == ["ar", "sw"]
    assert "no configuration is named after one (default). List them: targets=[ar,de]" in found["one"]
    assert "the Hub has no data set of that name" in found["none"]
    assert found["path"].startswith("task.data=./nowhere does not exist")
