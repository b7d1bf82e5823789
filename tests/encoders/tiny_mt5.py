"""A two-layer mT5, with a tokenizer that ends a text as T5's does."""

from __future__ import annotations

from pathlib import Path

import torch
from tiny_encoder import SMALL, make_tokenizer
from tokenizers import processors
from transformers import MT5Config, MT5ForConditionalGeneration, PreTrainedTokenizerFast

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import Recipe


def make_mt5(folder: Path) -> Path:
    raw = make_tokenizer("xlmr").backend_tokenizer
    raw.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", model_max_length=512
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    size = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "dropout_rate": 0.1}
    ids = {"pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1, "vocab_size": len(tokenizer)}
    model = MT5ForConditionalGeneration(MT5Config(**size, **ids))
    # As the published ones have it, whatever their configuration says: the output is another matrix than the embedding.
    model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight) * 0.2)
    model.save_pretrained(folder)
    return folder


def mt5_recipe(base: Path, *overrides: str) -> Recipe:
    return load_recipe("xnli_3src", [f"model.path={base}", "model.kind=text_to_text", *SMALL, *overrides])
