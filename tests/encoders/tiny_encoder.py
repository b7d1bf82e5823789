"""Two-layer XLM-R and BERT with tokenizers of their kinds, trained on a few sentences of the embedded world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForMaskedLM

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import Recipe
from mslt_it.data.rows import RowStore

KINDS = ("xlmr", "bert")
SIZE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "hidden_dropout_prob": 0.1,
}
SMALL = (
    *("sources=[de,ar]", "targets=[tr,en]", "training.max_steps=4", "training.save_steps=2", "training.batch_size=8"),
    *("data.num_examples_total=24", "scoring.num_examples_per_language=20", "scoring.num_bootstrap=200"),
)


def make_tokenizer(kind: str = "xlmr") -> PreTrainedTokenizerFast:
    store, task = RowStore(), load_recipe("xnli_3src").task
    rows = [e for code in ("de", "ar", "tr", "en") for e in store.load(task, code, "train", role="train").examples[:60]]
    texts = [text for row in rows for text in row.fields.values()]
    if kind == "xlmr":
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        raw, trainer = Tokenizer(models.Unigram()), trainers.UnigramTrainer
        raw.normalizer, raw.pre_tokenizer, raw.decoder = (
            normalizers.NFKC(),
            pre_tokenizers.Metaspace(),
            decoders.Metaspace(),
        )
        ends: list[Any] = ["<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 0), ("</s>", 2)]]
        names, more = ["input_ids", "attention_mask"], {"bos_token": "<s>", "eos_token": "</s>"}
    else:
        special = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]
        raw, trainer = Tokenizer(models.WordPiece(unk_token="[UNK]")), trainers.WordPieceTrainer
        raw.normalizer, raw.pre_tokenizer = (
            normalizers.BertNormalizer(lowercase=False),
            pre_tokenizers.BertPreTokenizer(),
        )
        raw.decoder = decoders.WordPiece()
        ends = ["[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 0), ("[SEP]", 2)]]
        names, more = ["input_ids", "token_type_ids", "attention_mask"], {}
    raw.train_from_iterator(
        texts, trainer(vocab_size=400, special_tokens=special, unk_token=special[3], show_progress=False)
    )
    raw.post_processor = processors.TemplateProcessing(single=ends[0], pair=ends[1], special_tokens=ends[2])
    roles = dict(zip(("cls_token", "pad_token", "sep_token", "unk_token", "mask_token"), special, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=raw, model_input_names=names, **roles, **more)


def make_encoder(folder: Path, kind: str = "xlmr") -> Path:
    """A folder as users have it: a model of masked words, which has no head for labels."""
    tokenizer = make_tokenizer(kind)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    shape = SIZE | {"vocab_size": len(tokenizer), "pad_token_id": 1}
    if kind == "xlmr":
        config: Any = XLMRobertaConfig(**shape, max_position_embeddings=130, type_vocab_size=1)
        XLMRobertaForMaskedLM(config).save_pretrained(folder)
    else:
        BertForMaskedLM(BertConfig(**shape, max_position_embeddings=128)).save_pretrained(folder)
    return folder


def encoder_recipe(base: Path, *overrides: str) -> Recipe:
    return load_recipe("xnli_3src", [f"model.path={base}", "model.kind=encoder", *SMALL, *overrides])


def results(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "results.json").read_text(encoding="utf-8")))


def predictions(run: Path, language: str) -> list[dict[str, Any]]:
    lines = (run / "predictions" / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
