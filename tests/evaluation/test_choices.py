"""What a model is asked where an answer is chosen."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "publish"))
from finished_run import TEMPLATE, make_tokenizer

from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.questions import choice_requests
from mslt_it.records import Message, PromptedExample


def item(text: str, *choices: str) -> PromptedExample:
    return PromptedExample(text, "en", (Message("user", text),), choices[0], choices)


def test_every_item_has_its_prompt_and_its_choices_in_order() -> None:
    encoder = Encoder(make_tokenizer(TEMPLATE), 100)
    items = [item("does it follow", "no", "yes"), item("the boats", "yes", "maybe")]
    found = choice_requests(items, encoder)
    assert [list(request.prompt) for request in found] == encoder.prompt_ids_all([one.messages for one in items])
    assert [[encoder.decode(ids) for ids in request.choices] for request in found] == [["no", "yes"], ["yes", "maybe"]]
    assert choice_requests([], encoder) == []


def test_the_end_token_tells_a_choice_from_one_that_it_begins() -> None:
    encoder = Encoder(make_tokenizer(TEMPLATE), 100)
    [request] = choice_requests([item("when", "pay", "pay later")], encoder)
    assert [ids[-1] for ids in request.choices] == [encoder.end_id] * 2
    assert encoder.decode(request.choices[0]) == "pay<|end|>"
