"""Two processes with gloo train the same adapter, and nearly the one a single process trains."""

from __future__ import annotations

import json
import math
import time

import pytest

LONGEST = 120  # seconds until the other process has ended, too, beside what a whole run takes


@pytest.fixture(scope="module")
def straight(launch, tmp_path_factory):
    """(where two processes trained undisturbed, seconds)"""
    folder, began = tmp_path_factory.mktemp("ranks") / "straight", time.monotonic()
    assert launch(folder, "--batch-size", "2", processes=2).returncode == 0
    return folder, time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("step", [1, 5, 6, 15, 29])
def test_one_rank_killed_ends_the_other_and_the_next_start_is_exact(rank, step, straight, launch, tmp_path):
    """Before the first checkpoint, at one, after one, and in a later epoch."""
    began = time.monotonic()
    killed = launch(tmp_path / "run", "--batch-size", "2", "--kill-rank", str(rank), str(step), processes=2)
    assert killed.returncode != 0 and time.monotonic() - began < straight[1] + LONGEST
    again = launch(tmp_path / "run", "--batch-size", "2", processes=2)
    assert again.returncode == 0, again.stderr[-3000:]
    for number in (0, 1):
        expected, found = (
            json.loads((d / f"result-{number}.json").read_text()) for d in (straight[0], tmp_path / "run")
        )
        assert found["summary"]["adapter_sha256"] == expected["summary"]["adapter_sha256"]
        assert found["sums"] == expected["sums"]
        assert (found["summary"]["resumed_from"] is not None) is (step > 5)


@pytest.mark.slow
def test_two_ranks_end_equal_and_match_one_process(launch, tmp_path):
    two = launch(tmp_path / "two", "--dropout", "0", "--batch-size", "2", processes=2)
    assert two.returncode == 0, two.stderr[-3000:]
    first, second = (json.loads((tmp_path / "two" / f"result-{rank}.json").read_text()) for rank in (0, 1))
    assert first["summary"]["world_size"] == 2 and first["summary"]["global_batch"] == 4
    assert first["sums"] == second["sums"]
    assert all(math.isfinite(value) for value in first["sums"].values())
    one = launch(tmp_path / "one", "--dropout", "0", "--batch-size", "4")
    assert one.returncode == 0, one.stderr[-3000:]
    single = json.loads((tmp_path / "one" / "result-0.json").read_text())
    assert first["summary"]["num_steps"] == single["summary"]["num_steps"]
    # The same rows in each step, so only the order of the sums differs.
    assert first["summary"]["final_loss"] == pytest.approx(single["summary"]["final_loss"], rel=1e-3)
    for language, loss in single["summary"]["loss_by_language"].items():
        assert first["summary"]["loss_by_language"][language] == pytest.approx(loss, rel=1e-2)


@pytest.mark.slow
def test_two_ranks_killed_and_resumed_equal_uninterrupted_to_the_bit(launch, tmp_path):
    """Within an epoch: accelerate does not tell the sampler which epoch it is in then."""
    arguments = ("--batch-size", "2")
    assert launch(tmp_path / "straight", *arguments, processes=2).returncode == 0
    assert launch(tmp_path / "resumed", "--kill-after-save", "15", *arguments, processes=2).returncode != 0
    again = launch(tmp_path / "resumed", *arguments, processes=2)
    assert again.returncode == 0, again.stderr[-3000:]
    for rank in (0, 1):
        expected, found = (
            json.loads((tmp_path / d / f"result-{rank}.json").read_text()) for d in ("straight", "resumed")
        )
        assert found["summary"]["resumed_from"] == "checkpoint-15"
        assert found["summary"]["adapter_sha256"] == expected["summary"]["adapter_sha256"]
        assert found["sums"] == expected["sums"]
