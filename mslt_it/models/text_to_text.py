"""Models that read with an encoder and write with a decoder: T5, mT5 and their relatives."""

from __future__ import annotations

from typing import Any

from torch import Tensor

TASK_TYPE = "SEQ_2_SEQ_LM"  # as peft names them


def is_text_to_text(base: Any) -> bool:
    """Whether a loaded model, without peft around it, is such a one."""
    return bool(getattr(base.config, "is_encoder_decoder", False))


def decoder_input(base: Any, labels: Tensor) -> Tensor:
    """What the decoder reads to say ``labels`` [rows, tokens]: its start token, and all of them but the last."""
    return base.prepare_decoder_input_ids_from_labels(labels=labels)  # type: ignore[no-any-return]
