"""The report on a data build, as people read it."""

from __future__ import annotations

from mslt_it.records import BuildReport

MAX_COUNTED = 20  # labels whose training rows are counted in the printed report


def format_report(report: BuildReport) -> str:
    """The report as plain text."""
    lines = [
        f"{report.num_examples_total} training rows from {len(report.languages)} languages "
        f"(data fingerprint {report.fingerprint})",
        "",
        f"{'language':<10} {'kept':>6} {'dropped':>8} {'prompt tokens':>14} {'supervised tokens':>18}",
    ]
    for language in report.languages:
        dropped = sum(language.dropped.values())
        lines.append(
            f"{language.language:<10} {language.num_kept:>6} {dropped:>8} {language.num_prompt_tokens:>14} "
            f"{language.num_supervised_tokens:>18}"
        )
        lines += [f"{'':<10} {n:>15} {reason}" for reason, n in sorted(language.dropped.items())]
    lines += _class_counts(report)
    lines += ["", f"Leaks: none; {report.num_leaks_checked} scored rows compared with the training rows."]
    lines += [f"Note: {note}" for note in report.notes]
    lines += ["", "One row per language; what is between >>> and <<< is supervised:"]
    for language in report.languages:
        lines += ["", f"[{language.language}]", language.audit]
    return "\n".join(lines)


def _class_counts(report: BuildReport) -> list[str]:
    """How often each label occurs in each language's training rows; the most frequent ones where there are many."""
    totals = report.label_counts
    names = sorted(totals, key=lambda name: -totals[name])[:MAX_COUNTED]
    if not names:
        return []
    width = max(len(name) for name in (*names, "label"))
    codes = "".join(f"{one.language:>8}" for one in report.languages)
    lines = ["", f"{'label':<{width}}{codes}{'all':>8}"]
    for name in names:
        counts = "".join(f"{one.label_counts[name]:>8}" for one in report.languages)
        lines.append(f"{name:<{width}}{counts}{totals[name]:>8}")
    more = len(totals) - len(names)
    return [*lines, *([f"and {more} labels that are less frequent (build_report.json)"] if more else [])]
