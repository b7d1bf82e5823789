"""`mslt eval`: score models and adapters, zero-shot, in many languages and variants of asking."""

from __future__ import annotations

import dataclasses

from mslt_it.command import Call
from mslt_it.evaluation.options import ARGUMENTS
from mslt_it.progress import working
from mslt_it.quiet import quiet_libraries
from mslt_it.terminal import print_json


def run(call: Call) -> int:
    """Scores what is asked for and prints the tables; 0 when every score is valid, 1 when one is not."""
    from mslt_it.evaluation.request import request_of  # half a second, which help need not pay

    request = request_of(call)
    quiet_libraries()
    # These import torch, which mistakes in what is asked can do without.
    with working("Starting"):
        from mslt_it.evaluation.evaluate import evaluate
        from mslt_it.integrations.vllm import engine_of

    content = evaluate(request, call.say, "--details" in call.flags, engine_of(request.asked.backend))
    if not content:  # a process that only helped
        return 0
    if call.as_json:
        print_json(content)
    return 0 if content["status"] == "ok" else 1


COMMAND = dataclasses.replace(ARGUMENTS, run=run)
