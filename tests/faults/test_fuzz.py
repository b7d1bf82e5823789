"""Whatever is read, nothing but a Problem comes of it, and soon: tables, labels, answers, values of keys, recipes."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_run import Survived

from mslt_it import values
from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import Recipe, TaskConfig
from mslt_it.config.schema import keys, read
from mslt_it.data import files
from mslt_it.data.files import Row
from mslt_it.data.shapes import to_examples
from mslt_it.evaluation.answers.labels import read_label
from mslt_it.evaluation.answers.numbers import parse_number
from mslt_it.problems import Problem

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

pytestmark = pytest.mark.slow
INPUTS = 2000  # of each of five kinds
TEXT = st.text(max_size=60) | st.text("0123456789.,-+eE%$ ٠١२৩๔１½²③一千万億/:()\\boxed{}\n", max_size=40)
SAID = ["entailment", "neutral", "ja", "nein", "ใช่", "не", "=", "**", "(a)", "1.", "\u202e"]
WORDS = st.lists(st.sampled_from(SAID) | TEXT, max_size=8)
ODD = ["[", "{a:b", "[a,b]", "null", "nan", "1e999", "0x1f", "9" * 5000, "{a:{b:c}}", '"', "'a"]
LABELS = [(), ("entailment", "neutral", "contradiction")]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


def many(**given: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def around(test: Callable[..., None]) -> Callable[..., None]:
        checks = [hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow]
        bounds = {"max_examples": INPUTS, "deadline": 60_000, "derandomize": True, "suppress_health_check": checks}
        return hypothesis.settings(**bounds)(hypothesis.given(**given)(test))

    return around


def tables() -> Any:
    cells = st.lists(st.lists(TEXT, max_size=5), max_size=6)
    delimited = st.tuples(cells, st.sampled_from(",;\t|")).map(lambda t: "\n".join(t[1].join(row) for row in t[0]))
    rows = st.lists(JSON, max_size=4).map(lambda rows: "\n".join(json.dumps(row) for row in rows))
    as_json = rows | JSON.map(json.dumps)
    text = (delimited | as_json | TEXT).map(lambda one: one.encode("utf-8", "surrogatepass"))
    packed = text.map(gzip.compress)
    return text | packed | st.binary(max_size=200) | text.map(lambda one: b"PAR1" + one + b"PAR1")


@many(content=tables(), ending=st.sampled_from([*files.TABLES, ".csv.gz", ".jsonl.gz", ".json.gz"]))
def test_tables(content: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{ending}"
    path.write_bytes(content)
    with contextlib.suppress(Problem):
        for row in files.read_table(path, ["text", "label"]):
            assert isinstance(row, Row) and isinstance(row.place, str)


@many(value=JSON, other=JSON, names=st.sampled_from(LABELS), scored=st.booleans())
def test_labels(value: Any, other: Any, names: tuple[str, ...], scored: bool) -> None:
    task = TaskConfig(name="custom", data="own.csv", input_fields=("text",), label_field="label", label_names=names)
    rows = [Row("line 2", {"text": other, "label": value}), Row("line 3", {"text": "a", "label": other})]
    with contextlib.suppress(Problem):
        to_examples(task, "en", "test", rows, "own.csv", for_scoring=scored)


@many(words=WORDS, language=st.sampled_from(["en", "de", "th", "ar", "zh", "ja", "tr", "hi"]))
def test_answers(words: list[str], language: str) -> None:
    text = " ".join(words)
    parse_number(text, language)
    parse_number(text, language, " ".join(reversed(words)))
    read_label(text, language, {name: name for name in ("ja", "nein", "vielleicht")})


@many(text=TEXT | st.sampled_from(ODD), number=st.integers(0, 10**6))
def test_values_of_keys(text: str, number: int) -> None:
    known = list(keys(Recipe).values())
    key = known[number % len(known)]
    with contextlib.suppress(Problem):
        read(key, text)
    values.items(text), values.mapping(text), values.cell(text), values.path(text)


RECIPE = st.dictionaries(
    st.sampled_from([*(f.name for f in dataclasses.fields(Recipe)), "defaults", "unknown"]), JSON, max_size=4
)


@many(content=RECIPE | JSON, torn=st.integers(0, 400))
def test_recipes(content: Any, torn: int, tmp_path: Path) -> None:
    text = json.dumps({"defaults": ["recipe_schema"], **content} if isinstance(content, dict) else content)
    (tmp_path / "own.yaml").write_text(text[: torn or None], encoding="utf-8")
    with contextlib.suppress(Problem):
        load_recipe("own", config_dir=tmp_path)


def test_the_number_of_inputs(survived: Survived) -> None:
    survived("fuzz: tables, labels, answers, values, recipes", 5 * INPUTS)
