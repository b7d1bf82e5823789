"""Writing systems: the usual script of a language (CLDR) and the script its text is really written in (Unicode)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

# Scripts that share their characters count as one: a text in Han characters does not say which form it is in.
_FOLD = {"Hans": "Hani", "Hant": "Hani"}
_KANA_SHARE = 0.05  # Japanese text holds kana everywhere, Chinese text a stray one at most


def likely_script(code: str) -> str:
    """ISO 15924 code of the script a language is usually written in, by CLDR: ar -> Arab, zh -> Hani, ja -> Jpan."""
    import langcodes

    script = langcodes.Language.get(code).maximize().script or "Zyyy"
    return _FOLD.get(script, script)


def script_of_text(sentences: Iterable[str]) -> str | None:
    """The script of most letters, None without letters. Kana among Han characters is Jpan, Hangul is Kore."""
    from fontTools.unicodedata import script

    counts: Counter[str] = Counter()
    for sentence in sentences:
        counts.update(name for name in map(script, sentence) if name not in ("Zyyy", "Zinh", "Zzzz"))
    total = sum(counts.values())
    if not total:
        return None
    kana = counts["Hira"] + counts["Kana"]
    east_asian = kana + counts["Hani"] + counts["Hang"]
    if east_asian > total / 2:
        if kana > _KANA_SHARE * total:
            return "Jpan"
        return "Kore" if counts["Hang"] > counts["Hani"] else "Hani"
    return counts.most_common(1)[0][0]


def script_name(script: str) -> str:
    """English name of a script code: "Arab" -> "Arabic"."""
    import langcodes

    return str(langcodes.Language.make(script=script).script_name("en"))
