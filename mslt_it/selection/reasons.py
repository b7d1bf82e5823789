"""Why a set is diverse, in words, from single features: scripts, families, word order, and a few traits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mslt_it.languages import script_name
from mslt_it.selection import typology

ORDERS = ("SVO", "SOV", "VSO", "VOS", "OVS", "OSV")

# URIEL feature -> what it is called here.
TRAITS = {
    "P_TONE": "tone",
    "S_NUMCLASS_MARK": "numeral classifiers",
    "S_GENDER_MARK": "grammatical gender",
    "S_CASE_SUFFIX": "case suffixes",
    "S_ADPOSITION_AFTER_NOUN": "postpositions",
    "S_ADJECTIVE_AFTER_NOUN": "adjectives after the noun",
}


@dataclass(frozen=True)
class Facts:
    """What is told about one language; None = lang2vec has no data."""

    script: str
    family: str | None
    word_order: str | None  # "VSO", or "SVO or VSO" where the databases have both
    traits: Mapping[str, bool | None]


def read_facts(codes: Sequence[str], uriel: Sequence[str], scripts: Sequence[str]) -> dict[str, Facts]:
    """Facts of languages from lang2vec's data (averages over its databases, nothing imputed)."""
    known = typology.known_features(uriel)
    families = typology.family_names(uriel)
    result = {}
    for row, code in enumerate(codes):
        orders = [order for order in ORDERS if known[f"S_{order}"][row] >= 0.5]
        traits = {
            name: None if known[feature][row] < 0 else bool(known[feature][row] >= 0.5)
            for feature, name in TRAITS.items()
        }
        result[code] = Facts(scripts[row], families[row], " or ".join(orders) or None, traits)
    return result


def describe(codes: Sequence[str], facts: Mapping[str, Facts]) -> str:
    """One sentence on what a set has in common and where it differs."""
    parts = [
        _grouped("script", "scripts", [script_name(facts[c].script) for c in codes], codes),
        _grouped("family", "families", [facts[c].family or f"none in lang2vec ({c})" for c in codes], codes),
        "word order " + ", ".join(f"{facts[c].word_order or 'unknown'} ({c})" for c in codes),
    ]
    for name in TRAITS.values():
        having = [c for c in codes if facts[c].traits[name]]
        unknown = [c for c in codes if facts[c].traits[name] is None]
        if having and len(having) + len(unknown) < len(codes):
            asides = f" ({', '.join(unknown)} unknown)" if unknown else ""
            parts.append(f"{name} {'only ' if len(having) == 1 else ''}in {', '.join(having)}{asides}")
    return "; ".join(parts)


def _grouped(one: str, many: str, values: Sequence[str], codes: Sequence[str]) -> str:
    groups: dict[str, list[str]] = {}
    for value, code in zip(values, codes, strict=True):
        groups.setdefault(value, []).append(code)
    inside = ", ".join(f"{value}: {' '.join(members)}" for value, members in groups.items())
    return f"{len(groups)} {one if len(groups) == 1 else many} ({inside})"
