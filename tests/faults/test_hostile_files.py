"""Templates that never end, files made to fill the memory, names that lead out of the folder, numbers of thousands of
digits: refused by name within seconds, in bounded memory."""

from __future__ import annotations

import csv
import gc
import gzip
import json
import re
import shutil
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
from small_run import TRAIN, Call, Survived

from mslt_it.config.recipe import ModelConfig
from mslt_it.data import excel, files, templates, text_files
from mslt_it.data.encoding import Encoder
from mslt_it.data.templates import refuse_endless
from mslt_it.models.base_model import load_adapter, load_base
from mslt_it.models.gguf_header import read_header
from mslt_it.models.lora import read_lora
from mslt_it.models.model_errors import refuse_folder
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.prediction import tables
from mslt_it.problems import Problem
from mslt_it.world.mini_model import weights_dir

LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}"
ENDLESS = {
    LOOP + "{% endfor %}{% endfor %}": "takes more than 2 seconds",
    # Only for what it is rendered with in earnest: one message, of its length, and the names that are handed in.
    "{% if messages|length == 1 and messages[0].content|length > 3 and enable_thinking is defined %}"
    + LOOP + "{% endfor %}{% endfor %}{% endif %}": "takes more than 2 seconds",
    LOOP + "{% generation %}tick{% endgeneration %}{% endfor %}{% endfor %}": "makes more than 1,000,000 characters",
    "{{ 'a' * 10**11 }}": "takes more than 256 MB of memory",
    "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}":
        "takes more than 256 MB of memory",
}  # fmt: skip


@pytest.mark.parametrize(("template", "said"), ENDLESS.items(), ids=["loop", "hidden", "text", "memory", "doubling"])
def test_an_endless_template_is_refused(
    template: str, said: str, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A machine with little to give must not run out of seconds before it runs out of what is asked about.
    monkeypatch.setattr(templates, *(("SECONDS", 2) if "seconds" in said else ("MEGABYTES", 256)))
    survived("template that never ends, or makes gigabytes")
    tokenizer = load_tokenizer(ModelConfig(path="world"))
    whole = f"{template}{tokenizer.chat_template}"
    tokenizer.chat_template = {"default": whole} if "messages" in template else whole  # of several, by their names
    with pytest.raises(
        Problem, match=rf"chat template {re.escape(said)} for a few short messages, so it is not used\."
    ):
        Encoder(tokenizer, 10).text_around(("user",))


def test_other_templates_are_left_to_their_rendering() -> None:
    for template in ("{% for", "{{ raise_exception('no system') }}", "{{ nothing.of.it }}", ""):
        refuse_endless(template, "{}")


def test_a_template_that_prints_the_date_gives_the_same_prompt_tomorrow(survived: Survived) -> None:
    survived("template that prints the date")
    tokenizer = load_tokenizer(ModelConfig(path="world"))
    own = tokenizer.chat_template
    whole = "\n {{ strftime_now('%A, %-d %B %Y, %H:%M %b%%') }} {{ date_string }}\n" + own
    for template, begin in ((whole, "\n Friday, 26 July 2024, 12:00 Jul%% 26 Jul 2024\n"), (own, "")):
        tokenizer.chat_template = template
        assert Encoder(tokenizer, 99).text_around(("user",))[0].startswith(f"{begin}<|begin|><|user|>")


# ---------------------------------------------------------------- models


BAD_FILES = {
    "../../etc/passwd.safetensors": ("model.safetensors.index.json", {"weight_map": {"a": "../../x.safetensors"}}),
    "pytorch_model.bin": ("model.safetensors.index.json", {"weight_map": {"a": "pytorch_model.bin"}}),
    "/tmp/x.safetensors": ("model.safetensors.index.json", {"weight_map": {"a": "/tmp/x.safetensors"}}),
    "attention code from elsewhere": ("config.json", {"attn_implementation": "kernels-community/flash-attn"}),
    "in a part": ("config.json", {"text_config": {"_attn_implementation": "somebody/kernel@v1"}}),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_model_that_names_what_is_not_its_own(kind: str, tmp_path: Path, survived: Survived) -> None:
    survived("model file that points outside, to a pickle or to code")
    name, content = BAD_FILES[kind]
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(Problem, match=rf"model\.path={tmp_path}: {re.escape(name)} (names '|asks for attention code)"):
        refuse_folder(str(tmp_path))


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a": ' + "9" * 5000 + "}", "{", "\0"], ids=["nested", "digits", "cut", "nul"]
)
def test_a_model_whose_files_cannot_be_read(name: str, content: str, tmp_path: Path, survived: Survived) -> None:
    survived("model file nested too deeply, or of thousands of digits")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(Problem, match=rf"model\.path={tmp_path}: {re.escape(name)} is not JSON"):
        refuse_folder(str(tmp_path))


@pytest.mark.parametrize("change", [{"r": 10**9}, {"rank_pattern": {"q_proj": 10**9}}, None])
def test_an_adapter_that_says_a_rank_of_a_billion(change: dict[str, Any] | None, own: Path, survived: Survived) -> None:
    survived("adapter that says a rank of a billion, or is nested")
    file = own / "run" / "adapter" / "adapter_config.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content | change) if change else "[" * 100_000, encoding="utf-8")
    with pytest.raises(Problem, match=r"Adapter run/adapter: adapter_config\.json "):
        load_adapter(load_base(ModelConfig(path="world"), device="cpu"), "run/adapter")


def test_a_gguf_file_whose_lists_hold_lists_without_end(tmp_path: Path, survived: Survived) -> None:
    survived("model file nested too deeply, or of thousands of digits")
    name, lists = struct.pack("<Q1s", 1, b"a"), struct.pack("<IQ", 9, 1) * 5000
    (tmp_path / "a.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + name + struct.pack("<I", 9) + lists)
    with pytest.raises(Problem, match=r"a\.gguf: the GGUF file is truncated or damaged"):
        read_header(tmp_path / "a.gguf")


WRONG = {
    "tokenizer.json": [{"model": {}}, {"normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 50}] * 6}}],
    "tokenizer_config.json": [{"model_max_length": "many"}, {"eos_token": 5}],
    "config.json": [{"hidden_size": "x"}, {"num_attention_heads": 0}, {"model_type": ["llama"]},
                    {"num_hidden_layers": 10**9}],
}  # fmt: skip


def test_a_model_whose_files_say_what_makes_no_sense(tmp_path: Path, survived: Survived) -> None:
    survived("model file that makes no sense", sum(map(len, WRONG.values())))
    shutil.copytree(weights_dir(), tmp_path, dirs_exist_ok=True)
    model = ModelConfig(path=str(tmp_path))
    for name, changes in WRONG.items():
        before = (tmp_path / name).read_text(encoding="utf-8")
        for change in changes:
            (tmp_path / name).write_text(json.dumps(json.loads(before) | change), encoding="utf-8")
            with pytest.raises(Problem, match=rf"model\.path={tmp_path}: "):
                load_base(model, device="cpu") if name == "config.json" else load_tokenizer(model)
        (tmp_path / name).write_text(before, encoding="utf-8")


ODD = [
    {"target_modules": r"(([a-z._0-9]+)+)+$x"}, {"rank_pattern": {r".*.*.*.*!": 8}}, {"alpha_pattern": {"(": 8}},
    {"rank_pattern": ["q_proj"]}, {"rank_pattern": {"q_proj": "8"}}, {"r": "8"}, {"r": -1}, {"r": True},
    {"lora_alpha": 1e308}, {"target_modules": 7}, {"bias": "every"},
]  # fmt: skip


def test_an_adapter_that_says_what_nobody_can_look_for(shop: Path, tmp_path: Path, survived: Survived) -> None:
    survived("adapter whose configuration is odd, or an expression without end", len(ODD))
    base = load_base(ModelConfig(path="world"), device="cpu")
    shutil.copytree(shop / "run" / "adapter", tmp_path / "adapter")
    file = tmp_path / "adapter" / "adapter_config.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    for change in ODD:
        file.write_text(json.dumps(content | change), encoding="utf-8")
        with pytest.raises(Problem, match=rf"Adapter {tmp_path}/adapter"):
            load_adapter(base, tmp_path / "adapter")
        if "bias" not in change and change != {"target_modules": 7}:
            with pytest.raises(Problem, match=r"adapter_config\.json (has|names modules by) "):
                read_lora(tmp_path / "adapter")


# ---------------------------------------------------------------- data


def gz(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=9) as file:
        for _ in range(300):
            file.write(b"a" * 2**20)


def xlsx(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book, book.open("xl/worksheets/sheet1.xml", "w") as part:
        for _ in range(300):
            part.write(b" " * 2**20)


def parquet(path: Path) -> None:
    """A column of one value in 60 million rows."""
    piece = pyarrow.table({"lang": pyarrow.DictionaryArray.from_arrays(np.zeros(2_000_000, dtype="int8"), ["en"])})
    with pyarrow.parquet.ParquetWriter(path, piece.schema) as writer:
        for _ in range(30):
            writer.write_table(piece)


def packed(path: Path) -> None:
    """A thousand groups of rows, a megabyte of one letter in each."""
    piece = pyarrow.table({"text": ["a" * 2**20]})
    with pyarrow.parquet.ParquetWriter(path, piece.schema, compression="zstd") as writer:
        for _ in range(1000):
            writer.write_table(piece)


def repeated(path: Path) -> None:
    """A text that a group of rows holds once, in each of ten thousand rows."""
    texts = pyarrow.DictionaryArray.from_arrays(np.zeros(1000, dtype="int32"), ["a" * 2**16]).cast("string")
    piece = pyarrow.table({"text": texts})
    with pyarrow.parquet.ParquetWriter(path, piece.schema) as writer:
        for _ in range(10):
            writer.write_table(piece)


BOMBS = {
    "repeated.parquet": (repeated, "unpacks from"),
    "packed.parquet": (packed, "unpacks from"),
    "rows.jsonl.gz": (gz, "unpacks from"),
    "rows.xlsx": (xlsx, "unpacks from"),
    "rows.parquet": (parquet, "60,000,000 rows"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_file_made_to_fill_the_memory(name: str, tmp_path: Path, survived: Survived) -> None:
    survived("data file that unpacks to gigabytes")
    make, said = BOMBS[name]
    make(tmp_path / name)
    with pytest.raises(Problem, match=rf"{re.escape(name)} .*{said}"):
        files.read_table(tmp_path / name, ["text"])
    if "unpacks" in said and not name.endswith(".xlsx"):  # row by row, as mslt predict reads
        with pytest.raises(Problem, match=rf"{re.escape(name)} .*{said}"):
            tables.scan(tmp_path / name, name.split(".")[1])


def test_bombs_are_told_by_their_size(tmp_path: Path, survived: Survived, monkeypatch: pytest.MonkeyPatch) -> None:
    survived("data file that unpacks to gigabytes", 6)
    monkeypatch.setattr(text_files, "BOMB", 2**16)
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"lang,text\n" + b"en,aaaaaaaa\n" * 50_000))
    wide = pyarrow.DictionaryArray.from_arrays(np.zeros(4000, dtype="int32"), ["a" * 2**10]).cast("string")
    pyarrow.parquet.write_table(pyarrow.table({"text": wide}), tmp_path / "rows.parquet")
    with pytest.raises(Problem, match=r"rows\.parquet unpacks from 0\.0 MiB"):
        files.read_table(tmp_path / "rows.parquet", ["text"])
    with pytest.raises(Problem, match=r"rows\.csv\.gz unpacks from 0\.0 MiB to .* 200 times its size"):
        files.read_table(path, ["text"])
    for form, name in (("parquet", "rows.parquet"), ("csv", "rows.csv.gz"), ("jsonl", "rows.jsonl.gz")):
        if form == "jsonl":  # in one line, with what is no UTF-8 in front of it
            (tmp_path / name).write_bytes(gzip.compress(b"\xff" + b"a" * 10**6))
        with pytest.raises(Problem, match=rf"{re.escape(name)} (unpacks from 0\.0 MiB|line 1 is not UTF-8)"):
            tables.scan(tmp_path / name, form)
    book = openpyxl.Workbook()
    for row in range(1, 4):
        book.active.cell(row, 900, "far to the right")
    book.save(tmp_path / "rows.xlsx")
    monkeypatch.setattr(excel, "MOST_CELLS", 2000)
    with pytest.raises(Problem, match=r"rows\.xlsx has more than 2,000 cells"):
        files.read_table(tmp_path / "rows.xlsx", ["text"])
    monkeypatch.undo()
    words = "".join(f"en,{n * 7919 % 10_007} words {n * 104_729 % 65_521}\n" for n in range(9000))
    path.write_bytes(gzip.compress(f"lang,text\n{words}".encode()))  # large, and an ordinary file
    monkeypatch.setattr(text_files, "BOMB", 2**16)
    assert len(files.read_table(path, ["text"])) == tables.scan(path, "csv").num_rows == 9000


NUMBERS = {
    "seed=18446744073709551616": r"seed=.* is out of range\. It must be at least 0 and at most 4",
    f"seed={'9' * 5000}": "is not a whole number",
    "training.batch_size=99999999999999999999": r"training\.batch_size=.* is out of range",
    "adapter.rank=1000000000": r"adapter\.rank=1000000000 is out of range\. It must be .* at most 65536",
    f"training.learning_rate={'9' * 5000}": "is not a finite number",
    "training.num_epochs=1e999": "is not a finite number",
}


@pytest.mark.parametrize("argument", NUMBERS, ids=lambda argument: argument[:24])
def test_numbers_beyond_all_bounds(argument: str, call: Call, survived: Survived) -> None:
    survived("number beyond all bounds")
    code, _, err = call(*TRAIN, argument)
    assert code == 2 and err.count("\n") == 1 and re.search(NUMBERS[argument], err), err[:300]


@pytest.mark.parametrize(
    "recipe",
    [
        "a: " + "[" * 50_000,
        "seed: " + "9" * 5000,
        "name: ${oc.env:HOME}",
        "name: !!python/object/apply:os.getcwd []",
        "{" * 9,
        "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)),
        "a: &a [*a]",
        "name: 2024-13-45",
        'output_dir: "a\\0b"',
        'task: {data: "\\ud800"}',
    ],
    ids=["nested", "digits", "environment", "python", "cut", "aliases", "itself", "date", "nul", "half"],
)
def test_a_hostile_recipe_is_refused_in_a_line(recipe: str, tmp_path: Path, call: Call, survived: Survived) -> None:
    survived("hostile recipe")
    (tmp_path / "own.yaml").write_text(f"defaults:\n  - recipe_schema\n{recipe}\n", encoding="utf-8")
    code, out, err = call("train", "recipe=own", f"--config-dir={tmp_path}")
    assert code == 2 and err.startswith("error: ") and "Traceback" not in err and str(Path.home()) not in out + err
    (tmp_path / "task").mkdir()
    (tmp_path / "own.yaml").rename(tmp_path / "task" / "mine.yaml")
    code, out, err = call("tasks", "mine", f"--config-dir={tmp_path}")
    assert code == 2 and err.startswith("error: ") and str(Path.home()) not in out + err


# ---------------------------------------------------------------- large good files


def highest_memory() -> int:
    """Bytes that this process has held at most since it was last asked."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is asked of Linux")
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".json"])
def test_a_large_good_file_takes_a_few_times_its_size(ending: str, tmp_path: Path, survived: Survived) -> None:
    """As rows that are kept: a text of Python's has 49 bytes beside its characters."""
    survived("large good file")
    path, words = tmp_path / f"rows{ending}", "some words of an ordinary length, as sentences have them "
    rows = [{"lang": "de", "premise": f"{n} {words * 3}", "hypothesis": f"{words}{n}", "label": "yes"}
            for n in range(60_000)]  # fmt: skip
    with path.open("w", encoding="utf-8", newline="") as file:
        if ending == ".json":
            json.dump(rows, file)
        elif ending == ".jsonl":
            file.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if ending == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    rows.clear()
    gc.collect()
    highest_memory()
    before = highest_memory()
    assert len(files.read_table(path, ["premise", "hypothesis", "label"])) == 60_000
    assert highest_memory() - before < 6 * path.stat().st_size
