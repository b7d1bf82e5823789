"""Data sets as users load them from the Hub: by revision, without a network, after a broken download."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_sets import READ, inference_files, lines, pairs, parquet
from server import Hub, run_client


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
    assert (
        "task.data=facebook/xnil is not a local path, and the Hub has no data set of that name" in online["no data set"]
    )
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
            assert answers[name].startswith(f"{named} is not, or only partly, in the local cache ({home}), and")
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


def test_gates_other_refusals_and_data_sets_without_files(hub: Hub, home: Path) -> None:
    hub.add("datasets", "owner/gated", inference_files("A"))
    hub.gate("datasets", "owner/gated")
    hub.add("datasets", "owner/empty", {"README.md": "# nothing yet\n", "LICENSE": "free"})
    hub.add("datasets", "owner/no-card", {"train.jsonl": lines(pairs("en", 3)), "test.jsonl": lines(pairs("en", 2))})
    hub.add("datasets", "owner/named", {"train.parquet": parquet(pairs("en", 3), label=["yes", "maybe", "no"])})
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
    "named": [
        [row["label"] for row in read_hub("owner/named", None, "train", None, files, by_names)]
        for files in (None, "{split}.parquet") for by_names in (False, True)
    ],
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
        "task.data=owner/down: the Hub answered with status 503, a server error. Try again later."
    )
    assert result["named"] == [[0, 1, 2], ["yes", "maybe", "no"]] * 2
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
