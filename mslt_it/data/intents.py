"""Intent classification in many languages: sentences that people wrote as templates for a voice assistant, expanded.

The templates are those of the package ``home-assistant-intents``, read at run time with ``hassil``; none is kept
here. They were written to recognise what people say, in any form ("encend(a|e|er|é)", articles of every gender).
``eval/intents/<language>.yaml`` says which of them are used, in which forms, so that sentences come out correct; it has
our words for the rooms, devices and the like that they leave open.

Sampling: of each label, templates take turns; at each choice a hash of language, label, template and count decides, so
rows are the same on every machine. Whole templates are either trained on or scored. A label with fewer than
``MIN_TEMPLATES`` in a language is divided by the sentence patterns that its templates expand to, slots left open.
Intents of two languages are not translations of each other, and no id says that they are.
"""

from __future__ import annotations

import functools
import importlib.metadata
import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mslt_it.config.files import parse_yaml, share_dir
from mslt_it.data.leakage import LeakIndex, normalise
from mslt_it.data.mixing import hash_key, hash_keys
from mslt_it.problems import Problem, nearest
from mslt_it.records import Example, fingerprint

LABELS = {
    "turn_on": ("HassTurnOn",),
    "turn_off": ("HassTurnOff",),
    "weather": ("HassGetWeather",),
    "read_temperature": ("HassClimateGetTemperature",),
    "set_temperature": ("HassClimateSetTemperature",),
    "next_track": ("HassMediaNext",),
    "time": ("HassGetCurrentTime",),
    "vacuum": ("HassVacuumStart", "HassVacuumCleanArea", "HassVacuumReturnToBase"),
    "shopping_list": ("HassShoppingListAddItem",),
    "volume": ("HassSetVolume",),
    "start_timer": ("HassStartTimer",),
    "cancel_timer": ("HassCancelTimer", "HassCancelAllTimers"),
}
ATTRIBUTION = (
    "sentences expanded from home-assistant-intents (the Home Assistant Authors; the package is licensed under "
    "Apache-2.0, its sentence templates, github.com/OHF-Voice/intents, under CC BY 4.0)"
)
NUM_ROWS = {"train": 40, "test": 10}  # of a label, in each language
MIN_TEMPLATES = 4
TEST_SHARE = 0.25  # of a label's templates, or patterns
MAX_TRIES = 300  # ways through a template that are tried for new sentences
MIN_TRIES = 12  # without one sentence, after which it is left out: a word is missing for it

# Their sentences say "open" and "lock" where the intent is to turn something on or off.
_OTHER_DEVICES = {"cover", "valve", "lock", "scene", "script", "button", "input_button"}
_FILE_KEYS = ("upstream", "skip", "replace", "rules", "lists", "reject")
# The numbers that a slot without words takes, by a part of its name.
_NUMBERS = {
    "temperature": (18, 19, 20, 21, 22, 23, 24),
    "hour": (2, 3, 4),
    "minute": (5, 10, 15, 20, 25, 30),
    "second": (10, 20, 30, 40),
    "volume": (10, 20, 30, 40, 50, 60, 70, 80),
}
_DENSE = r"[\u0e00-\u0e7f\u3400-\u9fff]"  # Thai and Chinese letters: no spaces between them


def languages() -> tuple[str, ...]:
    """The languages with templates of all labels and words of ours."""
    return tuple(sorted(path.stem for path in (share_dir("eval") / "intents").glob("*.yaml")))


def examples(language: str, split: str) -> list[Example]:
    """The rows of a language: ``train``, or ``test`` (any split that is scored)."""
    return _rows(language)["train" if split == "train" else "test"]


def provenance(language: str, split: str) -> str:
    """Which packages the rows are from, and what they are."""
    rows = examples(language, split)
    counts = Counter(row.label for row in rows)
    versions = " and ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("home-assistant-intents", "hassil")
    )
    key = fingerprint([(row.id, row.fields["text"], row.label) for row in rows])
    fewest = min(counts, key=lambda label: (counts[label], label))
    return (
        f"{language} ({split}): {len(rows)} sentences of {versions}, {len({r.grouped_by['template'] for r in rows})} "
        f"templates, {min(counts.values())} ({fewest}) to {max(counts.values())} of a label; rows {key}"
    )


# ---------------------------------------------------------------- a language's templates and words


@dataclass(frozen=True)
class Template:
    """A template of the package, and the kinds of devices that its slots name."""

    text: str
    label: str
    devices: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """What the sentences of one language are made of."""

    templates: Mapping[str, Sequence[Template]]  # by label
    rules: Mapping[str, str]
    lists: Mapping[str, Mapping[str, Any]]  # the package's: values, or a range of numbers
    words: Mapping[str, Sequence[Any]]  # ours
    reject: re.Pattern[str] | None  # sentences that no one would say

    def slot(self, name: str, devices: Sequence[str]) -> Sequence[Any]:
        """The texts that a slot may have, none where there are no words for it."""
        for key in (*(f"{name}.{device}" for device in devices[:1]), name):
            if key in self.words:
                return self.words[key]
        found = self.lists.get(name, {})
        if "range" in found:
            low, high = found["range"]["from"], found["range"]["to"]
            numbers = next((n for part, n in _NUMBERS.items() if part in name), _NUMBERS["minute"])
            return [str(n) for n in numbers if low <= n <= high]
        return [value["in"] if isinstance(value, dict) else value for value in found.get("values", ())]


@functools.cache
def source(language: str) -> Source:
    """The templates of a language, with what our file says of it."""
    path = share_dir("eval") / "intents" / f"{language}.yaml"
    if not path.is_file():
        raise Problem(f"task.data=intents has no language '{language}'. {nearest(language, languages())}")
    own = parse_yaml(path) or {}
    for key in own:
        if key not in _FILE_KEYS:
            raise Problem(f"{path} has the unknown key '{key}'. {nearest(str(key), _FILE_KEYS)}")
    upstream = _upstream(own.get("upstream", language))

    def edited(text: str) -> str:
        for old, new in own.get("replace", ()):
            text = text.replace(old, new)
        return text

    skip = _any_of(own.get("skip", ()))
    templates = {
        label: tuple(
            Template(edited(text), label, devices)
            for intent in intents
            for block in upstream["intents"][intent]["data"]
            if (devices := _devices(block)) is not None
            for text in block["sentences"]
            if not (skip and skip.search(text))
        )
        for label, intents in LABELS.items()
    }
    rules = {name: edited(text) for name, text in upstream["expansion_rules"].items()} | own.get("rules", {})
    return Source(templates, rules, upstream["lists"], own.get("lists", {}), _any_of(own.get("reject", ())))


def _any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(patterns)) if patterns else None


def _upstream(name: str) -> dict[str, Any]:
    try:
        import home_assistant_intents
    except ImportError as error:
        raise Problem(
            "task.data=intents needs the packages home-assistant-intents and hassil, which are not installed. "
            "Run: pip install -e '.[real]'"
        ) from error
    found = home_assistant_intents.get_intents(name)
    if found is None:
        raise Problem(f"home-assistant-intents has no language '{name}'. Run: pip install -e '.[real]'")
    return found


def _devices(block: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The kinds of devices that a block of templates is about; None where it is left out."""
    found = block.get("requires_context", {}).get("domain") or block.get("slots", {}).get("domain") or ()
    found = found.get("value", ()) if isinstance(found, dict) else found
    kinds = (found,) if isinstance(found, str) else tuple(found)
    return None if kinds and kinds[0] in _OTHER_DEVICES else kinds


# ---------------------------------------------------------------- from a template to sentences


class _NoWords(Exception):
    """A sentence that needs a slot for which there are no words."""


class _Walk:
    """One way through a template: choices are made by a hash of ``key`` and how many were made before."""

    def __init__(self, source: Source, devices: Sequence[str], key: str) -> None:
        self.source, self.devices = source, devices
        self.choices = hash_keys((key,), map(str, itertools.count(1)))

    def below(self, n: int) -> int:
        return next(self.choices) % n

    def text(self, node: Node) -> tuple[str, str]:
        """(the text of an expression, the same with slots left open)."""
        if isinstance(node, str):
            return node, node
        kind, items = node
        if kind == "rule":
            if items[0] not in self.source.rules:
                raise _NoWords
            return self.text(_parsed(self.source.rules[items[0]]))
        if kind == "slot":
            found = self.source.slot(items[0], self.devices)
            if not found:
                raise _NoWords
            return self.text(_parsed(str(found[self.below(len(found))])))[0], f"{{{items[0]}}}"
        if kind == "optional":
            return self.text(items[self.below(len(items))]) if self.below(2) else ("", "")
        if kind == "one of":
            return self.text(items[self.below(len(items))])
        if kind == "any order":
            left = list(items)
            items = tuple(left.pop(self.below(len(left))) for _ in items)
        parts = [self.text(item) for item in items]
        return "".join(text for text, _ in parts), "".join(pattern for _, pattern in parts)


def _num_ways(node: Node, source: Source, devices: Sequence[str]) -> int:
    """How many sentences an expression gives at most."""
    if isinstance(node, str):
        return 1
    kind, items = node
    if kind == "rule":
        items = (_parsed(source.rules.get(items[0], "")),)
    elif kind == "slot":
        items = tuple(_parsed(str(text)) for text in source.slot(items[0], devices))
    ways = [_num_ways(item, source, devices) for item in items]
    if kind in ("slot", "one of", "optional"):
        return sum(ways) + (kind == "optional")
    return math.prod(ways) * (math.factorial(len(ways)) if kind == "any order" else 1)


Node = str | tuple[str, tuple[Any, ...]]  # a text, or a kind of expression and its parts


@functools.cache
def _parsed(text: str) -> Node:
    from hassil.parse_expression import parse_sentence

    return _node(parse_sentence(text).expression) if text else ""


def _node(found: Any) -> Node:
    """An expression of hassil's as plain tuples, which are quicker to walk."""
    from hassil import expression as kinds

    if isinstance(found, kinds.TextChunk):
        return str(found.original_text)
    if isinstance(found, kinds.RuleReference):
        return "rule", (found.rule_name,)
    if isinstance(found, kinds.ListReference):
        return "slot", (found.list_name,)
    items = tuple(map(_node, found.items))
    if isinstance(found, kinds.Alternative):
        return ("optional", items[:-1]) if found.is_optional else ("one of", items)  # an optional's last one is ""
    return ("any order" if isinstance(found, kinds.Permutation) else "all"), items


def _spaced(text: str) -> str:
    return re.sub(rf"(?<={_DENSE}) +(?={_DENSE})", "", " ".join(text.split()))


# ---------------------------------------------------------------- the rows of a language


@functools.cache
def _rows(language: str) -> dict[str, list[Example]]:
    """Split -> rows. Left out are sentences that two labels share, and training sentences that are scored, too."""
    found = source(language)
    made: dict[str, list[Example]] = {"train": [], "test": []}
    for label, templates in found.templates.items():
        for split, sentences in _of_label(found, language, label, templates).items():
            made[split] += [
                Example(
                    id=f"{language}:{split}:{label}:{number}",
                    language=language,
                    task="intents",
                    split=split,
                    fields={"text": text},
                    label=label,
                    origin=f"home-assistant-intents:{language}",
                    grouped_by={"template": f"{language}:{group}"},
                )
                for number, (text, group) in enumerate(sentences)
            ]
    labels: dict[str, set[str]] = {}
    for row in itertools.chain(*made.values()):
        labels.setdefault(normalise(row.fields["text"]), set()).add(row.label)
    plain = {split: [r for r in rows if len(labels[normalise(r.fields["text"])]) == 1] for split, rows in made.items()}
    scored = LeakIndex(plain["test"])
    return {**plain, "train": [row for row in plain["train"] if scored.find(row) is None]}


def _of_label(
    found: Source, language: str, label: str, templates: Sequence[Template]
) -> dict[str, list[tuple[str, str]]]:
    """Split -> (sentence, group), as many as are wanted or as the templates give."""
    wanted = 2 * NUM_ROWS["train"] // len(templates) + 4  # some come of two templates
    made = {t.text: _made(found, language, t, wanted) for t in templates}
    used = [text for text, sentences in made.items() if sentences]
    units: dict[str, list[str]] = {}  # template or pattern -> its sentences
    seen: set[str] = set()
    for text in used:
        for sentence, pattern in made[text].items():
            if (key := normalise(sentence)) not in seen:
                seen.add(key)
                units.setdefault(text if len(used) >= MIN_TEMPLATES else pattern, []).append(sentence)
    order = sorted(units, key=lambda unit: hash_key(language, unit))
    split_units: dict[str, list[str]] = {"train": [], "test": []}
    num_held_out, total = 0, len(seen)
    for unit in order:  # at most half of a small label's sentences are held out
        is_short = len(split_units["test"]) < TEST_SHARE * len(order) or num_held_out < min(NUM_ROWS["test"], total / 4)
        split = "test" if is_short and num_held_out + len(units[unit]) <= total / 2 else "train"
        split_units[split].append(unit)
        num_held_out += len(units[unit]) * (split == "test")
    return {split: _in_turns(label, own, units)[: NUM_ROWS[split]] for split, own in split_units.items()}


def _made(found: Source, language: str, template: Template, wanted: int) -> dict[str, str]:
    """Up to ``wanted`` sentences of a template, each with its pattern: the same with slots left open."""
    made: dict[str, str] = {}
    node = _parsed(template.text)
    wanted = min(wanted, _num_ways(node, found, template.devices))
    for count in range(MAX_TRIES):
        if len(made) == wanted or (count == MIN_TRIES and not made):
            break
        walk = _Walk(found, template.devices, f"{language}\0{template.text}\0{count}")
        try:
            text, pattern = map(_spaced, walk.text(node))
        except _NoWords:
            continue
        if text and not (found.reject and found.reject.search(text)):
            made.setdefault(text, pattern)
    return made


def _in_turns(label: str, order: Sequence[str], units: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """The first sentence of each unit, the second of each, and so on; each with its group."""
    rounds = itertools.zip_longest(*(units[unit] for unit in order))
    groups = [f"{label}:{hash_key(unit):016x}"[:-8] for unit in order]
    return [(text, group) for texts in rounds for text, group in zip(texts, groups, strict=True) if text]
