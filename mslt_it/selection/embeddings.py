"""Language vectors from a base model: the mean of its sentence embeddings (Lim et al. 2024), and whose sentences are
nearest to a target's.

The only module of the selection that imports torch, and only when called.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_it.progress import working
from mslt_it.selection.criteria import NotComputed
from mslt_it.selection.typology import unit

MAX_SENTENCES = 300  # per language: the mean over more moves little, and a large model takes its time
MAX_NEIGHBOURS = 100  # sentences of a language that vote or are voted for
MIN_NEIGHBOURS = 25  # the fewest with which the paper's rankings were still good (92.8 % of the NDCG with all)
BATCH = 50  # sentences per forward pass
MAX_TOKENS = 256  # of a sentence


def mean_embeddings(
    texts: Sequence[Sequence[str]], model_path: str, *, allow_download: bool = False
) -> NDArray[np.float64]:
    """[n languages, hidden size]: last hidden states, averaged over a sentence's tokens, then over sentences."""
    states = _sentence_states(texts, model_path, MAX_SENTENCES, allow_download)
    return np.array([found.mean(dim=0).double().numpy() for found in states])


def neighbour_votes(
    sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]], model_path: str, *, allow_download: bool = False
) -> NDArray[np.float64]:
    """[targets, sources]: how many of a target's sentences have their nearest neighbour among a source's, as shares.

    NN-Rank (Ebrahimi et al. 2025, arXiv 2510.03202) ranks sources by what lies nearest to unlabelled text of the target
    in the hidden states of a middle layer. Theirs are states of tokens for tagging tasks; here they are means over a
    sentence, since a row's label is of its whole text, compared by cosine. Every source has as many sentences as the
    shortest text, else more text would mean more votes.
    """
    number = min(MAX_NEIGHBOURS, *map(len, sources))
    every = [*(lines[:number] for lines in sources), *(lines[:MAX_NEIGHBOURS] for lines in targets)]
    states = _sentence_states(every, model_path, MAX_NEIGHBOURS, allow_download, middle=True)
    return votes([one.numpy() for one in states[: len(sources)]], [one.numpy() for one in states[len(sources) :]])


def votes(sources: Sequence[NDArray[Any]], targets: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """[targets, sources]: shares of nearest neighbours by cosine; states are [sentences, hidden size] per language."""
    places = np.repeat(np.arange(len(sources)), [len(one) for one in sources])
    pooled = unit(np.concatenate(sources))
    nearest = [places[np.argmax(unit(one) @ pooled.T, axis=1)] for one in targets]
    return np.array([np.bincount(one, minlength=len(sources)) / len(one) for one in nearest])


@working("Reading sentences with the model")
def _sentence_states(
    texts: Sequence[Sequence[str]], model_path: str, most: int, allow_download: bool, *, middle: bool = False
) -> list[Any]:
    """[sentences, hidden size] of each language: states of the last or the middle layer, averaged over tokens.

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
            f"'{model_path}' is not a model that can be loaded"
            + (" from a folder or the local Hub cache." if local else f": {str(error).splitlines()[0]}"),
            "Give model=FOLDER, or ask for the download: criteria=[embedding]." if local else "Give model=FOLDER.",
        ) from error
    model = model.to(device).eval()
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    result = []
    with torch.inference_mode():
        for lines in texts:
            chosen = list(lines[:most])
            means = [_batch_mean(model, tokenizer, chosen[i : i + BATCH], middle) for i in range(0, len(chosen), BATCH)]
            result.append(torch.cat(means).cpu())
    return result


def _batch_mean(model: Any, tokenizer: Any, lines: list[str], middle: bool) -> Any:
    """[sentences, hidden size] in float32."""
    encoded = tokenizer(
        lines, return_tensors="pt", padding=True, truncation=True, max_length=MAX_TOKENS, padding_side="right"
    ).to(model.device)
    mask = encoded["attention_mask"].unsqueeze(-1).float()
    given = {name: encoded[name] for name in ("input_ids", "attention_mask")}
    said = model(**given, output_hidden_states=middle)
    hidden = (said.hidden_states[len(said.hidden_states) // 2] if middle else said.last_hidden_state).float()
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
