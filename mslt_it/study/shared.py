"""What the cells that one process runs share: the tokenizer, texts already tokenised, the base, and its scores.

A run takes them through `mslt_it.train.Parts`, so a cell does what `mslt train` does, to the bit.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.zero_shot import Asked, Outputs
from mslt_it.models.base_model import model_hash
from mslt_it.records import Recipe, fingerprint
from mslt_it.store import locked, write_atomically
from mslt_it.study.manifest import StudyFolder
from mslt_it.train import Parts


class RememberingEncoder(Encoder):
    """Tokenises each text once: the rows of a language are the same in every set that it is in."""

    def __init__(self, tokenizer: Any, max_length_tokens: int) -> None:
        super().__init__(tokenizer, max_length_tokens)
        self._known: dict[str, array[int]] = {}  # 4 bytes a token: 400,000 prompts of 100 tokens are 160 MB

    def user_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of users' texts, those not met before in one call of the tokenizer."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for text, ids in zip(new, super().user_ids(new), strict=True):
            self._known[text] = array("i", ids)
        return [self._known[text].tolist() for text in texts]


class SharedParts(Parts):
    """Keeps what a run leaves for the next one in this process; the base's scores are kept in ``folder``/base."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self._tokenizer: tuple[object, Any] | None = None
        self._encoder: tuple[object, RememberingEncoder] | None = None
        self._base: tuple[object, Any, str | None] | None = None
        self._lent: tuple[object, str | None] | None = None
        self._scored_as = ""
        self._base_hash = ""

    def tokenizer(self, recipe: Recipe) -> Any:
        if self._tokenizer is None or self._tokenizer[0] != recipe.model:
            self._tokenizer = recipe.model, super().tokenizer(recipe)
        return self._tokenizer[1]

    def encoder(self, recipe: Recipe, tokenizer: Any) -> Encoder:
        key = recipe.model, recipe.data.max_length_tokens
        if self._encoder is None or self._encoder[0] != key:
            self._encoder = key, RememberingEncoder(tokenizer, recipe.data.max_length_tokens)
        return self._encoder[1]

    def base(self, recipe: Recipe, tokenizer: Any) -> tuple[Any, str | None]:
        key = recipe.model, recipe.adapter.quantization
        if self._base is not None and self._base[0] == key:
            _, base, note = self._base
        else:
            self._base = None  # before another is loaded: two may not fit
            base, note = super().base(recipe, tokenizer)
            self._base_hash = model_hash(base)
        # Lent until it is given back: a run that fails may leave an adapter or a patched forward behind.
        self._base, self._lent = None, (key, note)
        scoring, task = recipe.scoring, recipe.task
        self._scored_as = fingerprint(
            [key, self._base_hash, scoring.batch_tokens, scoring.max_chain_tokens, task.max_answer_tokens]
        )
        return base, note

    def give_back(self, model: Any) -> None:
        if self._lent is None:
            return
        (key, note), self._lent = self._lent, None
        base = model.unload()
        if hasattr(base, "disable_input_require_grads") and hasattr(base, "_require_grads_hook"):
            base.disable_input_require_grads()  # else each run with gradient checkpointing would add a hook
        base.requires_grad_(False)
        base.eval()
        if not any("lora_" in name for name, _ in base.named_parameters()) and not hasattr(base, "peft_config"):
            self._base = key, base, note

    def base_scores(self, asked: Asked, compute: Callable[[], Outputs]) -> Outputs:
        """From the study's folder where they are; else computed, by one process, and kept there."""
        path = self.folder / "base" / f"{asked.language}-{_fingerprint(self._scored_as, asked)}.json"
        if path.is_file():
            return _read(path)
        with locked(StudyFolder(self.folder).lock(f"base-{path.stem}")):
            if path.is_file():  # another process has had the lock
                return _read(path)
            outputs = compute()
            path.parent.mkdir(parents=True, exist_ok=True)
            content = {"language": asked.language, "ids": [item.id for item in asked.items], **_plain(outputs)}
            write_atomically(path, json.dumps(content, ensure_ascii=False) + "\n")
        return outputs


def _fingerprint(scored_as: str, asked: Asked) -> str:
    digest = hashlib.sha256(scored_as.encode())
    for item, prompt in zip(asked.items, asked.prompts, strict=True):
        digest.update(repr((item.id, item.choices, item.is_written, item.chain_language, tuple(prompt))).encode())
    return digest.hexdigest()[:16]


def _plain(outputs: Outputs) -> dict[str, Any]:
    if isinstance(outputs, np.ndarray):
        # repr of a float reads back as the same float; what is not finite has no JSON and is written as text.
        return {"log_likelihoods": [[v if np.isfinite(v) else str(v) for v in row] for row in outputs.tolist()]}
    return {"texts": list(outputs)}


def _read(path: Path) -> Outputs:
    content = json.loads(path.read_text(encoding="utf-8"))
    if "texts" in content:
        return tuple(content["texts"])
    return np.array([[float(v) for v in row] for row in content["log_likelihoods"]], dtype=np.float64)
