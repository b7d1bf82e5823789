"""`mslt eval`: score models and adapters, zero-shot, in many languages and variants of asking."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mslt_it.arguments import wants_help
from mslt_it.terminal import print_json

if TYPE_CHECKING:
    from mslt_it.evaluation.systems import Bench, LoadedBase


def main(argv: Sequence[str]) -> int:
    """Scores what is asked for and prints the tables; 0 when every score is valid, 1 when one is not."""
    from mslt_it.evaluation.request import help_text, parse_request

    if wants_help(argv) or not argv:
        print(help_text())
        return 0
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in train.py, before torch is imported
    request, as_json, details = parse_request(argv)
    from mslt_it.quiet import quiet_libraries

    quiet_libraries()
    from accelerate import PartialState

    from mslt_it.evaluation.evaluate import evaluate
    from mslt_it.models.environment import has_gpu

    state = PartialState(cpu=not has_gpu())
    stream = sys.stderr if as_json else sys.stdout

    def say(text: str) -> None:
        if state.is_main_process:
            print(text, file=stream, flush=True)

    content = evaluate(request, state, say, details, _vllm if request.backend == "vllm" else None)
    if not state.is_main_process:
        return 0
    if as_json:
        print_json(content)
    return 0 if content["status"] == "ok" else 1


def _vllm(bench: Bench, loaded: LoadedBase) -> Any:
    """The engine of backend=vllm, which loads the base by itself."""
    from mslt_it.evaluation.vllm_generation import VllmEngine
    from mslt_it.models.base_model import model_path

    adapters = [system.adapter for system in bench.systems if system.adapter is not None]
    return VllmEngine(model_path(bench.model), bench.model.revision, loaded.papers["base_dtype"], adapters)
