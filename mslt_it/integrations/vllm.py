"""Generation by vLLM on GPUs, as `mslt_it.evaluation.generation.TextGenerator` does it. The only importer of vllm.

The engine schedules by itself: a batch is only what is written down at once. Sampled answers have a seed of their own
per item and sample; they are not the same texts as transformers draws.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.evaluation.generation import Advance, Generated, Prompt, Sampling, answer_of, ignored, uniforms
from mslt_it.evaluation.systems import Bench, LoadedBase
from mslt_it.models.tokenizers import model_path
from mslt_it.problems import Problem

MEMORY_SHARE = 0.55  # of the GPU: the base stays loaded beside it for what is answered by log-likelihood
BATCH = 512  # prompts per call: at most so many answers are lost by a kill
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # that the engine has kernels for: values of --max-lora-rank
MAX_SEED = 2**31 - 1


def require_vllm() -> Any:
    """The package; a Problem where it is missing."""
    try:
        import vllm
    except ImportError as error:
        raise Problem(
            f"backend=vllm: the package vllm is not installed ({error}). Remedy: pip install -e '.[vllm]' on a "
            "machine with a GPU, or backend=transformers."
        ) from error
    return vllm


def engine_of(backend: str) -> Callable[[Bench, LoadedBase], VllmEngine] | None:
    """What starts the engine, which loads the base by itself; None for another backend, a Problem without vLLM."""
    if backend != "vllm":
        return None
    require_vllm()  # before anything is loaded
    return _engine


def _engine(bench: Bench, loaded: LoadedBase) -> VllmEngine:
    adapters = [system.adapter for system in bench.systems if system.adapter is not None]
    return VllmEngine(model_path(bench.model), bench.model.revision, loaded.papers["base_dtype"], adapters)


class VllmEngine:
    """One loaded base model (named as transformers would load it) that answers with any of these adapters, or none."""

    def __init__(self, path: str, revision: str | None, dtype: str, adapters: Sequence[Path]) -> None:
        self._numbers = {folder: number for number, folder in enumerate(adapters, start=1)}
        options: dict[str, Any] = {}
        if adapters:
            options = {"enable_lora": True, "max_loras": 1, "max_lora_rank": engine_rank(adapters)}
        self._llm = require_vllm().LLM(
            model=path,
            revision=revision,
            dtype=dtype,
            trust_remote_code=False,
            generation_config="vllm",  # not the model's own sampling settings and penalties
            gpu_memory_utilization=MEMORY_SHARE,
            **options,
        )

    def generator(
        self,
        adapter: Path | None,
        prompts: Sequence[Prompt],
        *,
        end_id: int,
        decode: Callable[[Sequence[int]], str],
        sampling: Sampling,
    ) -> VllmGenerator:
        """What answers the prompts with one adapter, or with the base alone."""
        lora = None
        if adapter is not None:
            from vllm.lora.request import LoRARequest

            lora = LoRARequest(f"adapter{self._numbers[adapter]}", self._numbers[adapter], str(adapter))
        return VllmGenerator(self._llm, lora, prompts, end_id, decode, sampling)


@dataclass(frozen=True)
class VllmGenerator:
    """A `Generator`; see `VllmEngine.generator`."""

    llm: Any
    lora: Any
    prompts: Sequence[Prompt]
    end_id: int
    decode: Callable[[Sequence[int]], str]
    sampling: Sampling

    @property
    def batches(self) -> tuple[tuple[int, ...], ...]:
        """Positions of the prompts of each call, the longest first."""
        order = sorted(range(len(self.prompts)), key=lambda i: (-len(self.prompts[i].ids), i))
        return tuple(tuple(order[start : start + BATCH]) for start in range(0, len(order), BATCH))

    def generate(self, batch: Sequence[int], advance: Advance = ignored) -> list[Generated]:
        """The answers to one of the batches; ``advance`` is called with the number of answers that have come."""
        longest = int(self.llm.llm_engine.model_config.max_model_len)
        limits = {i: min(self.prompts[i].max_new_tokens, longest - len(self.prompts[i].ids)) for i in batch}
        asked = [i for i in batch if limits[i] > 0]
        found = self.llm.generate(
            [{"prompt_token_ids": list(self.prompts[i].ids)} for i in asked],
            [self._parameters(self.prompts[i], limits[i]) for i in asked],
            lora_request=self.lora,
            use_tqdm=False,
        )
        answers = {}
        for i, result in zip(asked, found, strict=True):
            output = result.outputs[0]
            is_finite = math.isfinite(output.cumulative_logprob)
            whole = answer_of(list(output.token_ids), self.end_id, self.decode)
            answers[i] = whole if is_finite else Generated(None, 0, False)
        advance(len(batch))
        return [answers.get(i, Generated("", 0, True)) for i in batch]

    def _parameters(self, prompt: Prompt, limit: int) -> Any:
        s = self.sampling
        own = {} if s.is_greedy else {"seed": int(uniforms(s.seed, prompt.key, 1)[0] * MAX_SEED), "top_p": s.top_p}
        return require_vllm().SamplingParams(
            temperature=s.temperature,
            max_tokens=limit,
            stop_token_ids=[self.end_id],
            ignore_eos=True,  # the end token of the chat template is the one that counts
            detokenize=False,
            logprobs=0,  # of the chosen tokens: not finite where the model is broken
            **own,
        )


def engine_rank(adapters: Sequence[Path]) -> int:
    """The smallest rank the engine has kernels for that holds all adapters; a Problem for adapters it cannot serve."""
    ranks = []
    merged = "Merge it first (mslt merge) and give model=MERGED, or use backend=transformers."
    for folder in adapters:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        if config.get("use_dora"):
            raise Problem(f"backend=vllm: {folder} is a DoRA adapter, which vLLM cannot apply. {merged}")
        if config.get("rank_pattern") or config.get("alpha_pattern"):
            raise Problem(
                f"backend=vllm: {folder} has ranks or scales of their own for some modules, as a combined adapter has, "
                f"which vLLM would silently ignore. {merged}"
            )
        ranks.append(int(config["r"]))
    if max(ranks) > RANKS[-1]:
        raise Problem(f"backend=vllm: an adapter has rank {max(ranks)}, vLLM takes {RANKS[-1]} at most. {merged}")
    return max_lora_rank(max(ranks))


def max_lora_rank(rank: int) -> int:
    """The smallest value of --max-lora-rank that an adapter of this rank fits into."""
    return next(limit for limit in RANKS if limit >= rank)
