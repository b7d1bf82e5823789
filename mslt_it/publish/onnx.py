"""A merged encoder as one ONNX graph, for onnxruntime and whatever else runs such files.

torch's own exporter makes it (optimum's does not take transformers 5), rows and tokens of any number; in float32. What
was written is read back, and counts only where it answers as the model does.
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mslt_it.config.recipe import ModelConfig
from mslt_it.data.segments import layout
from mslt_it.models.heads import MODELS
from mslt_it.models.inputs import Padding
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.problems import Problem

FILE = "model.onnx"
MOST_APART = 1e-4  # of two logits; in float32 kernels round differently by about 1e-6
MOST_IN_ONE_FILE = 2**31 - 2**24  # bytes of weights; a protobuf holds 2 GiB, larger ones lie beside it
_LENGTHS = ((2, 7, 5), (3,), (16, 9, 12, 4))  # of the rows of each batch that is tried


def convert(folder: Path, out: Path, head: str) -> dict[str, Any]:
    """Writes the model in ``folder`` to the file ``out``; what export.json says of it.

    Raises:
        Problem: the graph does not answer as the model does.
    """
    import onnxruntime

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of packages that are not needed
    tokenizer = load_tokenizer(ModelConfig(path=str(folder), kind="encoder"))
    model = MODELS[head].from_pretrained(folder, dtype=torch.float32, use_safetensors=True).eval()
    model.config.return_dict = False
    batches = [_batch(model, tokenizer, head, lengths) for lengths in _LENGTHS]
    outputs = ["start_logits", "end_logits"] if head == "span" else ["logits"]
    any_number = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    with torch.no_grad():
        torch.onnx.export(
            model,
            kwargs=batches[0],
            f=str(out),
            input_names=list(batches[0]),
            output_names=outputs,
            dynamic_shapes=dict.fromkeys(batches[0], any_number),
            dynamo=True,
            external_data=size > MOST_IN_ONE_FILE,
            verbose=False,
        )
        expected = [model(**batch) for batch in batches]
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    apart = 0.0
    for batch, right in zip(batches, expected, strict=True):
        found = session.run(outputs, {name: ids.numpy() for name, ids in batch.items()})
        apart = max(apart, *(float(np.abs(one - two.numpy()).max()) for one, two in zip(found, right, strict=True)))
    if not apart <= MOST_APART:
        raise Problem(
            f"The ONNX graph does not answer as the model does: two logits are {apart:.2g} apart, {MOST_APART:g} is "
            "allowed. Nothing was written. Use format=[safetensors]."
        )
    return {"file": out.name, "inputs": list(batches[0]), "outputs": outputs, "largest_difference": apart}


def _batch(model: Any, tokenizer: Any, head: str, lengths: tuple[int, ...]) -> dict[str, Tensor]:
    """Rows of so many words from the middle of the vocabulary, a separator among them, filled up to the longest."""
    size = model.get_input_embeddings().weight.shape[0]
    rows = [[(size // 3 + 7 * number) % size for number in range(length)] for length in lengths]
    for row in rows:
        row[len(row) // 2] = tokenizer.sep_token_id
    one_row_each = dataclasses.replace(layout(head, tokenizer), start_id=None)
    return Padding(tokenizer.pad_token_id, one_row_each).inputs(rows)
