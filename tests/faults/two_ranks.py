"""Two ranks under torchrun's agent, forked from a process that has trained before: kills, and FSDP2 without GPUs.

    python tests/faults/two_ranks.py FOLDER kills    # one rank killed at ten moments of training, saving and scoring
    python tests/faults/two_ranks.py FOLDER fsdp     # the model divided among both, killed, resumed; beside one process

Prints what became of it as JSON. A moment is a file operation of rank 0, spread over all of them. accelerate divides no
model among CPU processes (it takes them for copies, whatever it is told): here it is told that they are GPUs, and the
rest is torch's own FSDP2 over gloo.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.state import AcceleratorState, DistributedType
from accelerate.utils.launch import prepare_multi_gpu_env
from kill_sweep import is_write, trained
from small_run import SMALL, figures
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from mslt_it import cli

MOMENTS = 5  # for each of the two ranks
SECONDS = 600
LAUNCH_FILE = Path(__file__).parents[2] / "recipes" / "accelerate" / "fsdp2.yaml"


def arguments(out: str, *more: str) -> list[str]:
    return ["train", *SMALL, *more, f"output_dir={out}"]


def rank(command: Sequence[str], environment: Mapping[str, str], victim: int, at: int) -> None:
    """What torchrun starts twice; rank ``victim`` is killed at file operation ``at`` of rank 0 (0: at none)."""
    torch.set_num_threads(1)  # forked again: see `launch`
    os.environ |= environment
    number = int(os.environ["RANK"])
    Path(f"{number}.pid").write_text(str(os.getpid()), encoding="utf-8")
    said = os.open(f"said{number}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    AcceleratorState._reset_state(True)  # of the run before the fork
    home, seen = os.getcwd(), [0]

    def hook(event: str, details: Any) -> None:
        if not is_write(event, details, home):
            return
        seen[0] += 1
        if seen[0] == at:
            other = Path(f"{victim}.pid")
            while not (other.exists() and other.read_text(encoding="utf-8")):
                time.sleep(0.05)
            os.kill(int(other.read_text(encoding="utf-8")), signal.SIGKILL)

    if number == 0:
        sys.addaudithook(hook)
    code = cli.main(list(command))
    if number == 0:
        made = seen[0]
        Path("operations").write_text(str(made), encoding="utf-8")
    if code:
        os._exit(code)


def launch(command: Sequence[str], environment: Mapping[str, str] = {}, victim: int = 0, at: int = 0) -> int:
    """0 where both ranks ended well; a process that takes longer than SECONDS is ended and gives -14."""
    for name in ("0.pid", "1.pid"):
        Path(name).unlink(missing_ok=True)
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    torch.set_num_threads(1)  # makes torch's pool anew, which does not survive a fork
    signal.alarm(SECONDS)
    silent = os.open("agent.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(silent, 2)
    how = {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0", "start_method": "fork", "max_restarts": 0}
    try:
        elastic_launch(LaunchConfig(min_nodes=1, max_nodes=1, nproc_per_node=2, **how), rank)(
            command, environment, victim, at
        )
    except BaseException:
        os._exit(1)
    os._exit(0)


def kills() -> dict[str, Any]:
    command, out = arguments("out"), Path("out")
    assert launch(command) == 0, Path("said0.txt").read_text(encoding="utf-8")
    expected, total = trained(out), int(Path("operations").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = []
    for n, victim in ((n, victim) for n in range(MOMENTS) for victim in (0, 1)):
        shutil.rmtree(out)
        at, began = 1 + total * (2 * n + 1) // (2 * MOMENTS), time.monotonic()
        code = launch(command, victim=victim, at=at)
        seconds, again = time.monotonic() - began, launch(command)
        is_exact = again == 0 and trained(out) == expected
        found.append({"rank": victim, "at": at, "code": code, "seconds": round(seconds, 1), "exact": is_exact})
        print(found[-1], file=sys.stderr, flush=True)
    return {"operations": total, "kills": found}


def fsdp() -> dict[str, Any]:
    parsed = launch_command_parser().parse_args(["--config_file", str(LAUNCH_FILE), "mslt_it/train.py"])
    launched = prepare_multi_gpu_env(_validate_launch_command(parsed)[0])
    divided = {name: value for name, value in launched.items() if "FSDP" in name}
    init = PartialState.__init__

    def made(self: Any, *given: Any, **options: Any) -> None:
        init(self, *given, **options)
        if os.environ.get("ACCELERATE_USE_FSDP") and self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = DistributedType.MULTI_GPU

    PartialState.__init__ = made  # type: ignore[method-assign]
    two = "training.batch_size=4"
    codes = [launch(arguments("divided", two), divided)]
    total = int(Path("operations").read_text(encoding="utf-8"))
    codes.append(launch(arguments("killed", two), divided, victim=0, at=total // 2))
    codes.append(launch(arguments("killed", two), divided))
    codes.append(launch(arguments("copies", two)))
    return {"codes": codes, "said": Path("said0.txt").read_text(encoding="utf-8")[-1500:], "runs": told()}


def told() -> dict[str, Any]:
    """What became of the runs that ended."""
    found = {}
    for folder in (Path(name) for name in ("single", "divided", "killed", "copies")):
        if (folder / "results.json").exists():
            content, lines = figures(folder), (folder / "losses.jsonl").read_text(encoding="utf-8").splitlines()
            found[folder.name] = {
                "scores": {f"{row['language']} {row['metric']}": row["value"] for row in content["results"]},
                "adapter": content["provenance"]["adapter_sha256"],
                "losses": [json.loads(line)["loss"] for line in lines],
            }
    return found


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    os.environ["XDG_CACHE_HOME"] = str(Path("cache").resolve())
    torch.set_num_threads(1)  # a pool of threads would not be there after a fork
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        cli.main(arguments("single", "training.batch_size=8"))
    gc.collect()
    gc.freeze()
    print(json.dumps({"kills": kills, "fsdp": fsdp}[sys.argv[2]]()))
