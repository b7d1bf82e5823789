"""Words around numbers, by language: signs, scales' halves, circumstances, what was given, what is left open.

Entries are regular expressions as in `words`.
"""

from __future__ import annotations

from collections.abc import Mapping

from mslt_it.evaluation.answers.tables import table

# A minus written as a word directly before a number. What begins alike and is none is excluded ("at least 7").
MINUS: Mapping[str, str] = table("minus")

# What makes a number negative besides: words before it and behind it, of which those that are given must both be there.
BELOW_ZERO: Mapping[str, tuple[str, str]] = table("below_zero")
# What denies a number before it ("not 13 but 12") and behind it ("13ではなく12").
NOT: Mapping[str, tuple[str, str]] = table("not")
# The two numbers of an answer left open: "between 10 and 12" (what stands before, between and behind them).
BETWEEN: Mapping[str, tuple[str, str, str]] = table("between")
# "or" between two numbers.
OR: Mapping[str, str] = table("or")
# What makes a number one that was given, before and behind it: "after 7 days he has read all 35 pages".
ALL_OF: Mapping[str, tuple[str, str]] = table("all_of")
# Prepositions that make a number a circumstance ("in 7 days he earns 126"), not the answer itself.
PREPOSITIONS: Mapping[str, str] = table("prepositions")
# "of" between a part and its whole ("7 of the 35"): here, and nowhere else, it makes the whole a circumstance.
PART_OF: Mapping[str, str] = table("part_of")
# The same in languages that put it behind the number, with up to a word between.
POSTPOSITIONS: Mapping[str, str] = table("postpositions")
# What makes the number behind it one of a unit: "3 boxes holding 12 eggs each".
EACH_OF: Mapping[str, str] = table("each_of")
# What stands between a calculation in words and its result: "240 minus 165 seats, that is 75".
THAT_IS: Mapping[str, str] = table("that_is")
# Half of what was counted, up to a word for the unit between: "2 buçuk milyon" is 2.5 million, "2時間半" 2.5 hours.
AND_A_HALF: Mapping[str, str] = table("and_a_half")
# A part more or less than the number behind it.
PART_BEFORE: Mapping[str, Mapping[str, str]] = table("part_before")
# What makes two numbers a range where the first is the smaller: "20 bis 30 Euro".
TO: Mapping[str, str] = table("to")
# What makes it a change instead: "from 20 to 30" gives 30.
FROM: Mapping[str, str] = table("from")
# What a number counts that is no amount: the step of an explanation. Before the number and behind it.
STEPS: Mapping[str, tuple[str, str]] = table("steps")
# What opens another question, behind the answer: models run on.
QUESTIONS: Mapping[str, str] = table("questions")
# What opens a check of the answer that stands before it.
CHECKS: Mapping[str, str] = table("checks")
# What opens a clause about another: "12 more than Anna, who has only 5".
BESIDES: Mapping[str, str] = table("besides")
# What says that there is no answer.
REFUSALS: Mapping[str, str] = table("refusals")
# What takes a refusal back, or makes it a doubt: "I cannot say for sure, but 12", "12, though I cannot be sure".
BUT: Mapping[str, str] = table("but")
# A text that ends with one of these was cut off there.
LEFT_HANGING: Mapping[str, str] = table("left_hanging")
# What the next happening begins with: a last sentence that has it behind its number and no end was cut off, too.
THEN: Mapping[str, str] = table("then")
# What makes a clause tell of one unit, where the amount stands before it ("320 dollars, 40 a month").
RATES: Mapping[str, str] = table("rates")
# What makes a clause or sentence compare the amount ("60 km/h, 20 less than the limit of 80").
COMPARED: Mapping[str, str] = table("compared")
# How sure the writer is, beside a number that says it.
SURE: Mapping[str, str] = table("sure")
