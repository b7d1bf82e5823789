"""How far a model is from the live adapter it was made of: on prompts of every trained and target language.

At each position that predicts a token of the right answer (the first few of it) both models give logits over the
vocabulary. Compared are the logits themselves, the distributions, the likeliest token, and the label chosen. Of an
encoder the positions are the places that its head speaks of, and the labels are its vocabulary.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mslt_it.config.recipe import Recipe
from mslt_it.data.build import build_scored_set
from mslt_it.data.encoding import Encoder
from mslt_it.data.rows import RowStore
from mslt_it.data.segments import encoder_of
from mslt_it.evaluation.heads import ENGINES
from mslt_it.evaluation.likelihood import choice_log_likelihoods
from mslt_it.evaluation.questions import choice_requests, questions_of
from mslt_it.evaluation.shared_rows import Request
from mslt_it.models.base_model import base_of
from mslt_it.models.kinds import is_text_to_text
from mslt_it.problems import Problem
from mslt_it.progress import working
from mslt_it.records import EncodedExample, PromptedExample

MAX_POSITIONS = 4  # of an answer: with long ones the logits of all positions would not fit into memory


Rows = Sequence[tuple[Sequence[int], Sequence[int]]]  # token ids, and those of the answer's beginning


@dataclass(frozen=True)
class Prompts:
    """One language's prompts: what a model (one that writes, an encoder, or an adapter on one) makes of them."""

    number: int
    ask: Callable[[Any], Outputs]


@dataclass(frozen=True)
class Outputs:
    """What a model made of one language's prompts."""

    num_prompts: int
    logits: Sequence[Tensor]  # float32 (positions, vocabulary), on the CPU; in parts, whose vocabularies may differ
    scores: np.ndarray  # log-likelihoods (items, choices); (0, 0) where answers are text


@dataclass(frozen=True)
class Comparison:
    """Figures of one language, or of all together (language "all"); 0, 0, 0, 1, 1 are equal models.

    ``relative_error``: the Frobenius norm of the difference of the logits over the norm of the live ones, the mean over
    the vocabulary taken away at each position (the softmax does not see it). ``kl_mean``, ``kl_max``: nats per
    position, KL(live || other). ``argmax_agreement``: share of positions with the same likeliest token.
    ``label_agreement``: share of items with the same chosen label, None where answers are text.
    """

    language: str
    num_prompts: int
    relative_error: float
    kl_mean: float
    kl_max: float
    argmax_agreement: float
    label_agreement: float | None


def prompts_of(recipe: Recipe, tokenizer: Any, per_language: int) -> dict[str, Prompts]:
    """Language -> the first ``per_language`` scored rows (0 = as many as the recipe scores), sources first."""
    if per_language:
        scoring = dataclasses.replace(recipe.scoring, num_examples_per_language=per_language)
        recipe = dataclasses.replace(recipe, scoring=scoring)
    encoder, rows = encoder_of(recipe, tokenizer), RowStore()
    return {code: _prompts(recipe, build_scored_set(recipe, code, rows=rows), encoder) for code in recipe.languages}


def _prompts(recipe: Recipe, items: Sequence[PromptedExample], encoder: Encoder) -> Prompts:
    if encoder.head:
        return Prompts(len(items), functools.partial(_of_head, recipe, items, encoder))
    rows = []
    for encoded in encoder.encode_all(items):
        if isinstance(encoded, EncodedExample):  # too long a row has no answer to look at
            given, said = encoder.apart(encoded)
            rows.append((given, said[:MAX_POSITIONS]))
    requests = choice_requests([item for item in items if item.choices], encoder)
    sizes = {"batch_tokens": recipe.scoring.batch_tokens, "pad_id": encoder.pad_id}
    return Prompts(len(rows), functools.partial(of_answers, rows, requests, **sizes))


@working("Asking the model")
def outputs(model: Any, prompts: Mapping[str, Prompts]) -> dict[str, Outputs]:
    """What a model gives for the prompts of each language."""
    model.eval()
    return {code: of_language.ask(model) for code, of_language in prompts.items()}


def of_answers(rows: Rows, requests: Sequence[Request], model: Any, *, batch_tokens: int, pad_id: int) -> Outputs:
    """Of a model that writes; ``requests``: of the choices, none where answers are text."""
    scores = np.zeros((0, 0))
    if requests:
        scores = choice_log_likelihoods(model, requests, batch_tokens=batch_tokens, pad_id=pad_id)
    for row, request in zip(scores, requests, strict=True):  # fewer choices than others: the least likely again
        row[len(request.choices) :] = row[: len(request.choices)].min()
    return Outputs(max(len(rows), len(requests)), _answer_logits(model, rows).split(16), scores)


def _of_head(recipe: Recipe, items: Sequence[PromptedExample], encoder: Encoder, model: Any) -> Outputs:
    questions = questions_of(recipe, items, encoder)
    asked = ENGINES[encoder.head](model, questions, encoder, batch_tokens=recipe.scoring.batch_tokens)
    made = {i: rows for batch in asked.batches for i, rows in zip(batch, asked.outputs(batch), strict=True)}
    logits = [row for i in range(len(questions)) for row in made[i]]
    return Outputs(len(items), logits, np.zeros((0, 0)) if items[0].is_written else torch.cat(logits).numpy())


def _answer_logits(model: Any, rows: Rows) -> Tensor:
    """float32 (positions, vocabulary); one row at a time, so that no padding or batch has a part in it."""
    base = base_of(model)
    device = base.get_input_embeddings().weight.device
    keeps = "logits_to_keep" in inspect.signature(base.forward).parameters
    found = []
    with torch.inference_mode():
        for given, said in rows:
            more: dict[str, Any] = {"logits_to_keep": len(said)} if keeps else {}
            ids = torch.tensor([(*given, *said[:-1])], device=device)
            if is_text_to_text(base):
                ids = torch.tensor([given], device=device)
                more = {
                    "decoder_input_ids": base.prepare_decoder_input_ids_from_labels(torch.tensor([said], device=device))
                }
            logits = base(input_ids=ids, use_cache=False, **more).logits
            found.append(logits[0, -len(said) :].float().cpu())
    return torch.cat(found) if found else torch.zeros(0, 1)


def compare(live: Mapping[str, Outputs], other: Mapping[str, Outputs]) -> tuple[Comparison, list[Comparison]]:
    """(all languages together, each language); a Problem where a value of either is not finite."""
    sums = {}
    for code, expected in live.items():
        for which, found in (("live adapter", expected), ("merged model", other[code])):
            finite = all(bool(torch.isfinite(part).all()) for part in found.logits)
            if not finite or not bool(np.isfinite(found.scores).all()):
                raise Problem(f"The {which} gives values that are not finite on prompts in '{code}'. Train it again.")
        sums[code] = _sums(expected, other[code])
    together = {key: sum(one[key] for one in sums.values()) for key in next(iter(sums.values()))}
    together["kl_max"] = max(one["kl_max"] for one in sums.values())
    if not together["num_positions"]:
        raise Problem("No prompt fits into data.max_length_tokens, so nothing could be compared. Raise it.")
    seen = {code: one for code, one in sums.items() if one["num_positions"]}
    if flat := [code for code, one in seen.items() if not one["squared_norm"]]:
        raise Problem(f"The live adapter gives every token the same score on prompts in '{flat[0]}'. Train it again.")
    return _figures("all", together), [_figures(code, one) for code, one in seen.items()]


def _sums(live: Outputs, other: Outputs) -> dict[str, float]:
    """What the figures are quotients of."""
    squared_error = squared_norm = kl_sum = kl_max = 0.0
    same_token = 0
    for expected, found in zip(live.logits, other.logits, strict=True):  # float64, a part at a time
        p, q = expected.double(), found.double()
        p, q = p - p.mean(dim=-1, keepdim=True), q - q.mean(dim=-1, keepdim=True)
        squared_error += float(((p - q) ** 2).sum())
        squared_norm += float((p**2).sum())
        log_p, log_q = p.log_softmax(-1), q.log_softmax(-1)
        # Rounding can leave a sum that is 0 a hair below it.
        kl = (log_p.exp() * (log_p - log_q)).sum(-1).clamp(min=0)
        kl_sum, kl_max = kl_sum + float(kl.sum()), max(kl_max, float(kl.max()) if len(kl) else 0.0)
        same_token += int((p.argmax(-1) == q.argmax(-1)).sum())
    same_label = int((live.scores.argmax(axis=1) == other.scores.argmax(axis=1)).sum()) if live.scores.size else 0
    return {
        "num_prompts": live.num_prompts,
        "num_positions": sum(map(len, live.logits)),
        "squared_error": squared_error,
        "squared_norm": squared_norm,
        "kl_sum": kl_sum,
        "kl_max": kl_max,
        "same_token": same_token,
        "num_items": len(live.scores),
        "same_label": same_label,
    }


def _figures(language: str, sums: Mapping[str, float]) -> Comparison:
    return Comparison(
        language=language,
        num_prompts=int(sums["num_prompts"]),
        relative_error=math.sqrt(sums["squared_error"] / sums["squared_norm"]),
        kl_mean=sums["kl_sum"] / sums["num_positions"],
        kl_max=sums["kl_max"],
        argmax_agreement=sums["same_token"] / sums["num_positions"],
        label_agreement=sums["same_label"] / sums["num_items"] if sums["num_items"] else None,
    )
