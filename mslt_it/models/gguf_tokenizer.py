"""Tokenizers of GGUF files, where releases of transformers do not read them alike.

transformers 5.17 makes of Gemma's one that cuts words into letters and begins no text, and in Llama's takes the
beginning of a text for its end: both load without a word. Later releases have mended it.
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken
from transformers import GemmaTokenizer, PreTrainedTokenizerBase

from mslt_it.models.gguf_header import GgufHeader, read_header

TOKENS, TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_CONTROL, _USER_DEFINED = 3, 4  # types of tokens that are matched whole


def gemma_tokenizer(file: Path) -> PreTrainedTokenizerBase:
    """Gemma's, up to the third: byte pair encoding without a list of merges.

    A token may be put together from any two others; earlier ones of the vocabulary go first, then long beginnings.
    """
    values = read_header(file, (TOKENS, TYPES)).values
    # Two spaces and more stand there as they are, one as its sign.
    tokens = ["▁" * len(token) if " " in token and not token.strip() else token for token in values[TOKENS]]
    number = {token: index for index, token in enumerate(tokens)}
    pairs = ((token[:i], token[i:]) for token in tokens for i in range(len(token) - 1, 0, -1))
    merges = [pair for pair in pairs if pair[0] in number and pair[1] in number]
    tokenizer = GemmaTokenizer(
        vocab=number,
        merges=merges,
        add_bos_token=values.get("tokenizer.ggml.add_bos_token", True),
        add_eos_token=values.get("tokenizer.ggml.add_eos_token", False),
        chat_template=values.get("tokenizer.chat_template"),
    )
    for kind, is_special in ((_CONTROL, True), (_USER_DEFINED, False)):
        whole = [token for token, found in zip(values[TOKENS], values[TYPES], strict=True) if found == kind]
        added = [AddedToken(token, normalized=False, special=is_special) for token in whole if token in number]
        tokenizer.add_tokens(added, special_tokens=is_special)
    return tokenizer


def set_special_tokens(tokenizer: PreTrainedTokenizerBase, header: GgufHeader) -> None:
    """Beginning, end, unknown and padding as the file says."""
    for name, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        number = header.values.get(f"tokenizer.ggml.{key}_token_id")
        if number is not None and getattr(tokenizer, f"{name}_token_id") != number:
            setattr(tokenizer, f"{name}_token", tokenizer.convert_ids_to_tokens(number))
