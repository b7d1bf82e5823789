"""lm-eval's tasks, metrics and results with our log-likelihoods. The only module that imports lm_eval.

    python -m mslt_it.integrations.lm_eval --model_args pretrained=PATH,peft=ADAPTER \\
        --include_path eval/tasks --tasks mslt_xnli_tr --apply_chat_template

takes the arguments of the ``lm_eval`` command; only ``--model`` may be left out, and task files under
``--include_path`` must hold no code. `SharedPromptLM` is lm-eval's own Hugging Face model but for one method (a private
one, hence the exact version in ``pyproject.toml``), the inner loop of log-likelihoods: a prompt is encoded once for all
its choices, what many prompts begin with once for all of them, the LM head is applied only where a token is scored,
batches are filled by tokens, and log-softmax is taken in float32 (lm-eval's in the model's own precision, which in
bfloat16 leaves three digits and many ties).
"""

from __future__ import annotations

import functools
import glob
import itertools
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from mslt_it.evaluation.likelihood import ChoiceScorer
from mslt_it.evaluation.shared_rows import Request
from mslt_it.integrations.lm_eval_tasks import refuse_code
from mslt_it.models.base_model import base_of
from mslt_it.problems import Problem
from mslt_it.terminal import run
from mslt_it.training.supervised_loss import can_project_supervised_only, changes_logits

try:
    from lm_eval._cli import HarnessCLI
    from lm_eval.api.registry import register_model
    from lm_eval.config.evaluate_config import EvaluatorConfig
    from lm_eval.models.huggingface import HFLM
    from lm_eval.utils import setup_logging
except ImportError as error:
    raise Problem(f"lm-eval is not installed ({error}). Remedy: pip install -e '.[eval]'.") from error

NAME = "mslt"  # --model mslt
# Padded tokens per forward pass with batch_size=auto. On a CPU more of them leave its caches. Of 512 to 4,096, tried on
# one core of an EPYC, 1,536 was the best or within 1 % of it for the embedded model, 4,096 up to 1.35 times as slow.
# On an H200 Gemma 270M took 10 to 21 % less time by 16,384 than by 8,192, Qwen3 8B 2 % more.
AUTO_BATCH_TOKENS = {"cpu": 1536}
AUTO_BATCH_TOKENS_ELSEWHERE = 16_384
MIN_CHOICE_TOKENS = 256  # choices of a short prompt go on in one row up to this length, however short the prompt

# As lm-eval hands it over: ((context, continuation) or None, the context's ids, the continuation's ids).
Pair = tuple[tuple[str, str] | None, list[int], list[int]]

log = logging.getLogger(__name__)


@register_model(NAME)
class SharedPromptLM(HFLM):
    """lm-eval's Hugging Face model with prompts shared by their choices; models of which `why_stock` says why go
    lm-eval's own way.

    ``batch_tokens``: at most so many padded tokens per forward pass of log-likelihoods. By default as many as lm-eval
    would put in its largest batch, ``batch_size`` times the longest row; with ``batch_size=auto`` see the constants.
    """

    def __init__(self, *args: Any, batch_tokens: int | None = None, **kwargs: Any) -> None:
        if batch_tokens is not None and (not isinstance(batch_tokens, int) or batch_tokens < 1):
            raise Problem(f"batch_tokens={batch_tokens!r} in --model_args must be a whole number of tokens from 1 up.")
        super().__init__(*args, **kwargs)
        self.batch_tokens = batch_tokens

    @functools.cached_property
    def why_stock(self) -> str:
        """Why this model's log-likelihoods are left to lm-eval; empty where they are ours. Tried out once."""
        if reason := self._find_why_stock():
            log.warning("log-likelihoods in lm-eval's own loop: %s", reason)
        return reason

    def _find_why_stock(self) -> str:
        if self.backend != "causal":
            return "the model is not a causal one"
        if self.softmax_dtype not in (None, torch.float32):
            return f"softmax_dtype={self.softmax_dtype}; here it is always float32"
        if self.mixed_precision_dtype is not None:
            return "mixed_precision_dtype is set"
        adapters = getattr(self.model, "peft_config", None) or {}
        if any(getattr(config, "is_prompt_learning", False) for config in adapters.values()):
            return "the adapter puts virtual tokens before the prompt"
        if hasattr(self, "accelerator") and str(self.accelerator.distributed_type).endswith("FSDP"):
            return "under FSDP all processes must make the same number of forward passes"
        base = base_of(self.model)
        if not changes_logits(base) and not can_project_supervised_only(base):
            return "the model's logits are not its output head times its last hidden states"
        return ""

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """As lm-eval's, but scores of a broken model are a Problem: counted, they would look like chance."""
        found: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=disable_tqdm)
        refuse_broken([request.args[0] for request in requests], [value for value, _ in found])
        return found

    def _loglikelihood_tokens(
        self, requests: list[Pair], disable_tqdm: bool = False, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        """(log-likelihood in nats, is the continuation what greedy decoding would give) per request, in order."""
        if self.why_stock:
            found: list[tuple[float, bool]] = super()._loglikelihood_tokens(requests, disable_tqdm, override_bs)
            return found
        groups, members = group_by_context(requests, self.max_length)
        answers: list[tuple[float, bool]] = [(float("nan"), False)] * len(requests)
        budget, pad_id = self._budget(groups, override_bs), self.tokenizer.pad_token_id or 0
        scorer = ChoiceScorer(self.model, groups, batch_tokens=budget, pad_id=pad_id)
        with tqdm(total=len(requests), disable=disable_tqdm or self.rank != 0, desc="log-likelihoods") as bar:
            for batch in scorer.batches:
                log_likelihoods, greedy = scorer.score(batch)
                for row, item in enumerate(batch):
                    for index, column in members[item]:
                        answer = (float(log_likelihoods[row, column]), bool(greedy[row, column]))
                        answers[index] = answer
                        if requests[index][0] is not None:  # parts of a rolling score are stored whole, by lm-eval
                            self.cache_hook.add_partial("loglikelihood", requests[index][0], answer)
                    bar.update(len(members[item]))
        return answers

    def _budget(self, groups: Sequence[Request], override_bs: int | None) -> int:
        if self.batch_tokens is not None:
            return self.batch_tokens
        size = self.batch_size if override_bs is None else override_bs
        if size == "auto":
            return AUTO_BATCH_TOKENS.get(torch.device(self.device).type, AUTO_BATCH_TOKENS_ELSEWHERE)
        return int(size) * max((group.num_tokens() for group in groups), default=1)


def refuse_broken(contexts: Sequence[str], log_likelihoods: Sequence[float]) -> None:
    """A Problem for scores that are NaN or infinite, or the same for all choices of every context."""
    by_context: dict[str, list[float]] = {}
    for context, value in zip(contexts, log_likelihoods, strict=True):
        by_context.setdefault(context, []).append(value)
    broken = sum(not np.isfinite(values).all() for values in by_context.values())
    several = [values for values in by_context.values() if len(values) > 1]
    if broken:
        reason = f"{broken} of {len(by_context)} items have a score that is NaN or infinite"
    elif several and all(max(values) == min(values) for values in several):
        reason = "every item has the same score for all its choices"
    else:
        return
    raise Problem(
        f"The results are invalid: {reason}. The model's weights or its adapter are broken, or its precision overflows "
        "(try dtype=float32 in --model_args)."
    )


def group_by_context(requests: Sequence[Pair], max_length: int) -> tuple[list[Request], list[list[tuple[int, int]]]]:
    """Requests with one context become one item; each item's members are (position among the requests, choice).

    A pair that is longer than ``max_length`` + 1 tokens loses the beginning of its context, as in lm-eval. What all
    choices of an item begin with (the line break after "assistant") is moved to its prompt and scored there. Equal
    continuations are one choice. Where the choices outgrow the prompt, attention over them all costs more than the
    prompt once more: they go on in another item.
    """
    by_context: dict[tuple[int, ...], dict[tuple[int, ...], list[int]]] = {}
    num_cut = 0
    for index, (_, context, continuation) in enumerate(requests):
        if not context or not 0 < len(continuation) <= max_length:
            raise Problem(
                f"Request {index} has {len(context)} tokens of context and {len(continuation)} to score; there must be "
                f"at least one of each and at most {max_length} (the model's longest input) to score."
            )
        room = max_length + 1 - len(continuation)
        num_cut += len(context) > room
        prompt = tuple(context[-room:])
        by_context.setdefault(prompt, {}).setdefault(tuple(continuation), []).append(index)
    if num_cut:
        log.warning("%d prompts were cut at the left: longer than %d tokens with their answer", num_cut, max_length)
    groups: list[Request] = []
    members: list[list[tuple[int, int]]] = []
    for prompt, found in by_context.items():
        for choices in _parts(list(found), max(len(prompt), MIN_CHOICE_TOKENS)):
            same = itertools.takewhile(lambda tokens: len(set(tokens)) == 1, zip(*choices, strict=False))
            shared = min(sum(1 for _ in same), min(map(len, choices)) - 1)  # one of each is left
            groups.append(
                Request((*prompt, *choices[0][:shared]), tuple(choice[shared:] for choice in choices), shared)
            )
            members.append([(index, column) for column, choice in enumerate(choices) for index in found[choice]])
    return groups, members


def _parts(choices: list[tuple[int, ...]], most_tokens: int) -> list[list[tuple[int, ...]]]:
    parts: list[list[tuple[int, ...]]] = []
    length = 0
    for choice in choices:
        if not parts or length + len(choice) - 1 > most_tokens:
            parts.append([])
            length = 0
        parts[-1].append(choice)
        length += len(choice) - 1
    return parts


def main(argv: Sequence[str]) -> int:
    """Runs lm-eval's command with our model; 0 = done."""
    before, sys.argv = sys.argv, ["lm_eval", "run", *argv]
    try:
        arguments = HarnessCLI().parse_args()
        if getattr(arguments, "config", None) is None and getattr(arguments, "model", None) is None:
            arguments.model = NAME
        settings = EvaluatorConfig.from_cli(arguments)
        if settings.model != NAME:
            raise Problem(f"--model {settings.model}: this command runs --model {NAME}; others are for `lm_eval`.")
        refuse_code_in(settings.include_path, settings.tasks)
        setup_logging()
        arguments.func(arguments)
    finally:
        sys.argv = before
    return 0


def refuse_code_in(include_path: str | Sequence[str] | None, tasks: str | Sequence[str]) -> None:
    """`refuse_code` of every task file and folder that is named; lm-eval's own tasks have names, not paths."""
    for path in [include_path] if isinstance(include_path, str) else include_path or []:
        refuse_code(path)
    for name in ",".join([tasks] if isinstance(tasks, str) else tasks).split(","):
        for path in glob.glob(name):
            if Path(path).is_dir() or path.endswith((".yaml", ".yml")):
                refuse_code(path)


if __name__ == "__main__":
    sys.exit(run(main))
