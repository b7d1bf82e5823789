"""Task A in a target language, of three adapters of two tasks: the sum, and which run is which."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from finished_run import change_adapter, reseal

from mslt_it import cli
from mslt_it.config.compose import load_recipe
from mslt_it.models.finished_run import FinishedRun, read_run
from mslt_it.models.lora import Factors, Lora, read_lora
from mslt_it.problems import Problem
from mslt_it.publish.combine import combine
from mslt_it.publish.combine_options import adamergex_weights
from mslt_it.publish.comparable import across_tasks

CONFIG = {"target_modules": ["q_proj"], "peft_type": "LORA"}


def lora(name: str, *parts: tuple[torch.Tensor, torch.Tensor]) -> Lora:
    """The adapter whose change is the sum of the parts' products."""
    b, a = torch.cat([b for b, _ in parts], dim=1), torch.cat([a for _, a in parts])
    return Lora(name, {"q_proj": Factors(a, b, 1.0)}, CONFIG)


def test_where_a_language_changes_the_same_in_both_tasks_the_sum_is_exact() -> None:
    """Each adapter is its task plus its language, so A in the target is what is asked for."""
    draw = torch.Generator().manual_seed(0)
    task_a, task_b, source, target = (
        (torch.randn(8, 2, generator=draw), torch.randn(2, 6, generator=draw)) for _ in range(4)
    )
    three = [lora("A source", task_a, source), lora("B target", task_b, target), lora("B source", task_b, source)]
    weights, how = adamergex_weights("equal")
    found = combine(three, weights, "adamergex")
    assert how == "1, 1, -1" and found.error < 1e-6
    tensors = {name.rsplit(".", 2)[1]: tensor for name, tensor in found.tensors.items()}
    wanted = task_a[0] @ task_a[1] + target[0] @ target[1]
    assert torch.allclose(tensors["lora_B"] @ tensors["lora_A"], wanted, atol=1e-5)


def test_its_weights() -> None:
    assert adamergex_weights("[1,0.5,-0.5]") == ((1.0, 0.5, -0.5), "given")
    for wrong in ("size", "[1,0.5,0.5]", "[0.5,0.5,-0.5]", "[1,1]", "typology:tr"):
        with pytest.raises(Problem, match=r"Leave weights out for T = 1, or write weights=\[1,0.5,-0.5\]"):
            adamergex_weights(wrong)


def finished(task: str, *sources: str) -> FinishedRun:
    recipe = load_recipe(f"{task}_3src", [f"sources=[{','.join(sources)}]", "targets=[ko]"])
    return FinishedRun(Path(f"{task}-{'-'.join(sources)}"), recipe, {"base_sha256": "b"})


def test_which_run_is_which_is_told_from_tasks_and_sources() -> None:
    wanted = [finished("xnli", "de"), finished("pawsx", "zh"), finished("pawsx", "de")]
    for runs in itertools.permutations(wanted):
        assert across_tasks(runs) == wanted


@pytest.mark.parametrize(
    "runs",
    [
        [("xnli", "de"), ("xnli", "zh"), ("xnli", "en")],
        [("xnli", "de"), ("pawsx", "zh"), ("pawsx", "en")],
        [("xnli", "de"), ("pawsx", "de")],
    ],
)
def test_runs_that_do_not_stand_so_to_each_other(runs: Sequence[tuple[str, str]]) -> None:
    with pytest.raises(Problem) as caught:
        across_tasks([finished(*one) for one in runs])
    assert "task A in a source language, task B in that language, and B in the target" in str(caught.value)
    assert f"{runs[0][0]}-{runs[0][1]}: {runs[0][0]} in {runs[0][1]}" in str(caught.value)


def test_the_command_makes_a_run_of_task_a(run_of: Callable[..., Path], tmp_path: Path) -> None:
    runs = []
    for number, overrides in enumerate([(), ("task=pawsx", "sources=[zh]"), ("task=pawsx", "sources=[de]")], start=1):
        runs.append(tmp_path / str(number))
        shutil.copytree(run_of("llama", *overrides), runs[-1])
        change_adapter(runs[-1], lambda tensors, n=number: [tensor.mul_(n) for tensor in tensors.values()])
        reseal(runs[-1], num_examples=10 * number)
    out = tmp_path / "out"
    listed = ",".join(str(runs[place]) for place in (2, 0, 1))
    assert cli.main(["combine", f"runs=[{listed}]", f"out={out}", "method=adamergex", "scored=false"]) == 0
    run = read_run(out)
    assert (run.recipe.task.name, run.recipe.sources, run.recipe.targets) == ("xnli", ("de",), ("tr", "en"))
    assert run.provenance["num_examples"] == 10  # labelled in task A
    made = run.provenance["combination"]["adapters"]
    assert [(one["task"], one["weight"]) for one in made] == [("xnli", 1), ("pawsx", 1), ("pawsx", -1)]
    combined, *parts = (read_lora(folder / "adapter") for folder in (out, *runs))
    for module, factors in combined.modules.items():
        dense = [part.modules[module].scaling * part.modules[module].b @ part.modules[module].a for part in parts]
        assert torch.allclose(factors.scaling * factors.b @ factors.a, dense[0] + dense[1] - dense[2], atol=1e-4)
