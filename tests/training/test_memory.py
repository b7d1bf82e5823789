"""training.batch_size=auto and gradient_checkpointing=auto: the same steps, in the memory that there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import tiny_recipe, tiny_train
from transformers import TrainerCallback

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import TrainingConfig
from mslt_it.models.base_model import read_adapter
from mslt_it.problems import Problem
from mslt_it.training import memory
from mslt_it.training.plans import Plan


def auto(**training: Any) -> Any:
    return tiny_recipe(
        **{"dropout": 0.0, "batch_size": None, "max_steps": 3, "save_steps": 2, "logging_steps": 1} | training
    )


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_with_room_it_is_the_run_of_that_batch_size(tmp_path: Path, dropout: float) -> None:
    """To the bit: measuring draws nothing from what training draws."""
    chosen = tiny_train(auto(dropout=dropout), tmp_path / "a")
    told = tiny_train(auto(dropout=dropout, batch_size=16), tmp_path / "b")
    assert (chosen.batch_size, chosen.global_batch, chosen.gradient_checkpointing) == (16, 16, False)
    assert chosen.adapter_sha256 == told.adapter_sha256


def room(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda device: number)


def test_with_less_room_the_step_stays_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tiny_train(auto(), tmp_path / "whole")
    room(monkeypatch, 1)
    least = tiny_train(auto(gradient_checkpointing=None), tmp_path / "least")
    assert (least.batch_size, least.global_batch, least.gradient_checkpointing) == (1, 16, True)
    assert (least.num_steps, least.num_epochs) == (whole.num_steps, whole.num_epochs)
    one, other = (read_adapter(Path(summary.adapter_dir)) for summary in (whole, least))
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_recomputing_restores_random_numbers_where_some_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dropout: float
) -> None:
    """A step that is recorded may not ask for them; with dropout the second pass must draw what the first did."""
    states, get = [], torch.get_rng_state
    monkeypatch.setattr(torch, "get_rng_state", lambda: states.append(1) or get())
    plain = tiny_train(auto(dropout=dropout, batch_size=16), tmp_path / "plain")
    before = len(states)
    again = tiny_train(auto(dropout=dropout, batch_size=16, gradient_checkpointing=True), tmp_path / "again")
    assert (len(states) - before > before) == bool(dropout)
    one, other = (read_adapter(Path(summary.adapter_dir)) for summary in (plain, again))
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], atol=1e-5, rtol=1e-3)


def test_a_run_goes_on_as_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(TrainerCallback):
        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            raise KeyboardInterrupt

    room(monkeypatch, 1)
    alone = tiny_train(auto(), tmp_path / "alone")
    with pytest.raises(KeyboardInterrupt):
        tiny_train(auto(), tmp_path / "run", callbacks=[Stop()])
    room(monkeypatch, 2**40)  # another machine
    resumed = tiny_train(auto(), tmp_path / "run")
    assert (resumed.resumed_from, resumed.batch_size) == ("checkpoint-2", 1)
    assert resumed.adapter_sha256 == alone.adapter_sha256
    other = tiny_train(auto(), tmp_path / "other")
    assert other.batch_size == 16 and other.adapter_sha256 != alone.adapter_sha256  # it would have told


@pytest.mark.parametrize(
    ("free", "asked", "found"),
    [
        (1600, (None, None), Plan(16, 2)),
        (3199, (None, None), Plan(16, 2)),
        (3200, (None, None), Plan(32, 1)),
        (1599, (None, None), Plan(8, 4)),
        (399, (None, None), Plan(32, 1, True)),
        (399, (None, False), Plan(2, 16)),
        (99, (8, None), Plan(8, 4, True)),
        (0, (None, None), Plan(1, 32, True)),
        (0, (None, False), Plan(1, 32)),
    ],
)
def test_recomputes_only_where_few_rows_fit(free: int, asked: tuple[int | None, bool | None], found: Plan) -> None:
    size, recomputes = asked
    accumulation = 2 if size is None else 4
    training = TrainingConfig(
        batch_size=size, gradient_accumulation_steps=accumulation, gradient_checkpointing=recomputes
    )
    assert memory._chosen(training, free, {False: 100, True: 10}) == found


def test_out_of_memory_goes_on_with_less() -> None:
    training = TrainingConfig(batch_size=None, gradient_checkpointing=None)
    assert Plan(4, 2).smaller(training) == Plan(4, 2, True)
    assert Plan(4, 2, True).smaller(training) == Plan(2, 4, True)
    assert Plan(1, 8, True).smaller(training) is None
    assert Plan(3, 2).smaller(TrainingConfig()) is None


@pytest.mark.parametrize(
    ("line", "files", "free"),
    [
        ("0::/box/inner", {"box/memory.max": "1000", "box/memory.current": "700", "box/memory.stat": "anon 9"}, [300]),
        (
            "4:memory:/box",
            {
                "memory/box/memory.limit_in_bytes": "1000",
                "memory/box/memory.usage_in_bytes": "1000",
                "memory/box/memory.stat": "inactive_file 1\ntotal_inactive_file 250",
            },
            [250],
        ),
        ("0::/", {"memory.max": "max", "memory.current": "5", "memory.stat": "anon 5"}, []),
        ("3:cpuset:/", {"memory.max": "10", "memory.current": "5", "memory.stat": "anon 5"}, []),
    ],
)
def test_a_container_s_limit_counts(tmp_path: Path, line: str, files: dict[str, str], free: list[int]) -> None:
    (tmp_path / "own").write_text(line + "\n")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert memory.cgroup_bytes(tmp_path / "own", tmp_path) == free
    assert memory.cgroup_bytes(tmp_path / "none", tmp_path) == []


def test_processes_of_one_machine_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "cgroup_bytes", lambda: [1000])
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert memory.available_bytes(torch.device("cpu")) == 250


def test_auto_is_written_in_a_recipe_and_read_again(tmp_path: Path) -> None:
    recipe = load_recipe("xnli_3src", ["training.batch_size=auto", "training.gradient_checkpointing=auto"])
    assert recipe.training.batch_size is None and recipe.training.gradient_checkpointing is None
    assert recipe.training.rows_per_step == 16
    with pytest.raises(Problem, match=r"training\.batch_size=many .*It may also be auto"):
        load_recipe("xnli_3src", ["training.batch_size=many"])
