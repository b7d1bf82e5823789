"""Log-likelihoods of answer choices of a text-to-text model, whose encoder reads a prompt once for all its choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from mslt_it.data.encoding import IGNORED
from mslt_it.evaluation.shared_rows import How, Request, most_choices
from mslt_it.models.inputs import Padding
from mslt_it.models.text_to_text import decoder_input
from mslt_it.training.supervised_loss import MAX_LOGITS


def score_written(base: Any, rows: Sequence[Request], how: How) -> tuple[np.ndarray, np.ndarray]:
    """Scores and greedy flags (rows, choices) of one batch, as `mslt_it.evaluation.shared_rows.score` gives them."""
    device = base.get_input_embeddings().weight.device
    inputs = {name: t.to(device) for name, t in Padding(how.pad_id).inputs([row.prompt for row in rows]).items()}
    scores = np.full((len(rows), most_choices(rows)), np.nan)
    greedy = np.zeros(scores.shape, dtype=bool)
    asked = [(i, n) for i, row in enumerate(rows) for n in range(len(row.choices))]
    longest = max(len(choice) for row in rows for choice in row.choices)
    size = max(1, MAX_LOGITS // (longest * base.get_output_embeddings().weight.shape[0]))  # choices in one go
    with torch.inference_mode():
        states = base.get_encoder()(**inputs, return_dict=True).last_hidden_state
        for part in (asked[start : start + size] for start in range(0, len(asked), size)):
            at = torch.tensor([i for i, _ in part], device=device)
            labels = torch.full((len(part), longest), IGNORED)
            for place, (i, n) in enumerate(part):
                labels[place, : len(rows[i].choices[n])] = torch.tensor(rows[i].choices[n])
            labels = labels.to(device)
            logits: Tensor = base(
                encoder_outputs=BaseModelOutput(last_hidden_state=states[at]),
                attention_mask=inputs["attention_mask"][at],
                decoder_input_ids=decoder_input(base, labels),
                use_cache=False,
            ).logits.float()
            losses = nn.functional.cross_entropy(
                logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none"
            )
            likeliest = (logits.argmax(-1) == labels) | labels.eq(IGNORED)
            where = tuple(np.array(part).T)
            scores[where] = -losses.view(labels.shape).double().sum(1).cpu().numpy()
            greedy[where] = likeliest.all(1).cpu().numpy()
    return scores, greedy
