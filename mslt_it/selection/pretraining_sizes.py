"""How much text of each language a base model was pretrained on, from ``pretraining_sizes.yaml`` with its sources.

A size belongs to a base model: German is 6 % of what XLM-R read and absent from what BLOOM read. A model whose makers
published no sizes has no table, and none is guessed for it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.config.files import parse_yaml
from mslt_it.selection.criteria import NotComputed
from mslt_it.world.languages import CODES, TEXT_SHARE


@dataclass(frozen=True)
class SizeTable:
    """Sizes of one pretraining corpus."""

    corpus: str
    unit: str
    source: str
    sizes: Mapping[str, float]  # BCP-47 code -> amount in ``unit``
    zero_means: str = ""  # what a size of 0 says

    def of(self, codes: Sequence[str]) -> list[float]:
        """The sizes of these languages; ``NotComputed`` names those that the table lacks."""
        lacking = [code for code in codes if code not in self.sizes]
        if lacking:
            raise NotComputed(
                f"The table of {self.corpus} here has no figure for {', '.join(lacking)}.",
                f"Give the sizes of all candidates yourself: sizes={{{lacking[0]}:12.5,...}} (any one unit).",
            )
        return [self.sizes[code] for code in codes]

    def notes(self, codes: Sequence[str]) -> list[str]:
        """What a reader of the ranking must know."""
        zero = [code for code in codes if self.sizes.get(code) == 0]
        return [f"{', '.join(zero)}: 0 in {self.corpus}. {self.zero_means}"] if zero and self.zero_means else []


def size_table(model: str, given: Mapping[str, float] | None = None) -> SizeTable:
    """The table of the corpus that ``model`` (a name, a folder or "world") was pretrained on; ``given`` goes first."""
    if given:
        return SizeTable("the sizes given", "as given", "option sizes", dict(given))
    if model == "world":
        sizes = {code: TEXT_SHARE.get(code, 1.0) for code in CODES}
        return SizeTable(
            "the embedded world",
            "% of documents",
            "mslt_it.world.languages: Swahili has a seventh of what every other language has",
            {code: 100 * size / sum(sizes.values()) for code, size in sizes.items()},
        )
    name = model.rstrip("/").rpartition("/")[2].lower()
    for entry in _entries():
        if re.match(str(entry["pattern"]), name):
            sizes = {str(code): float(size) for code, size in entry["sizes"].items()}
            corpus, unit, source = (str(entry[key]) for key in ("corpus", "unit", "source"))
            return SizeTable(corpus, unit, source, sizes, str(entry.get("zero_means", "")))
    families = ", ".join(str(entry["models"]) for entry in _entries())
    raise NotComputed(
        f"No pretraining sizes per language are published for '{model}' that this package knows, and none are guessed.",
        f"Known: {families}. Or give them: sizes={{ar:28,de:66.6,...}}.",
    )


@functools.cache
def _entries() -> list[dict[str, Any]]:
    return list(parse_yaml(Path(__file__).with_suffix(".yaml")))
