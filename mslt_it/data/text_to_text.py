"""Token ids of rows for text-to-text models: an encoder reads the prompt, a decoder learns the answer.

    T5, mT5   encoder: PROMPT </s>     decoder: ANSWER </s>

Prompts and answers are those of a decoder, and so is the length by which a row is dropped: both kinds of models are
trained on the same rows. ``input_ids`` of a row are what the encoder reads, ``labels`` what the decoder is to say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from mslt_it.data.encoding import Encoder
from mslt_it.records import EncodedExample, PromptedExample


class TextToTextEncoder(Encoder):
    """Rows whose answer stands apart from the prompt."""

    def text_around(self, roles: Sequence[str]) -> list[str]:
        """The last piece is the token that ends what the encoder reads, as in pretraining."""
        *before, _ = super().text_around(roles)
        return [*before, str(self.tokenizer.eos_token)]

    def apart(self, row: EncodedExample) -> tuple[Sequence[int], Sequence[int]]:
        return row.input_ids, row.labels

    def _join(self, example: PromptedExample, prompt: list[int], answer: tuple[int, ...]) -> EncodedExample | str:
        made = super()._join(example, prompt, answer)
        return made if isinstance(made, str) else dataclasses.replace(made, input_ids=tuple(prompt), labels=answer)
