"""Finished run folders made in a second: a two-layer base, a random adapter on it, results and seal as training leaves
them. Their rows are the embedded world's; the figures mean nothing, but live and merged model must give the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    GemmaConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

from mslt_it.config.compose import load_recipe
from mslt_it.models.base_model import add_adapter, fit_vocabulary, load_base, model_hash, save_adapter, tensors_hash
from mslt_it.models.finished_run import adapter_hash
from mslt_it.models.identity import identity
from mslt_it.models.kinds import with_kind
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.runs import Run

FAMILIES = ("llama", "qwen3", "bloom", "gemma")
LANGUAGES = ("de", "tr", "en")  # one trained, two targets
TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
TEMPLATE += "{% if add_generation_prompt %}<|assistant|>{% endif %}"


def make_tokenizer(chat_template: str | None = None) -> PreTrainedTokenizerFast:
    """A byte-level BPE of 295 ids, trained on two lines."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=295,
        special_tokens=["<pad>", "</s>", "<|user|>", "<|assistant|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(["does it follow that the boats are behind the harbour"] * 2, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="</s>")
    tokenizer.chat_template = chat_template
    return tokenizer


def make_base(
    folder: Path, kind: str = "llama", seed: int = 5, new_tokens: int = 0, template: str | None = None
) -> Path:
    """A base model and its tokenizer as users have them; the tokenizer may have more ids than the base has rows."""
    tokenizer = make_tokenizer(template)
    # Wider than usual: with 0.02 a random model gives everything nearly the same score.
    shape: dict[str, Any] = {"vocab_size": len(tokenizer), "hidden_size": 64, "initializer_range": 0.1}
    shape |= {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": None}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128}
    if kind == "llama":
        config: Any = LlamaConfig(**shape, **layers)
    elif kind == "qwen3":
        config = Qwen3Config(**shape, **layers, head_dim=16, tie_word_embeddings=True)
    elif kind == "gemma":
        config = GemmaConfig(**shape, **layers, head_dim=16)
    else:
        config = BloomConfig(**shape, n_layer=2, n_head=4)
    torch.manual_seed(seed)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    tokenizer.add_tokens([f"<|new{i}|>" for i in range(new_tokens)])
    tokenizer.save_pretrained(folder)
    return folder


def make_run(folder: Path, base: Path, *overrides: str) -> Path:
    """A finished run folder with a random adapter on ``base`` that moves its weights by about a fifth of their size."""
    recipe = load_recipe(
        "xnli_3src",
        [
            f"sources=[{LANGUAGES[0]}]",
            f"targets=[{','.join(LANGUAGES[1:])}]",
            f"model.path={base}",
            "model.dtype=float32",
            "adapter.rank=4",
            "scoring.num_examples_per_language=6",
            f"output_dir={folder}",
            *overrides,
        ],
    )
    recipe = with_kind(recipe)
    run = Run(recipe)
    run.open()
    tokenizer = load_tokenizer(recipe.model)
    model = load_base(recipe.model, recipe.adapter, device="cpu")
    fit_vocabulary(model, tokenizer)
    recorded = identity(model, tokenizer) | {
        "model": recipe.model.path,
        "model_revision": recipe.model.revision,
        "base_sha256": model_hash(model),
        "run_fingerprint": recipe.run_fingerprint(),
    }
    adapted = add_adapter(model, recipe.adapter, 0)
    draw = torch.Generator().manual_seed(1)
    for name, parameter in adapted.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=draw) * 0.05
    save_adapter(adapted, folder / "adapter")
    recorded["adapter_sha256"] = adapter_hash(folder / "adapter")
    run.write_json("results.json", {"status": "ok", "results": [], "provenance": recorded})
    run.finish()
    return folder


def reseal(folder: Path, **provenance: Any) -> None:
    """Seal a run again, as if it had been left so: with other provenance, other files."""
    content = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    content["provenance"] |= provenance
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")
    run = Run(load_recipe("config", config_dir=folder))
    run.folder = folder
    run.finish()


def change_adapter(folder: Path, change: Any) -> None:
    """Apply ``change`` to the adapter's tensors and seal the run with what comes out."""
    file = folder / "adapter" / "adapter_model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)
    reseal(folder, adapter_sha256=tensors_hash(tensors))


def quiet(text: str) -> None:
    """What commands say, not said."""
