"""Prompts and written answers as texts: tokens for a word and a character, and in which languages answers are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mslt_it.config.recipe import TaskConfig
from mslt_it.data.cleaning import is_written_without_spaces
from mslt_it.evaluation.answers.language import language_share
from mslt_it.problems import Problem

if TYPE_CHECKING:
    from mslt_it.evaluation.scores import Answered


def token_figures(answered: Answered) -> dict[str, float]:
    """Tokens of the prompts, control tokens included, per word and per character.

    Empty where the texts were translated before they were asked. Languages written without spaces have no words here.
    """
    texts = [message.content for item in answered.items for message in item.messages]
    characters, words = sum(map(len, texts)), sum(len(text.split()) for text in texts)
    if answered.variant == "translate_solve" or not words:
        return {}
    tokens = answered.prompt_tokens * len(answered.items) / len(answered.rows)  # of one sample each
    found = {"tokens_per_character": tokens / characters}
    return found if is_written_without_spaces(answered.language) else found | {"tokens_per_word": tokens / words}


def answer_languages(task: TaskConfig, answered: Answered) -> dict[str, Any]:
    """In what languages the answers are, of chains and of free text; empty where that cannot be told."""
    wanted = answered.items[0].chain_language or (answered.language if task.metric == "chrf" else "")
    try:
        found = language_share([row["text"] for row in answered.rows], wanted) if wanted else None
    except Problem:
        return {}
    if found is None:
        return {}
    told = {"language_share": found.share, "num_language_undecided": found.num_undecided}
    return told | {"other_languages": dict(found.others)}
