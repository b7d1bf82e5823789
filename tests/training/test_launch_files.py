"""The launch files in recipes/accelerate, read by accelerate's own parser; and the scales' arithmetic."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.state import DistributedType
from accelerate.utils.launch import prepare_multi_gpu_env, prepare_simple_launcher_cmd_env
from transformers import AutoModelForCausalLM, BloomConfig, Qwen2Config, Qwen3Config

from mslt_it.config.compose import load_recipe
from mslt_it.config.files import list_files, list_groups, share_dir
from mslt_it.config.recipe import Recipe
from mslt_it.models.base_model import add_adapter
from mslt_it.pipeline import refuse_undivided
from mslt_it.problems import Problem

FOLDER = share_dir("recipes") / "accelerate"
# The published configurations, and how many layers they have.
SHAPES: dict[str, tuple[int, Callable[[int], Any]]] = {
    "small": (28, lambda layers: Qwen3Config(
        vocab_size=151_936, hidden_size=1024, num_hidden_layers=layers, num_attention_heads=16, num_key_value_heads=8,
        head_dim=128, intermediate_size=3072, tie_word_embeddings=True,
    )),
    "paper": (30, lambda layers: BloomConfig(vocab_size=250_880, hidden_size=4096, n_layer=layers, n_head=32)),
    "large": (64, lambda layers: Qwen2Config(
        vocab_size=152_064, hidden_size=5120, num_hidden_layers=layers, num_attention_heads=40, num_key_value_heads=8,
        intermediate_size=27_648,
    )),
}  # fmt: skip


def launch_arguments(path: Path) -> Any:
    arguments, _, _ = _validate_launch_command(
        launch_command_parser().parse_args(["--config_file", str(path), "mslt_it/train.py"])
    )
    return arguments


def test_the_files_that_there_are() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == ["cpu", "ddp", "fsdp2", "single_gpu"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_file_names_itself_and_a_recipe_that_there_is(path: Path) -> None:
    """accelerate refuses unknown keys when it loads a file."""
    assert load_config_from_file(str(path)).num_machines == 1
    words = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# accelerate launch ").split()
    assert words[:3] == ["--config_file", f"recipes/accelerate/{path.name}", "mslt_it/train.py"]
    recipe = load_recipe(words[3].removeprefix("recipe="), words[4:])
    assert (recipe.scale == "large") is (path.stem == "fsdp2")
    assert launch_arguments(path).mixed_precision == "no"  # model.dtype decides


def test_what_the_files_start() -> None:
    cpu, single, ddp, fsdp2 = (launch_arguments(FOLDER / f"{n}.yaml") for n in ("cpu", "single_gpu", "ddp", "fsdp2"))
    assert cpu.use_cpu and cpu.num_processes == 1
    assert prepare_simple_launcher_cmd_env(cpu)[1]["ACCELERATE_USE_CPU"] == "True"
    assert single.num_processes == 1 and not single.multi_gpu and not single.use_cpu
    assert ddp.multi_gpu and ddp.num_processes == 2 and not ddp.use_fsdp
    assert fsdp2.use_fsdp and fsdp2.num_processes == 4 and int(fsdp2.fsdp_version) == 2
    environment = prepare_multi_gpu_env(fsdp2)
    assert {key: environment[f"FSDP_{key}"] for key in ("VERSION", "STATE_DICT_TYPE", "CPU_RAM_EFFICIENT_LOADING")} == {
        "VERSION": "2",
        "STATE_DICT_TYPE": "FULL_STATE_DICT",
        "CPU_RAM_EFFICIENT_LOADING": "false",
    }
    # Both kinds of recomputation at once are an error of the Trainer's.
    assert environment["FSDP_ACTIVATION_CHECKPOINTING"] == "false" and scale("large").training.gradient_checkpointing
    assert scale("large").adapter.quantization == "none"  # FSDP2 does not divide 4-bit weights


@pytest.mark.parametrize("kind", [DistributedType.NO, DistributedType.MULTI_CPU])
def test_fsdp_without_gpus_is_refused(kind: DistributedType, monkeypatch: pytest.MonkeyPatch) -> None:
    """accelerate would train a copy in each process, and say nothing."""
    state: Any = SimpleNamespace(distributed_type=kind)
    refuse_undivided(state)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(Problem, match=r"FSDP divides a model among GPUs, and there are none here.* torchrun --nproc"):
        refuse_undivided(state)
    state.distributed_type = DistributedType.MULTI_GPU
    refuse_undivided(state)


def test_launch_files_are_no_recipes() -> None:
    assert not set(list_files()) & {"cpu", "single_gpu", "ddp", "fsdp2", "accelerate"}
    assert set(list_groups()) == {"scale", "task"}
    for override in ("accelerate=cpu", "+accelerate=cpu"):
        with pytest.raises(Problem, match="accelerate"):
            load_recipe("xnli_3src", [override])


@functools.cache
def scale(name: str) -> Recipe:
    return load_recipe("xnli_3src", [f"scale={name}"])


@pytest.mark.parametrize(
    ("name", "total", "embedding", "adapter"),
    [
        ("small", "0.596", "0.156", "10.1e6 x 16 bytes"),
        ("paper", "7.069", "1.028", "31.5e6 x 16 bytes"),
        ("large", "32.764", "0.779", "134e6 x 16 bytes"),
    ],
)
def test_the_arithmetic_of_a_scale(name: str, total: str, embedding: str, adapter: str) -> None:
    """The parameters that the comment reckons with are those of the model and the adapter."""
    layers, shape = SHAPES[name]
    counted = []
    for few in (1, 2):  # all layers are alike
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(shape(few))
        base = sum(p.numel() for p in model.parameters())
        assert f"{model.get_input_embeddings().weight.numel() / 1e9:.3f}" == embedding
        adapted = add_adapter(model, scale(name).adapter, 0)
        counted.append((base, sum(p.numel() for p in adapted.parameters() if p.requires_grad)))
    parameters, trained = (one + (layers - 1) * (two - one) for one, two in zip(*counted, strict=True))
    assert f"{parameters / 1e9:.3f}" == total
    assert trained == pytest.approx(float(adapter.split()[0]), rel=0.005)
    assert adapter in (share_dir("recipes") / "scale" / f"{name}.yaml").read_text(encoding="utf-8")


def test_the_global_batches_of_the_scales() -> None:
    for name, processes, expected in (("small", 1, 16), ("paper", 1, 48), ("large", 4, 16)):
        training = scale(name).training
        assert training.batch_size * training.gradient_accumulation_steps * processes == expected
