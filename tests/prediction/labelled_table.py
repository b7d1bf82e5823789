"""A user's own table with labels in three of six languages: en and de whole, tr in part, el, sw and ja not at all."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mslt_it.cli import main

WORDS: Mapping[str, tuple[str, str]] = {
    "en": ("The {} bus is late|The {} fruit is old|The {} woman is here", "big cheap clean light"),
    "de": ("Der {} Bus ist da|Die {} Frucht ist alt|Die {} Frau ist da", "große billige saubere leichte"),
    "tr": ("{} otobüs evde|{} meyve okulda|{} kadın burada", "büyük ucuz temiz hafif"),
    "el": ("Το {} λεωφορείο ήρθε|Το {} φρούτο ήρθε|Η {} γυναίκα ήρθε", "μεγάλο φτηνό καθαρό ελαφρύ"),
    "sw": ("Basi {} liko nyumbani|Tunda {} liko shuleni|Mwanamke {} yuko hapa", "kubwa ghali safi jepesi"),
    "ja": ("{}バスが来た|{}果物は古い|{}女性がいる", "大きい 安い きれいな 軽い"),
}
LABELS = ("bus", "food", "person")
NUM_ROWS, NUM_TURKISH = 90, 30  # per language; labelled of those in Turkish


def table() -> list[tuple[str, str, str]]:
    rng = random.Random(3)
    rows = []
    for code, (sentences, words) in WORDS.items():
        for number, kind in enumerate(rng.choices(range(3), (50, 30, 20), k=NUM_ROWS)):
            has_label = code in ("en", "de") or (code == "tr" and number < NUM_TURKISH)
            text = sentences.split("|")[kind].format(rng.choice(words.split()))
            rows.append((code, f"{text} {number}", LABELS[kind] if has_label else ""))
    rng.shuffle(rows)
    return rows


@dataclass(frozen=True)
class Trained:
    folder: Path  # with tickets.csv and run/
    shown: str

    @property
    def run(self) -> Path:
        return self.folder / "run"


def call(*arguments: str) -> tuple[int, str]:
    """(exit code, everything printed)."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        code = main(list(arguments))
    return code, shown.getvalue()


TRAINING = [
    "train", "recipe=custom", "task.data=tickets.csv", "task.input=text", "task.label=intent", "sources=[en,de]",
    "task.instruction=What is it about?", "data.num_examples_total=96", "training.max_steps=80",
    "training.learning_rate=8e-3",
    "scoring.num_examples_per_language=0", "scoring.batch_tokens=320", "scoring.num_bootstrap=200", "output_dir=run",
]  # fmt: skip
