"""Whether a model is a decoder: one that reads from left to right, so that no token has seen the one it is to predict;
or an encoder, in which every token sees all others.

The class says nothing: ``AutoModelForCausalLM`` takes files of BERT and XLM-R and builds a model in which every token
sees all others, its own label too. Such a model trains without complaint and its figures mean nothing. So what a
configuration tells is read before anything is built, and a loaded model is tried out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

from mslt_it.models.kinds import is_text_to_text, kind_of
from mslt_it.problems import Problem

if TYPE_CHECKING:  # two seconds to import, which building rows does without
    from transformers import PreTrainedModel

MAX_TOKENS = 16  # of the trial; half of them are changed
# How far the logits before a changed token may move, as a share of how far those after it move. Of decoders it is 0 in
# all precisions tried; of encoders with random weights 0.001 in float32, of trained ones and of decoders told to look
# both ways 0.1 to 1. Sixteen bits and quantised weights round to about 0.004, and kernels may do so row by row.
MOST_MOVED, MOST_MOVED_ROUNDED = 3e-4, 2e-2
LEAST_MOVED = 1e-5  # the same share, of an encoder, which is always loaded in float32
_NEEDED = "Choose a decoder, such as Qwen/Qwen3-0.6B-Base, which scale=small takes."


def writing_class(path: str, revision: str | None) -> Any:
    """What loads a model that writes: transformers' class for decoders, or the one for text-to-text models. A Problem
    where the configuration says that it is neither; its weights are not looked at."""
    config = AutoConfig.from_pretrained(path, revision=revision, trust_remote_code=False)
    if getattr(config, "is_encoder_decoder", False):
        if type(config) not in AutoModelForSeq2SeqLM._model_mapping:
            raise Problem(
                f"model.path={path}: {config.model_type} has an encoder and a decoder, but does not read and "
                f"write text as google/mt5-base does. {_NEEDED}"
            )
        return AutoModelForSeq2SeqLM
    if type(config) not in AutoModelForCausalLM._model_mapping and kind_of(config) != "encoder":
        raise Problem(f"model.path={path}: {config.model_type} is not a causal language model. {_NEEDED}")
    if kind_of(config) == "encoder":
        raise Problem(
            f"model.path={path}: {config.model_type} is an encoder, which answers with a head made in training. Train "
            "one with mslt train, and score its run: mslt eval run=RUNFOLDER."
        )
    text = config.get_text_config()
    both_ways = getattr(text, "use_bidirectional_attention", None) in (True, "all")
    if both_ways or getattr(text, "is_causal", True) is False:
        raise Problem(f"model.path={path}: {_is_encoder(config.model_type)}")
    return AutoModelForCausalLM


def refuse_not_causal(model: PreTrainedModel, path: str) -> None:
    """A Problem for a model in which later tokens (of a text-to-text model, that its decoder writes) move the logits of
    earlier ones. Costs one small forward pass; where this process holds no weights, there is nothing to try."""
    if any(parameter.is_meta for parameter in model.parameters()):
        return
    ids, num_same = _trial(model)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if is_text_to_text(model):
        inputs |= {"input_ids": ids[[0, 0, 0]], "decoder_input_ids": ids}
    try:
        with torch.no_grad():
            logits = model(**inputs, use_cache=False).logits.float()
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise Problem(
            f"model.path={path}: {type(model).__name__} could not read {ids.shape[1]} plain tokens "
            f"({type(error).__name__}: {first}). {_NEEDED}"
        ) from error
    text, other, again = logits
    moved = (text - other).abs()
    rounding = (text - again).abs().max()  # two equal rows of one batch, whatever the kernels do with rows
    is_exact = model.dtype == torch.float32 and getattr(model, "quantization_method", None) is None
    share = MOST_MOVED if is_exact else MOST_MOVED_ROUNDED
    # Not "<=": logits that are no numbers are told elsewhere, as broken weights.
    if moved[:num_same].max() > share * moved[num_same:].max() + 10 * rounding:
        raise Problem(f"model.path={path}: {_is_encoder(type(model).__name__)}")


def refuse_causal(model: PreTrainedModel, path: str) -> None:
    """A Problem for an encoder in which later tokens do not move the states of earlier ones. Costs one small forward
    pass."""
    if any(parameter.is_meta for parameter in model.parameters()):
        return
    ids, num_same = _trial(model)
    with torch.no_grad():
        text, other, _ = model.base_model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.float()
    moved = (text - other).abs()
    if moved[:num_same].max() <= LEAST_MOVED * moved[num_same:].max():
        raise Problem(
            f"model.path={path}: {type(model).__name__} is causal: its tokens do not see those that come after them, "
            "although its config.json says that it is an encoder. Set what makes it so there (causal, is_decoder) to "
            "false, or choose an encoder such as FacebookAI/xlm-roberta-base."
        )


def _is_encoder(name: str) -> str:
    return (
        f"{name} is not causal: its tokens see those that come after them (an encoder, or attention in both "
        f"directions), so each would be given the word it is to predict. {_NEEDED}"
    )


def _trial(model: PreTrainedModel) -> tuple[Tensor, int]:
    """(three rows of ids: a text, another with the same beginning, the first again; how long that beginning is)."""
    config: Any = model.config.get_text_config()
    positions = [getattr(config, name, None) for name in ("max_position_embeddings", "n_positions")]
    # XLM-R counts two positions that no token has.
    length = min([MAX_TOKENS, *(number - 2 for number in positions if isinstance(number, int) and number > 3)])
    rows = model.get_input_embeddings().weight.shape[0]
    # From the middle: at the ends there are control tokens, some of which stand for pictures.
    text = (rows // 8 + torch.arange(length) * max(1, rows // 40)) % rows
    other = text.clone()
    other[length // 2 :] = (other[length // 2 :] + max(1, rows // 80)) % rows
    return torch.stack([text, other, text]).to(model.device), length // 2
