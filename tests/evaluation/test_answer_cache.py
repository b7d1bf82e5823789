"""Answers kept between evaluations: found by what decides them, by nothing else, and only where they are sound."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mslt_it.evaluation.asking import Question, is_sound
from mslt_it.evaluation.cache import FILE, TABLE, AnswerCache, key_of
from mslt_it.evaluation.engines import ChoiceEngine, TextEngine
from mslt_it.evaluation.generation import Sampling
from mslt_it.problems import Problem
from mslt_it.store import user_cache

ROOT = Path(__file__).parents[2]


class Nothing:
    """Stands where a scorer or a generator is not asked."""

    batches = ()


def text_key(question: Question, sampling: Sampling, end: int = 1) -> bytes:
    return key_of(dict(TextEngine(Nothing(), [question], sampling, end).decided_by(0)))  # type: ignore[arg-type]


def choice_key(question: Question) -> bytes:
    engine = object.__new__(ChoiceEngine)
    engine._questions = [question]
    return key_of(dict(engine.decided_by(0)))


def test_the_key_of_a_choice_is_prompt_and_choices_in_order() -> None:
    question = Question("a", (1, 2), ((3,), (4, 5)))
    keys = {
        choice_key(dataclasses.replace(question, **change))
        for change in ({}, {"prompt_ids": (1, 3)}, {"choices": ((4, 5), (3,))}, {"choices": ((3,),)})
    }
    assert len(keys) == 4
    assert choice_key(dataclasses.replace(question, item_id="b")) == choice_key(question)


def test_the_key_of_a_greedy_text_knows_no_item_and_no_seed() -> None:
    question = Question("a", (1, 2), max_new_tokens=8)
    greedy = text_key(question, Sampling())
    for same in ({"item_id": "b"}, {"sample": 3}, {"field": "premise"}):
        assert text_key(dataclasses.replace(question, **same), Sampling()) == greedy
    assert text_key(question, Sampling(seed=9)) == greedy
    others = [
        text_key(dataclasses.replace(question, prompt_ids=(1,)), Sampling()),
        text_key(dataclasses.replace(question, max_new_tokens=9), Sampling()),
        text_key(question, Sampling(), end=2),
        text_key(question, Sampling(0.7)),
    ]
    assert len({greedy, *others}) == 5


def test_the_key_of_a_sampled_text_knows_item_sample_and_sampling() -> None:
    question, sampling = Question("a", (1, 2), max_new_tokens=8), Sampling(0.7, 0.9, 0)
    keys = [text_key(question, sampling)]
    keys += [text_key(dataclasses.replace(question, **c), sampling) for c in ({"item_id": "b"}, {"sample": 1})]
    keys += [text_key(question, dataclasses.replace(sampling, **c)) for c in
             ({"temperature": 0.8}, {"top_p": 0.8}, {"seed": 1})]  # fmt: skip
    assert len(set(keys)) == 6


def test_answers_are_found_all_or_none(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "made" / "here")
    keys = [key_of({"n": n}) for n in range(3)]
    answers = [{"text": "১৮ \u2028"}, {"log_likelihoods": [-0.1, -2.5]}]
    cache.put(keys[:2], answers)
    assert cache.get(keys[:2]) == answers and cache.get(keys[1::-1]) == answers[::-1]
    assert cache.get(keys) is None and cache.get([]) == []
    cache.close()
    assert AnswerCache(tmp_path / "made" / "here").get(keys[:2]) == answers


def test_no_folder_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cache = AnswerCache(None)
    cache.put([key_of({})], [{"text": ""}])
    assert cache.get([key_of({})]) is None
    cache.close()
    assert not list(tmp_path.iterdir())


def test_the_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache() == tmp_path / "mslt_it"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert user_cache() == tmp_path / "home" / ".cache" / "mslt_it"


def broken_file(folder: Path) -> None:
    (folder / FILE).write_bytes(b"this is no database" * 100)


@pytest.mark.parametrize(
    "change",
    ["'{\"te'", "replace(value, 'wrong', 'right')", "NULL", "x'ff'", f"(SELECT min(value) FROM {TABLE})"],
)
def test_an_answer_that_was_altered_is_unknown(change: str, tmp_path: Path) -> None:
    cache, keys = AnswerCache(tmp_path), [key_of({"n": n}) for n in range(2)]
    cache.put(keys, [{"text": "wrong"}, {"text": "right"}])
    assert cache._connection is not None
    with cache._connection:
        cache._connection.execute(f"UPDATE {TABLE} SET value = {change} WHERE key = ?", (keys[0],))
    assert cache.get(keys[:1]) is None and cache.get(keys[1:]) == [{"text": "right"}]
    cache.put(keys[:1], [{"text": "wrong"}])  # asked again
    assert cache.get(keys[:1]) == [{"text": "wrong"}]


def test_a_broken_database_is_named_with_a_remedy(tmp_path: Path) -> None:
    broken_file(tmp_path)
    with pytest.raises(Problem, match=rf"{FILE} cannot be used: .*Remove the file, .* cache=DIR, .* cache=none"):
        AnswerCache(tmp_path).get([key_of({})])


def test_a_database_that_computes_is_not_read(tmp_path: Path) -> None:
    """Rows without end, in a cache that several people share."""
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS key, 'a' AS value FROM n"
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute(f"CREATE VIEW {TABLE} AS {endless}")
    with pytest.raises(Problem, match=r"cannot be used: it has views or triggers"):
        AnswerCache(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Problem, match=r"cannot be used: .*cache=none"):
        AnswerCache(tmp_path / "file")


@pytest.mark.parametrize(
    ("answer", "sound"),
    [
        ({"log_likelihoods": [-1.0, -2.0]}, True),
        ({"log_likelihoods": [-1.0, "nan"]}, False),
        ({"log_likelihoods": ["-inf", -1.0]}, False),
        ({"text": ""}, True),
        ({"text": None}, False),
    ],
)
def test_answers_of_a_broken_model_are_not_sound(answer: dict[str, Any], sound: bool) -> None:
    assert is_sound(answer) is sound


WRITER = """
import sys
from pathlib import Path
from mslt_it.evaluation.cache import AnswerCache, key_of
cache = AnswerCache(Path(sys.argv[1]))
for n in range(60):
    keys = [key_of({"n": n, "k": k}) for k in range(4)]
    cache.get(keys)
    cache.put(keys, [{"text": f"{n} {k}"} for k in range(4)])
"""


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    both = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(p.communicate()[1], p.returncode) for p in both] == [("", 0), ("", 0)]
    cache = AnswerCache(tmp_path)
    for n in (0, 59):
        found = cache.get([key_of({"n": n, "k": k}) for k in range(4)])
        assert found == [{"text": f"{n} {k}"} for k in range(4)]


def test_keys_are_canonical() -> None:
    assert key_of({"a": 1, "b": (2, 3)}) == key_of({"b": [2, 3], "a": 1}) != key_of({"a": 1, "b": [3, 2]})
    assert len(key_of({})) == 32
    key_of(json.loads('{"lone": "\\ud800"}'))  # a text no file should hold has a key too
