"""Language vectors from a base model: the mean of its sentence embeddings (Lim et al. 2024).

The only module of the selection that imports torch, and only when called.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_it.selection.criteria import NotComputed

MAX_SENTENCES = 300  # per language: the mean over more moves little, and a large model takes its time
BATCH = 50  # sentences per forward pass
MAX_TOKENS = 256  # of a sentence


def mean_embeddings(
    texts: Sequence[Sequence[str]], model_path: str, *, allow_download: bool = False
) -> NDArray[np.float64]:
    """[n languages, hidden size]: last hidden states, averaged over a sentence's tokens, then over sentences.

    Without ``allow_download`` only a folder or the local Hub cache is read: ranking sets is a matter of seconds, and
    should not fetch tens of gigabytes unasked.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = "auto" if device.type == "cuda" else "float32"  # half precision is emulated on most CPUs
    local = Path(model_path).is_dir() or not allow_download
    try:
        tokenizer = AutoTokenizer.from_pretrained(model_path, trust_remote_code=False, local_files_only=local)
        model = AutoModel.from_pretrained(
            model_path, trust_remote_code=False, use_safetensors=True, local_files_only=local, dtype=dtype
        )
    except (OSError, ValueError) as error:
        raise NotComputed(
            f"'{model_path}' is no model that can be loaded"
            + (" from a folder or the local Hub cache." if local else f": {str(error).splitlines()[0]}"),
            "Give model=FOLDER, or ask for the download: criteria=[embedding]." if local else "Give model=FOLDER.",
        ) from error
    model = model.to(device).eval()
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    result = []
    with torch.inference_mode():
        for lines in texts:
            chosen = list(lines[:MAX_SENTENCES])
            means = [_batch_mean(model, tokenizer, chosen[i : i + BATCH]) for i in range(0, len(chosen), BATCH)]
            result.append(torch.cat(means).mean(dim=0).double().cpu().numpy())
    return np.array(result)


def _batch_mean(model: Any, tokenizer: Any, lines: list[str]) -> Any:
    """[sentences, hidden size] in float32."""
    encoded = tokenizer(
        lines, return_tensors="pt", padding=True, truncation=True, max_length=MAX_TOKENS, padding_side="right"
    ).to(model.device)
    mask = encoded["attention_mask"].unsqueeze(-1).float()
    hidden = model(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]).last_hidden_state.float()
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
