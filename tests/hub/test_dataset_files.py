"""Repositories that are read by their files, and configurations that are languages."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

from data_sets import READ, SPLITS, card, inference_files, lines, pairs, parquet
from server import Hub, run_client


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
