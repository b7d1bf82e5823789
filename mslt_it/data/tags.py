"""What the tags of a tagged sentence mean: BIO texts, a benchmark's integers, and what ``task.labels`` says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mslt_it import table_keys
from mslt_it.data.guesses import other_word
from mslt_it.data.labels import label_form, not_text
from mslt_it.problems import Problem, nearest
from mslt_it.records import TaskConfig

OUTSIDE = table_keys.OUTSIDE
_BEGINS = {"B": "B", "I": "I", "S": "B", "U": "B", "E": "I", "L": "I", "M": "I"}  # of BIOES and BILOU


class TagReader:
    """The tags of one language's sentences, as names of ``task.label_names`` in BIO."""

    def __init__(self, task: TaskConfig, sentences: Sequence[Any]) -> None:
        self.task = task
        self.known = [OUTSIDE, *(f"{part}-{kind}" for kind in task.label_names for part in "BI")]
        self.said = {label_form(value): name for value, name in task.labels.items()}
        forms = {label_form(tag) for tags in sentences if isinstance(tags, (list, tuple)) for tag in tags}
        # O, B-first, I-first, B-second, ... as WikiANN counts on the Hub: only where nothing else is in the column.
        numbers = {str(number): name for number, name in enumerate(self.known)}
        is_index = task.name != "custom" and not set(self.said) & set(numbers) and forms <= numbers.keys()
        self.numbers = numbers if is_index else {}
        self.foreign = sorted(form for form in forms if not self._name(form))

    def read(self, tags: Sequence[Any], where: Callable[[], str]) -> list[str] | None:
        """The tags by our names; None where one is missing. An unknown tag is a Problem with the lines to add."""
        names = []
        for tag in tags:
            form = "" if not_text(tag) else label_form(tag)
            if not form:
                return None
            if not (name := self._name(form)):
                raise self._unknown(form, where())
            names.append(name)
        return names

    def _name(self, form: str) -> str:
        if form in self.numbers:
            return self.numbers[form]
        if form in self.said:
            return self.said[form]
        part, dash, kind = form.partition("-")
        if dash and part in ("B", "I") and kind in self.said:
            meant = self.said[kind]
            return meant if meant == OUTSIDE else f"{part}-{meant.removeprefix('B-').removeprefix('I-')}"
        return form if form in self.known else ""

    def _unknown(self, form: str, where: str) -> Problem:
        lines = table_keys.mapping_arguments("task.labels", self._guesses())
        kinds = {form.partition("-")[2] for form in self.foreign if form[:2] in ("B-", "I-") and form[2:]}
        new = sorted(kinds - set(self.task.label_names))
        more = f" To ask for them: {table_keys.list_argument('task.label_names', (*self.task.label_names, *new))}."
        return Problem(
            f"{where}: the tag {form!r} is not one of task.label_names. {nearest(form, self.known)}{more * bool(new)} "
            f"If the file's tags mean these (a guess, check it; {OUTSIDE} for kinds not asked for), add: {lines}"
        )

    def _guesses(self) -> dict[str, str]:
        """Kind or whole tag -> what it probably means."""
        numbers = [form for form in self.foreign if form.isdecimal()]
        said = {form: self.known[int(form)] if int(form) < len(self.known) else OUTSIDE for form in numbers}
        for form in self.foreign:
            part, dash, kind = form.partition("-")
            if form in said or not form:
                continue
            meant = other_word(kind or form, self.task.label_names)
            if dash and part in ("B", "I"):
                said[kind] = meant or OUTSIDE
            elif dash and part.upper() in _BEGINS:
                said[form] = f"{_BEGINS[part.upper()]}-{meant}" if meant else OUTSIDE
            else:
                said[form] = OUTSIDE if form.upper() == OUTSIDE or not meant else f"I-{meant}"
        return said
