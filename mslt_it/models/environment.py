"""What a run was made with: versions, machine and commit, kept beside its results."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from mslt_it.problems import Problem
from mslt_it.runs import versions

# The packages whose version can change a trained weight or a score.
PACKAGES = (
    *("mslt_it", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers", "safetensors"),
    *("bitsandbytes", "numpy", "lm_eval"),
)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def environment() -> dict[str, Any]:
    """Versions, platform, processor, threads, accelerators and git commit, as JSON-ready values."""
    num_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {
        "python": platform.python_version(),
        "packages": dict(versions(PACKAGES)),
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "num_cpus": os.cpu_count(),
        "num_threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(num_gpus)],
        "cuda": torch.version.cuda,
        "world_size": world_size(),
        "git_commit": git_commit(),
    }


@contextlib.contextmanager
def without_compiler() -> Iterator[None]:
    """While peft is imported: it imports bitsandbytes, which hands what it has no kernels for to torch's compiler, and
    importing that is a fifth of a command's start. Such parts are then computed as they are written."""
    name = "TORCHDYNAMO_DISABLE"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def process_state() -> PartialState:
    """This process among those that a launcher started together; on CPUs where there is no GPU."""
    return PartialState(cpu=not torch.cuda.is_available())


def world_size() -> int:
    """Processes that a launcher started together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def idle_cores() -> str | None:
    """A note where `accelerate launch` left cores of a CPU unused: unless told otherwise it gives a process one."""
    threads, cores = torch.get_num_threads(), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if torch.cuda.is_available() or "ACCELERATE_DYNAMO_BACKEND" not in os.environ or threads * world_size() >= cores:
        return None
    return (
        f"accelerate launch gave this process {threads} of {cores} cores. To use all of them, faster and with "
        f"other rounding: accelerate launch --num_cpu_threads_per_process {cores // world_size()} ..., or mslt train."
    )


def on_main(do: Callable[[], Any]) -> Any:
    """What ``do`` gives on the main process, on all of them: each would find what another is just writing."""
    state = process_state()
    told: list[Any] = [None, None]
    if state.is_main_process:
        try:
            told = [do(), None]
        except Problem as problem:
            told = [None, str(problem)]
    if state.num_processes > 1:
        broadcast_object_list(told)
    if told[1] is not None:
        raise Problem(told[1])
    return told[0]


@contextlib.contextmanager
def deterministic_on_cpu() -> Iterator[None]:
    """Deterministic kernels where they cost nothing: a resumed run must be equal to the bit on a CPU."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(before or not torch.cuda.is_available())
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


@functools.cache  # what runs is the code of the process's start
def git_commit(folder: Path | None = None) -> str | None:
    """The commit of this package's checkout, with ``-dirty`` after it where tracked files differ; None where there is
    no checkout (an installed wheel) or no git."""
    folder = folder or Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():  # not some other repository it is installed under
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    return commit + ("-dirty" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, errors="replace", timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def default_device() -> torch.device:
    """This process's GPU under a launcher, the first one otherwise, the CPU where there is none."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def resolve_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """``auto`` is bfloat16 on a GPU that has it and float32 elsewhere (bfloat16 is emulated on most CPUs)."""
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    return DTYPES[dtype]
