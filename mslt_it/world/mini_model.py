"""The embedded base model: a stock Llama of about 1.5 M parameters, and where its shipped weights lie."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mslt_it.problems import Problem

WEIGHTS = Path(__file__).parent / "weights"
MANIFEST = "MANIFEST.json"

HIDDEN_SIZE = 128
NUM_LAYERS = 4
NUM_HEADS = 4
INTERMEDIATE_SIZE = 384
MAX_POSITIONS = 512


def weights_dir() -> Path:
    """The folder of the shipped model and tokenizer; a missing or altered file is a Problem."""
    manifest = WEIGHTS / MANIFEST
    if not manifest.is_file():
        raise Problem(
            f"The embedded model's weights are missing ({manifest}). Remedy: install the package again, or rebuild "
            "them with `mslt world pretrain`."
        )
    for name, expected in json.loads(manifest.read_text(encoding="utf-8"))["sha256"].items():
        found = file_sha256(WEIGHTS / name) if (WEIGHTS / name).is_file() else "no such file"
        if found != expected:
            raise Problem(
                f"The embedded model's file {WEIGHTS / name} is damaged: sha256 {found}, expected {expected}. "
                "Remedy: install the package again, or rebuild it with `mslt world pretrain`."
            )
    return WEIGHTS


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def new_model(vocab_size: int, begin_id: int, end_id: int, pad_id: int, seed: int):  # type: ignore[no-untyped-def]
    """A randomly initialised mini model; the same seed gives the same weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=HIDDEN_SIZE,
        intermediate_size=INTERMEDIATE_SIZE,
        num_hidden_layers=NUM_LAYERS,
        num_attention_heads=NUM_HEADS,
        num_key_value_heads=NUM_HEADS,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        bos_token_id=begin_id,
        eos_token_id=end_id,
        pad_token_id=pad_id,
        initializer_range=0.02,
    )
    return LlamaForCausalLM(config)
