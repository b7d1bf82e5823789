"""What happens to rows on their way into the training set or the scored one: dropped or repaired, how many and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mslt_it.data.cleaning import fitting_code
from mslt_it.data.labels import MISSING, keep_line
from mslt_it.problems import Problem
from mslt_it.records import Example, Recipe

TRANSLATION_DROPPED = "translation_dropped"  # parallel items only: fine in this language, dropped in another
MAX_PLACES = 3  # rows that the report names for each reason


@dataclass
class Tally:
    """What happened to the rows of one language."""

    dropped: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)  # reason -> the first rows it hit
    markers: Counter[str] = field(default_factory=Counter)  # what was taken for a missing label
    fitting: Counter[str] = field(default_factory=Counter)  # code that rows in a wrong script would fit -> rows

    def drop(self, reason: str, example: Example) -> None:
        self.dropped[reason] += 1
        if reason == MISSING and (marker := example.fault.partition(": ")[2]):
            self.markers[marker] += 1
        if reason == "wrong_script":
            self.fitting[fitting_code(" ".join(example.fields.values()), example.language)] += 1
        self._note(reason, example)

    def repair(self, kinds: Sequence[str], example: Example) -> None:
        for kind in kinds:
            self.repaired[kind] += 1
            self._note(kind, example)

    def notes(self, language: str) -> list[str]:
        """What happened to how many rows, and where the first of them are."""
        counts = [("dropped", self.dropped), ("repaired", self.repaired)]
        return [
            f"{language}: {n} rows {verb} ({reason}): {'; '.join(self.places[reason])}"
            f"{f' and {n - MAX_PLACES} more' if n > MAX_PLACES else ''}"
            for verb, counter in counts
            for reason, n in sorted(counter.items())
        ] + ([f"{language}: {self.other_script(language)}"] if self.fitting else [])

    def other_script(self, language: str) -> str:
        """Which code fits the rows in another script, and how to ask for them; "" where there are none."""
        if not self.fitting:
            return ""
        counts = ", ".join(f"{n} would fit {code}" for code, n in self.fitting.most_common())
        code = self.fitting.most_common(1)[0][0]
        return (
            f"of the rows in another script {counts}; to ask for these write {code} in place of {language}, with "
            f"task.configs.{code}={language} where the data say {language}"
        )

    def _note(self, reason: str, example: Example) -> None:
        places = self.places.setdefault(reason, [])
        if len(places) < MAX_PLACES:
            detail = example.fault.partition(": ")[2]
            places.append((example.origin or example.id) + (f" ({detail})" if detail else ""))

    def num_own(self) -> int:
        return self.dropped.total() - self.dropped[TRANSLATION_DROPPED]

    def __str__(self) -> str:
        return ", ".join(f"{n} {reason} (first: {self.places[reason][0]})" for reason, n in self.dropped.most_common())


def refuse_drops(recipe: Recipe, language: str, tally: Tally, num_kept: int) -> None:
    """A Problem when a language lost a larger share of the rows that were looked at than the recipe allows."""
    lost, max_share = tally.num_own(), recipe.data.max_dropped_share
    if lost and lost > max_share * (lost + num_kept):
        markers = "".join(
            f" {marker!r} ({n} rows) was taken for a missing label. {keep_line(recipe.task, marker)}."
            for marker, n in tally.markers.most_common()
            if recipe.task.shape == "classification"
        )
        raise Problem(
            f"Language '{language}' lost {lost} of {lost + num_kept} rows ({lost / (lost + num_kept):.1%}), more than "
            f"data.max_dropped_share={max_share}: {tally}.{markers} Repair the data, raise data.max_length_tokens if "
            f"rows are too long, or raise data.max_dropped_share."
            + (f" {found[0].upper()}{found[1:]}." if (found := tally.other_script(language)) else "")
        )
