"""What a label column's values mean: one normal form in all files, what counts as no label, and integers of benchmarks.

A value is read as text first. Writers spell one value in several ways: a column of integers with one gap becomes
floats ("1.0"), booleans become "True" or "true", editors leave invisible characters. These are one label. Labels that
people spell in several ways ("card", "Card") stay apart, and a note says so. Only a column of a benchmark's own copy
that holds nothing but the benchmark's integers is read by position in ``task.label_names``.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
import statistics
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from mslt_it.config import table_keys
from mslt_it.config.recipe import TaskConfig
from mslt_it.data.cells import only_one
from mslt_it.data.cleaning import strip_zero_width
from mslt_it.data.examples import Examples
from mslt_it.problems import Problem, counted, nearest, told_by_language

# What people write where a label is missing. Each is a label where it is named, or as frequent as one.
MISSING_LABELS = frozenset({"-", "--", "-1", "?", "none", "null", "nan", "n/a", "na", "#n/a", "<na>"})
MISSING, NOT_TEXT, NO_OPTION = "label_missing", "not_text", "no_option"  # reasons why a row is dropped
MIN_MARKER_SHARE = 0.5  # of the rows of the label in the middle by its rows: a "none" with as many is a label too
MIN_INDEX_ROWS = 20  # in fewer rows an integer of the benchmark's may be missing by chance
MAX_FOREIGN = 40  # more different values beside the known labels are another column
MIN_SHARED_IDS, MAX_OTHER_SHARE = 20, 0.5  # of the labels that would differ by chance: annotators differ in a few
MAX_FOUND = 1000  # labels that an error lists for the user to copy

# Soft hyphen, direction marks and overrides, invisible operators: no part of any label.
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200e\u200f\u202a-\u202e\u2061-\u2064\u2066-\u2069]")
_BREAK = re.compile(r"\s*[\t\n\v\f\r\x85\u2028\u2029]\s*")  # in a cell that was wrapped by hand
_WHOLE_FLOAT = re.compile(r"[+-]?[0-9]+\.0")
# In any digits: by twos or threes with one sign between them, a decimal mark that is another sign, a power, a fraction.
_ONE_NUMBER = re.compile(
    r"\d+(?:([.,'’٬])\d{2,3}(?:\1\d{2,3})*|(?:\s\d{3})+)?(?:(?!\1)[.,٫]\d+)?(?:[eE][+-]?\d+)?|(?:\d+\s+)?\d+[/⁄]\d+"
)


# ---------------------------------------------------------------- cells


def not_text(value: Any) -> str:
    """What a cell is that is neither text, number nor boolean ("a list"); "" for one of these and for None."""
    if isinstance(value, (list, tuple, set)):
        return "a list"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (bytes, bytearray)):
        return "binary data"
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity"
    return ""


def as_text(value: Any) -> str:
    """A cell as text, the same for 1, 1.0 and Decimal("1.00"); "" for None. Text stays as it is."""
    if value is None or type(value) is str:  # first, for nearly every cell is text
        return value or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (float, Decimal)) and math.isfinite(value):
        whole = int(value)
        return str(whole) if whole == value and abs(whole) < 2**53 else str(value)
    return str(value).removesuffix(" 00:00:00") if isinstance(value, datetime) else str(value)  # a day, in Parquet


def plain_number(text: str) -> str:
    """ "18.0", as a column of integers with a gap is written, as "18"; any other text unchanged."""
    return text[:-2] if _WHOLE_FLOAT.fullmatch(text) else text


def is_number(text: str) -> bool:
    """Whether a right answer is one number, with a unit or not, or a text with words between its numbers, which works
    one out; false of "12-15", 5:30 and a date."""
    text = unicodedata.normalize("NFKC", text)
    digits = [place for place, char in enumerate(text) if char.isnumeric()]
    inner = text[digits[0] : digits[-1] + 1] if digits else ""
    return bool(_ONE_NUMBER.fullmatch(inner)) or any(char.isalpha() for char in inner)


def label_form(value: Any) -> str:
    """The normal form of a label, see the module; "" for none."""
    return _form(as_text(only_one(value)))


@functools.lru_cache(maxsize=4096)  # a column repeats its labels
def _form(text: str) -> str:
    text = strip_zero_width(_INVISIBLE.sub("", text).strip())
    text = plain_number(_BREAK.sub(" ", unicodedata.normalize("NFC", text)).strip())
    if text in ("-0", "+0"):
        return "0"
    return text.lower() if text.lower() in ("true", "false") else text


# ---------------------------------------------------------------- columns


def read_labels(
    task: TaskConfig, values: Sequence[Any], where: Callable[[int], str], language: str
) -> list[tuple[str, str]]:
    """(label, fault) of each value of one language's column; the label is "" where there is a fault.

    Without ``task.label_names`` every text is a label so far (`found_labels` decides); else a value that is none of
    them and no sign for a missing one is refused, with the lines that would say what it means.
    """
    faults = ["" if type(value) is str else not_text(only_one(value)) for value in values]
    forms = ["" if fault else label_form(value) for value, fault in zip(values, faults, strict=True)]
    meaning = meanings(task, forms)
    spelled = {spelling_key(name) for name in task.label_names}

    def outcome(form: str) -> tuple[str, str] | None:
        if label := meaning.get(form, ""):
            return label, ""
        if not form:
            return "", MISSING
        if not task.label_names:
            return form, ""
        is_missing = is_marker(form) and spelling_key(form) not in spelled  # "None" beside the label "none" is refused
        return ("", f"{MISSING}: {form}") if is_missing else None

    found = {form: one for form in dict.fromkeys(forms) if (one := outcome(form))}
    if foreign := Counter(form for form in forms if form not in found):
        upstream = {str(task.first_label + i) for i in range(len(task.label_names))}
        value = next((form for form in foreign if form not in upstream), next(iter(foreign)))
        start = f"{where(forms.index(value))}: {task.label_field}={value[:80]!r} is outside task.label_names"
        raise _foreign(task, foreign, value, start, f"Language '{language}' has")
    return [
        ("", f"{NOT_TEXT}: {task.label_field} is {fault}") if fault else found[form]
        for form, fault in zip(forms, faults, strict=True)
    ]


def meanings(task: TaskConfig, forms: Sequence[str]) -> dict[str, str]:
    """Normal form -> label: what ``task.labels`` says, the labels themselves, and a benchmark's integers."""
    named = {label_form(name): name for name in task.label_names}
    if len(named) < len(task.label_names):
        raise Problem(f"task.label_names={list(task.label_names)} has two names for one label. Leave one out.")
    said = {label_form(value): name for value, name in task.labels.items()}
    numbers = {str(task.first_label + i): name for i, name in enumerate(task.label_names)}
    own_copy = task.name != "custom" and not {*numbers} & {*said, *named}
    return {**(numbers if own_copy and _is_index(numbers, forms) else {}), **named, **said}


def _is_index(numbers: Mapping[str, str], forms: Sequence[str]) -> bool:
    """Whether a column holds nothing but the benchmark's integers, and all of them where it has enough rows: numbers
    that start elsewhere or are fewer mean something else."""
    found = Counter(form for form in forms if form and form.lower() not in MISSING_LABELS)
    return (
        bool(found)
        and found.keys() <= numbers.keys()
        and (len(found) == len(numbers) or found.total() < MIN_INDEX_ROWS)
    )


def refuse_unfound(task: TaskConfig, held_out: Counter[str]) -> None:
    """A Problem that names, of all languages, the labels that only rows set aside for scoring have; ``task`` has the
    label set that was found in the others."""
    known = meanings(task, [])
    if foreign := Counter({v: n for v, n in held_out.items() if v and v not in known and not is_marker(v)}):
        value = next(iter(foreign))
        start = f"{task.data}: {task.label_field}={value[:80]!r} is not a label of the rows that training may use"
        raise _foreign(task, foreign, value, start, "The sources' rows set aside for scoring have")


def _foreign(task: TaskConfig, foreign: Counter[str], value: str, where: str, who: str) -> Problem:
    """The Problem for values that are no label, such as ``value``, with the arguments that would make them one."""
    numbers = ""
    if task.name != "custom" and re.fullmatch(r"-?[0-9]+", value):
        numbers = f" (integers upstream start at {task.first_label}; a column of others, or of only some, is not)"
    start = f"{where}{numbers}. {nearest(value[:80], task.label_names)}"
    if len(foreign) > MAX_FOREIGN:
        return Problem(
            f"{start} The column holds {len(foreign)} other values: is it the labels' column? task.label=COLUMN names "
            "another, and task.labels.YOURS=OURS says what a value means."
        )
    counts = ", ".join(f"{v[:40]!r} in {counted(n, 'row')}" for v, n in foreign.most_common())
    said = {**task.labels, **guessed(list(foreign), task.label_names, strict=task.name == "custom")}
    new = [v for v in foreign if v not in said]
    lines = [table_keys.mapping_arguments("task.labels", {v: said[v] for v in foreign if v in said})]
    if new:
        lines.append(table_keys.argument("task.label_names", (*task.label_names, *new)))
    what = "mean these labels" if not new else "are labels too" if len(new) == len(foreign) else "are such labels"
    return Problem(f"{start} {who} {counts}. If they {what} (a guess, check it), add: {' '.join(filter(None, lines))}")


# ---------------------------------------------------------------- the label set of a table that names none


def found_labels(task: TaskConfig, labels: Sequence[str]) -> tuple[str, ...]:
    """The label set of a task that names none: every value of the column ``labels``, sorted.

    A sign for a missing label counts as one where it has half as many rows as most others: as the label in the middle,
    since one rare label says nothing. A column of nearly unique values is no label set but free text, and refused.
    """
    counts = Counter(filter(None, labels))
    spelled: Counter[str] = Counter()  # "None" and "none" count together, and so do "card" and "Card"
    for label, n in counts.items():
        spelled[spelling_key(label)] += n
    others = [spelled[spelling_key(label)] for label in counts if not is_marker(label)]
    enough = MIN_MARKER_SHARE * statistics.median_low(others or [0])
    counts = Counter({k: n for k, n in counts.items() if not is_marker(k) or spelled[spelling_key(k)] >= enough})
    if len(counts) < 2:
        raise Problem(
            f"{task.data}: task.label_field={task.label_field} holds {counted(len(counts), 'different label')} "
            f"({', '.join(sorted(counts)) or 'none'}) in the {counted(len(labels), 'row')} of the sources that are "
            "not set aside for scoring; a classification needs at least two. Add labelled rows, or name another "
            "column: task.label=COLUMN."
        )
    names = tuple(sorted(counts, key=_order))
    if len(counts) > max(2, counts.total() // 2):
        shown = ", ".join(repr(label[:40]) for label in names[:3])
        line = ""
        if len(names) <= MAX_FOUND and max(map(len, names)) <= 80:
            line = f" If they are labels after all: {table_keys.argument('task.label_names', names)}"
        raise Problem(
            f"{task.data}: task.label_field={task.label_field} holds {len(counts)} different values in "
            f"{counts.total()} rows ({shown}, ...). That is text, not a label: set task.shape=free_text "
            f"task.metric=chrf, or name another column (task.label=COLUMN).{line}"
        )
    return names


def is_marker(label: str) -> bool:
    """Whether a label is what people write where one is missing."""
    return label.lower() in MISSING_LABELS


def _order(label: str) -> tuple[int, int, str]:
    """Integers by their value, then texts."""
    return (0, int(label), label) if re.fullmatch(r"-?[0-9]{1,18}", label) else (1, 0, label)


# ---------------------------------------------------------------- notes


def label_notes(task: TaskConfig, pools: Sequence[Examples]) -> list[str]:
    """What was found to be no label or no text in the rows of each language and split, and what the label set is."""
    return [*fault_notes(task, pools), *label_set_notes(task, [label for found in pools for label in found.labels])]


def fault_notes(task: TaskConfig, pools: Sequence[Examples]) -> list[str]:
    """How many rows of which languages cannot be used and why, with the key that keeps what is no missing label."""
    totals, taken = Counter[tuple[str, str]](), defaultdict[tuple[str, str, str], Counter[str]](Counter)
    for found in filter(len, pools):
        language, split = found[0].language, found[0].split
        totals[language, split] += len(found)
        for fault in filter(None, found.faults):
            reason, _, detail = fault.partition(": ")
            taken[split, reason, detail][language] += 1
    notes = []
    for (split, reason, detail), counts in sorted(taken.items()):
        why, keep = detail or f"their {task.label_field} is empty", ""
        if detail and reason == MISSING and task.shape == "classification":
            why, keep = f"{task.label_field}={detail!r} was taken for a missing label", f". {keep_line(task, detail)}"
        told = told_by_language({code: (counts[code], totals[code, split]) for code in sorted(counts)})
        notes.append(f"left out{'' if split == 'all' else f' ({split})'}, since {why}: {told}{keep}")
    return notes


def keep_line(task: TaskConfig, marker: str) -> str:
    """How a value that was taken for a missing label is made one."""
    if task.name == "custom":
        return "Where it is a label: " + table_keys.argument("task.label_names", (*task.label_names, marker))
    names = table_keys.mapping_arguments("task.labels", guessed([marker], task.label_names))
    return f"Where it is a label (which one is a guess, check it): {names}"


def ids_note(task: TaskConfig, pools: Sequence[Examples]) -> list[str]:
    """A warning where rows of several languages share ids and their labels agree little more often than by chance: the
    ids may be numbers of each language's own rows, and are taken for translations."""
    first: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    for found in pools if task.choice_names else ():
        known = dict(zip(found.ids, found.labels, strict=True))
        pairs += [(first[item], label) for item, label in known.items() if label and first.get(item)]
        first = known | first
    ours, theirs = (Counter(pair[side] for pair in pairs) for side in (0, 1))
    differing = sum(n for (one, other), n in Counter(pairs).items() if one != other)
    by_chance = len(pairs) - sum(n * theirs[label] for label, n in ours.items()) / max(1, len(pairs))
    if len(pairs) < MIN_SHARED_IDS or differing <= MAX_OTHER_SHARE * by_chance:
        return []
    return [
        f"{differing} of {len(pairs)} rows have another {task.label_field} than the row with the same id in another "
        "language. Rows with equal ids count as translations of one item: they are divided, drawn and compared as one. "
        "If they are not, rename the column to something other than id or idx"
    ]


def label_set_notes(task: TaskConfig, labels: Sequence[str]) -> list[str]:
    """The labels of a user's own table, and which of them look like one label spelled in two ways."""
    names = task.choice_names
    if task.name != "custom" or not names:
        return []
    notes = [f"labels: {', '.join(names)}"]
    if markers := [name for name in names if is_marker(name)]:
        rest = [name for name in names if name not in markers]
        notes.append(
            f"of the labels, {' and '.join(map(repr, markers))} may mean that there is none. To leave such rows out: "
            + table_keys.argument("task.label_names", rest)
        )
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(spelling_key(name), []).append(name)
    groups = [group for group in alike.values() if len(group) > 1]
    groups += [[b, n] for b, n in (("true", "1"), ("false", "0")) if {b, n} <= set(names)]
    counts = Counter(labels)
    for group in groups:
        first, *others = sorted(group, key=lambda name: -counts[name])
        line = table_keys.mapping_arguments("task.labels", dict.fromkeys(others, first))
        notes.append(f"{' and '.join(map(repr, group))} are kept apart as labels. If they are the same: {line}")
    return notes


def spelling_key(label: str) -> str:
    """The same for labels that differ in case, width, invisible characters, separators or punctuation around them."""
    text = "".join(c for c in unicodedata.normalize("NFKC", label) if not _is_unseen(c)).casefold()
    if number := number_key(text):
        return number
    return re.sub(r"[\s_/-]+", " ", text).strip(" .,;:!?\"'()[]") or text


# ---------------------------------------------------------------- guesses
# What another word for a label probably means: filled into the line that an error shows, for the user to check.

# What data sets of the same kind call the labels of ours.
_OTHER_WORDS = {
    "entailment": "e entail entails entailed supports supported support yes true",
    "neutral": "n nei not_enough_info not_enough_information unknown undetermined unrelated neither maybe",
    "contradiction": "c contradict contradicts contradictory refutes refuted refute no false",
    "paraphrase": "yes true same duplicate equivalent is_paraphrase",
    "different": "no false not_paraphrase not_duplicate not_equivalent",
    "first": "a choice1 option1 left one",
    "second": "b choice2 option2 right two",
    "PER": "person people pers",
    "ORG": "organization organisation corporation company group",
    "LOC": "location gpe place geo",
}
_SAME = {"true": "1", "false": "0", "1": "true", "0": "false"}  # what one writer calls 1 is true with another
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:[ ,'][0-9]{3})+(?:\.[0-9]+)?")
_CUTOFF, _STRICT_CUTOFF = 0.6, 0.85  # likeness from which on two words may be one


def guessed(values: Sequence[str], names: Sequence[str], *, strict: bool = False) -> dict[str, str]:
    """Value -> the label it probably means. ``strict``: only where they are nearly spelled alike, for labels of the
    user's own; else every value gets one, if need be the next that is left. Integers are positions from 0 or 1, or
    stand in their order."""
    if all(map(_INTEGER.fullmatch, values)) and not any(map(_INTEGER.fullmatch, names)):
        for first in (0, 1):
            if all(0 <= int(value) - first < len(names) for value in values):
                return {value: names[int(value) - first] for value in values}
        if len(values) == len(names):
            return dict(zip(sorted(values, key=int), names, strict=True))
    found = {value: name for value in values if (name := other_word(value, names, strict))}
    for value in values if names and not strict else ():
        left = [name for name in names if name not in found.values()]
        found.setdefault(value, (left or names)[0])
    return found


def other_word(value: str, names: Sequence[str], strict: bool = False) -> str:
    """The one of ``names`` that a word probably means, or ""."""
    key = spelling_key(value)
    by_key = {spelling_key(name): name for name in names}
    if (same := key if key in by_key else _SAME.get(key, key)) in by_key:
        return by_key[same]
    if not strict:
        for name in names:
            if key in map(spelling_key, _OTHER_WORDS.get(name, "").split()):
                return name
        both = [(k, name) for k, name in by_key.items() if k and key]
        begin = [name for k, name in both if k.startswith(key) or (len(k) > 2 and key.startswith(k))]
        if len(begin) == 1:
            return begin[0]
    if number_key(value):
        return ""  # a number that looks like another is another
    cutoff = _STRICT_CUTOFF if strict else _CUTOFF
    return next((by_key[k] for k in difflib.get_close_matches(key, by_key, n=1, cutoff=cutoff)), "")


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char) == "Cf" or "\ufe00" <= char <= "\ufe0f"  # how an emoji is drawn


def number_key(text: str) -> str:
    """The same for one number written in several ways ("-1", "−1", "-1,0"; "1000", "1e3", "1,000"); "" for others."""
    plain = unicodedata.normalize("NFKC", text).strip().replace("\N{MINUS SIGN}", "-")
    plain = re.sub("[ ,']", "", plain) if _GROUPED.fullmatch(plain) else plain.replace(",", ".")
    return f"{float(plain):.15g}" if _NUMBER.fullmatch(plain) else ""
