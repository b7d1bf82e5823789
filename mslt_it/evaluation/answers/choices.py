"""Words about options that are numbered or lettered ("Option 2", "the second one", "B is ruled out"), by language.

Entries are regular expressions as in `words`, beside whose tables they are read; a language without a row has the
English one alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from mslt_it.evaluation.answers.tables import table

# Words for the options that a label may follow: "Option 2", "Satz 2".
OPTIONS: Mapping[str, str] = table("options")
# What points at a digit, where the sentence pauses behind it or goes on with `CHOSEN`: "I choose 2.", "La 2."
POINTERS: Mapping[str, str] = table("pointers")
# What says of a digit before it that it is the answer: "2 is more likely". "2 is not", "2 is less likely" do not.
CHOSEN: Mapping[str, str] = table("chosen")
# "The first option" to "the fourth", as written before or behind a word for options.
ORDINALS: Mapping[str, tuple[str, str, str, str]] = table("ordinals")
# One to four, behind a word for options: "option two".
CARDINALS: Mapping[str, str] = table("cardinals")
# Here the ordinal stands behind its noun alone; before it, it is a number ("kedua pilihan" are both options).
ORDINAL_BEHIND = frozenset({"ar", "he", "id", "sw", "th", "vi"})
# The words for options beside which an ordinal names one: narrower than OPTIONS ("the first sentence of the text").
ONE_OF: Mapping[str, str] = table("one_of")
# What rejects an option soon behind it in its clause, and before it: "2 does not fit", "I rule out A and B". The row of
# `words.NEGATION` counts before it besides.
REJECTED: Mapping[str, tuple[str, str]] = table("rejected")
# "than", before the option that another one is better than; where it stands behind, `words.NEGATION` has it.
THAN: Mapping[str, str] = table("than")
# "it is", which points at a letter.
IT_IS: Mapping[str, str] = table("it_is")
# What says that an option remains, before it ("only D is left") and behind it.
REMAINS: Mapping[str, tuple[str, str]] = table("remains")
# "except", before and behind the one option that is not ruled out.
EXCEPT: Mapping[str, tuple[str, str]] = table("except")
