"""What `study_statistics.py` measured, as the tables of docs/statistics.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mslt_it.study.analyse import gains


def as_markdown(found: dict[str, Any], compared: Sequence[str]) -> str:
    """The tables of docs/statistics.md, as far as the parts are there; ``compared``: what intervals are of."""
    lines: list[str] = []

    def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        lines.extend(["", title, "", *(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))])

    if "false_findings" in found:
        false = found["false_findings"]
        table(
            f"**False findings**, {false['studies']} studies in which languages and sets differ, and no kinds of sets:",
            ("false sentence", "found, corrected", "taking the sets as given, uncorrected"),
            [
                ("**any of a report**", f"**{false['any']:.1%}**", f"{false['any_as_given']:.1%}"),
                *(
                    (f"`{name}`", f"{one['found']:.1%}", f"{one['as_given']:.1%}")
                    for name, one in false["sentences"].items()
                ),
            ],
        )
    if "shares_null" in found:
        table(
            f"**False findings of a pinch and of shots**, {found['shares_null'][0]['studies']} studies each:",
            ("rows", "seeds", "sets differ", "any of 3 claims", "a k answered", "a k for a target", "interval held"),
            [
                (
                    *(one["what"], str(one["seeds"]), "by their languages" if one["has_luck"] else "not at all"),
                    *(f"{one[key]:.1%}" if is_asked else "" for key, is_asked in _asked(one).items()),
                )
                for one in found["shares_null"]
            ],
        )
    if "coverage" in found:
        rows: dict[tuple[str, int], list[str]] = {}
        for one in found["coverage"]:
            rows.setdefault((one["noise"], one["number"]), []).append(f"{one['coverage']:.1%}")
        table(
            f"**Coverage** of 95 % intervals for these very sets, {found['coverage'][0]['studies']} studies each:",
            ("noise", "seeds (assignments)", *compared),
            [(noise, str(number), *figures) for (noise, number), figures in rows.items()],
        )
    if "orders" in found:
        table(
            f"**Coverage** of 95 % intervals of a rank correlation, {found['orders'][0]['studies']} studies each:",
            ("sets rise along the order by", "true", "found", "interval held", "between percentiles of the draws"),
            [
                (
                    *(f"{100 * one['rise']:.0f} points", f"{one['true']:.2f}", f"{one['found']:.2f}"),
                    *(f"{one[key]:.1%}" for key in ("coverage", "percentiles")),
                )
                for one in found["orders"]
            ],
        )
    if "other_languages" in found:
        table(
            f"**Coverage** of 95 % intervals for other languages, {found['other_languages'][0]['studies']} pools each:",
            ("against", "what sets have of their languages' luck", "held"),
            [
                (gains.AGAINST[one["against"]], "all" if one["share"] else "none", f"{one['coverage']:.1%}")
                for one in found["other_languages"]
            ],
        )
    if "power" in found:
        table(
            "**Power** at the detectable effect:",
            ("sentence", "studies", "detectable, points", "found"),
            [
                (f"`{one['sentence']}`", str(one["studies"]), f"{100 * one['detectable']:.1f}", f"{one['found']:.0%}")
                for one in found["power"]
            ],
        )
    return "\n".join(lines) + "\n"


def _asked(one: dict[str, Any]) -> dict[str, bool]:
    """What is false where it is found: a pinch has no answer, and of these very sets that differ a target's is true."""
    has_answer = one["what"] != "pinch"
    return {"claim": True, "answer": has_answer, "target": has_answer and not one["has_luck"], "held": True}
