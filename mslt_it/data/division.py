"""Dividing the rows of one file between training and scoring, where a language's only file must serve both.

A row belongs to a unit, and a unit is held out for scoring as a whole, when its hash lies below
``task.held_out_share``. Never the row's position in its file decides: a file that lacks a row would shift all others.

``id``     An id column, or the benchmark's own parallel order (task.is_parallel): the id is the unit, so that an item
           is on the same side in every language, whatever rows the others lack.
``group``  Rows that share task.group_fields, or their first field where most rows do (XNLI asks three hypotheses on a
           premise), are one unit. Where items are known across languages, their ids are grouped once for all
           languages: an id has one unit everywhere.
``text``   Neither ids nor groups: the texts of the row are the unit. The same text is then on one side, in any
           language; a translation may be on the other, since nothing says which rows are translations.

Where no ids say which rows are translations, a language that is not trained on has nothing to set aside but what other
languages repeat: rows whose text, or group, is in another language's rows too are divided like these, whichever
languages are trained on, so that runs on other sources are scored on the same rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mslt_it.config.recipe import TaskConfig
from mslt_it.data.examples import Examples
from mslt_it.data.files import Row
from mslt_it.data.leakage import fold
from mslt_it.data.mixing import hash_key
from mslt_it.data.shapes import id_columns, id_text, item_id
from mslt_it.problems import NotScorable, Problem, told_by_language

MAX_GROUP = 10  # rows that share a premise; a text in more of them is a phrase, not a premise
MIN_GROUPED_SHARE = 0.5  # of the rows, from which on their first field is what groups them
MAX_TORN_SHARE = 0.1  # of the groups; where more are torn, equal ids are not translations of each other


@dataclass(frozen=True)
class Loaded:
    """The examples of one language and what the reader should know about how they were found."""

    examples: Examples
    notes: tuple[str, ...] = ()
    divided: bool = False  # the same file serves training and scoring
    num_set_aside: int = 0  # rows of the file that are for the other role


@dataclass(frozen=True)
class Table:
    """What dividing needs of one language's rows, in their order."""

    ids: tuple[str, ...]  # without split and language; positions where there is no id column
    groups: tuple[str, ...]  # the texts that rows of one group share
    texts: tuple[str, ...]  # all texts of a row
    has_ids: bool
    is_grouped: bool  # group_fields are given, or most rows share their first field with a few others


def table(task: TaskConfig, rows: Sequence[Row]) -> Table:
    """The rows of one language as far as dividing needs them."""
    columns = id_columns(task, rows)
    ids = tuple(item_id(row, columns) if columns else str(i) for i, row in enumerate(rows))
    fields = ("tokens",) if task.shape == "tagging" else task.input_fields
    texts = tuple("\0".join(fold(str(row.values.get(name))) for name in fields) for row in rows)
    if task.group_fields:
        keys = (task.group_key({n: id_text(row.values.get(n)) for n in task.group_fields}) for row in rows)
        # A row whose cell is empty is in no group.
        return Table(ids, tuple(key or text for key, text in zip(keys, texts, strict=True)), texts, bool(columns), True)
    groups = tuple(fold(str(row.values.get(fields[0]))) for row in rows)
    num_shared = sum(n for n in Counter(groups).values() if 1 < n <= MAX_GROUP)
    is_grouped = len(fields) > 1 and num_shared >= max(1, MIN_GROUPED_SHARE * len(rows))
    return Table(ids, groups, texts, bool(columns), is_grouped)


@dataclass(frozen=True)
class Units:
    """What the ids of all languages of a data set are divided by."""

    is_grouped: bool  # whether rows are kept together at all
    of_ids: Mapping[str, str] | None  # id -> unit; None where the languages' groups contradict each other


def units_of_ids(tables: Sequence[Table], *, is_parallel: bool = False) -> Units:
    """The units of ids that stand for one item in all languages, reference language first: it says whether there are
    groups.

    Each id joins the unit of the first of its group that has one, language by language, and never changes it; a unit
    is named after one of its ids, chosen by hash, so a row that one language lacks changes nothing. Where many
    groups are torn by that, equal ids are not translations of each other.
    """
    if not tables or not tables[0].is_grouped:
        return Units(False, None)
    unit_of: dict[str, int] = {}
    num_units = num_groups = num_torn = 0
    for found in tables:
        members: dict[str, list[str]] = {}
        for item, group in zip(found.ids, found.groups, strict=True):
            members.setdefault(group, []).append(item)
        for items in members.values():
            known = Counter(unit_of[i] for i in items if i in unit_of)
            num_groups += known.total() > 1
            num_torn += len(known) > 1
            unit = known.most_common(1)[0][0] if known else num_units
            num_units += not known
            for item in items:
                unit_of.setdefault(item, unit)
    # PAWS-X has one English sentence in several translations: its groups are torn, its ids are right all the same.
    if num_torn > MAX_TORN_SHARE * num_groups and not is_parallel:
        return Units(True, None)
    first: dict[int, str] = {}
    for item in sorted(unit_of, key=lambda i: hash_key("held out", "name", i)):  # not the hash that decides the side
        first.setdefault(unit_of[item], item)
    return Units(True, {item: first[unit] for item, unit in unit_of.items()})


def divide(
    task: TaskConfig,
    examples: Examples,
    rows: Table,
    units: Units | None,
    role: str,
    origin: str,
    notes: tuple[str, ...] = (),
    others: Sequence[Table] | None = None,
) -> Loaded:
    """The examples of ``role`` ("train" or "score"), and a note on how they were divided.

    Args:
        units: of all languages, where the task or an id column says that ids are items.
        others: the rows of all other languages, where this one is not trained on and no ids say what is translated.
    """
    if task.held_out_share == 1 and role == "score":
        return Loaded(examples, (*notes, f"{origin}: all {len(examples)} rows are scored"))
    if task.held_out_share == 1:
        raise Problem(f"{origin} must serve training and scoring, so task.held_out_share must be below 1, not 1.")
    language, num = examples[0].language, len(examples)
    named, how = _named(task, rows, units)
    is_in = [(hash_key("held out", unit) < task.held_out_share * 2**64) == (role == "score") for unit in named]
    if others is not None:
        met = {text for found in others for text in found.texts}
        groups = {group for found in others if found.is_grouped or rows.is_grouped for group in found.groups}
        own = zip(is_in, rows.texts, rows.groups, strict=True)
        is_in = [held_out or (text not in met and group not in groups) for held_out, text, group in own]
    kept = examples.at([number for number, is_kept in enumerate(is_in) if is_kept])
    if not kept:
        text = (
            f"{origin}: no row of '{language}' is left for role '{role}', {task.held_out_share:.0%} of {num} "
            "being set aside for scoring. Use a larger file or another task.held_out_share."
        )
        raise NotScorable(text, f"none of its {num} rows is held out") if role == "score" else Problem(text)
    if others is None:
        note = f"{origin} serves training and scoring: divided by hash {how}"
    else:
        note = f"{origin}: '{language}' is not trained on, {len(kept)} of {num} rows are scored"
        note += "" if len(kept) == num else "; another language repeats the others"
    return Loaded(kept, (*notes, note), divided=True, num_set_aside=num - len(kept))


def _named(task: TaskConfig, rows: Table, units: Units | None) -> tuple[Sequence[str], str]:
    """(each row's unit, by what they are divided)."""
    grouped_by = " and ".join(task.group_fields or task.input_fields[:1])
    ids = "ids" if rows.has_ids else "numbers, which are the same in all languages"
    if units is not None and units.of_ids is not None:
        return [units.of_ids.get(i, i) for i in rows.ids], f"of their {ids}, rows with one {grouped_by} together"
    if units.is_grouped if units is not None else rows.is_grouped:
        return rows.groups, f"of their {grouped_by}"
    if rows.has_ids or task.is_parallel:
        return rows.ids, f"of their {ids}"
    return rows.texts, "of their texts"


def set_aside(task: TaskConfig, scored: Mapping[str, Loaded]) -> list[str]:
    """A note on the rows that are not scored since they are for training, if there are any."""
    counts = {code: (found.num_set_aside, len(found.examples) + found.num_set_aside) for code, found in scored.items()}
    if not any(aside for aside, _ in counts.values()):
        return []
    why = f"set aside because training may use them (task.held_out_share={task.held_out_share:g})"
    return [f"{task.data}: not scored, {why}: {told_by_language(counts)}"]
