"""The 20 languages of the embedded world, one module each."""

from __future__ import annotations

import importlib

from mslt_it.problems import Problem, nearest
from mslt_it.world.grammar import Grammar

CODES = ("ar", "bg", "de", "el", "en", "es", "fi", "fr", "he", "hi",
         "id", "ja", "ko", "ru", "sw", "th", "tr", "ur", "vi", "zh")  # fmt: skip
# How often a document of the mini model's pretraining text is in the language, 1 where not given: Swahili is the
# world's low-resource language.
TEXT_SHARE = {"sw": 1 / 7}


def grammar(code: str) -> Grammar:
    """The grammar of a language; an unknown code is a Problem with the nearest known one."""
    if code not in CODES:
        raise Problem(f"The embedded world has no language '{code}'. {nearest(code, CODES)}")
    # "id", "is" and the like are harmless as module names inside a package.
    found: Grammar = importlib.import_module(f"mslt_it.world.languages.{code}").GRAMMAR
    return found
