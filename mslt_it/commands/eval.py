"""`mslt eval`: score models and adapters, zero-shot, in many languages and variants of asking."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from mslt_it.command import Call
from mslt_it.evaluation.request import ARGUMENTS, request_of
from mslt_it.quiet import quiet_libraries
from mslt_it.terminal import print_json

if TYPE_CHECKING:
    from mslt_it.evaluation.systems import Bench, LoadedBase


def run(call: Call) -> int:
    """Scores what is asked for and prints the tables; 0 when every score is valid, 1 when one is not."""
    request = request_of(call)
    quiet_libraries()
    # These import torch, which help and mistakes in arguments can do without.
    from accelerate import PartialState

    from mslt_it.evaluation.evaluate import evaluate
    from mslt_it.integrations.vllm import require_vllm
    from mslt_it.models.environment import has_gpu

    if request.backend == "vllm":
        require_vllm()  # before anything is loaded
    state = PartialState(cpu=not has_gpu())

    def say(text: str) -> None:
        if state.is_main_process:
            call.say(text)

    content = evaluate(request, state, say, "--details" in call.flags, _vllm if request.backend == "vllm" else None)
    if not state.is_main_process:
        return 0
    if call.as_json:
        print_json(content)
    return 0 if content["status"] == "ok" else 1


def _vllm(bench: Bench, loaded: LoadedBase) -> Any:
    """The engine of backend=vllm, which loads the base by itself."""
    from mslt_it.integrations.vllm import VllmEngine
    from mslt_it.models.base_model import model_path

    adapters = [system.adapter for system in bench.systems if system.adapter is not None]
    return VllmEngine(model_path(bench.model), bench.model.revision, loaded.papers["base_dtype"], adapters)


COMMAND = dataclasses.replace(ARGUMENTS, run=run)
