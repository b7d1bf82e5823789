"""GGUF files as base models: dequantised once, kept in the user's cache as an ordinary folder of safetensors.

The cache is keyed by the SHA-256 of the file, so a file may be moved or renamed. Each folder is made in a hidden one
beside it and sealed, so that one that was being made when a process died is never taken for whole. ``gguf.json`` in it
says what it was made from; what a run records of its base is read there (`weights_origin`).
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import logging
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from tokenizers import AddedToken
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GemmaTokenizer,
    PretrainedConfig,
    PreTrainedTokenizerBase,
)
from transformers import __version__ as transformers_version
from transformers.integrations.gguf import GGUF_CONFIG_ARCHS
from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

from mslt_it.locks import locked
from mslt_it.models.gguf_header import GgufHeader, gguf_file, has_one_score, read_header
from mslt_it.problems import Problem, counted
from mslt_it.store import file_sha256, find_damage, read_json, require_space, sealing, user_cache, write_json

if TYPE_CHECKING:  # two seconds to import, which building rows does without
    from transformers import PreTrainedModel

LOG = logging.getLogger("mslt_it")
ORIGIN = "gguf.json"
FOLDER = "gguf-2"  # in the user's cache: another name when files are refused that earlier versions took
FLOATS = {0: torch.float32, 1: torch.float16, 30: torch.bfloat16}  # a tensor's type in GGUF that is not quantised
# Encoders and what transformers lists beside architectures; decoders that only newer releases of it read.
_NO_DECODERS = {"general", "tokenizer", "t5", "umt5"}
_TOKENS, _TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
# Names of GPT-2's way, and of those that cut digits off besides, which no merge joins to anything.
_CUT_AS_GPT2 = {"gpt-2", "mpt", "olmo", "jais", "trillion", "smollm", "starcoder", "refact", "codeshell", "minerva-7b"}
_STRETCHED = {"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"}
_CONTROL, _USER_DEFINED = 3, 4  # types of tokens that are matched whole


def dequantized_file(path: str) -> Path:
    """The folder with the weights and the tokenizer of the GGUF file ``path``, made now where it is not there yet."""
    file = gguf_file(path)
    stat = file.stat()
    return dequantized(_sha256(file, stat.st_size, stat.st_mtime_ns), path, lambda _: file)


@functools.lru_cache
def _sha256(file: Path, _size: int, _time: int) -> str:
    return file_sha256(file)


_WHOLE: set[Path] = set()  # folders that this process has looked through


def dequantized(sha256: str, name: str, provide: Callable[[Path], Path]) -> Path:
    """The folder in the cache of the GGUF file that has this hash.

    Args:
        name: what ``model.path`` says, for messages.
        provide: gives the file, and may write it into the folder that it is called with; only called where the folder
            is not in the cache.
    """
    out = user_cache() / FOLDER / sha256
    if out in _WHOLE:
        return out
    try:
        if find_damage(out) is not None:  # a cache that is whole need not be writable
            with locked(out.with_name(f".{sha256}.lock")):  # of several processes one does the work
                if find_damage(out) is not None:
                    with sealing(out) as part:
                        _make(part, sha256, name, provide)
    except OSError as error:
        raise Problem(
            f"model.path={name}: the weights could not be kept in {out.parent}: {error}. "
            "Set XDG_CACHE_HOME to a folder that can be written to."
        ) from error
    _WHOLE.add(out)
    return out


def weights_origin(base: PreTrainedModel) -> dict[str, Any]:
    """What a run records of a base that came from a GGUF file: its hash, and that its weights were quantised."""
    origin = read_json(Path(base.name_or_path) / ORIGIN) if base.name_or_path else None
    if origin is None:
        return {}
    return {"gguf_sha256": origin["sha256"], "gguf_tensors": origin["tensors"]}


def _make(part: Path, sha256: str, name: str, provide: Callable[[Path], Path]) -> None:
    source = part / "source"  # transformers looks for other files beside the one it is given
    source.mkdir()
    file = source / "model.gguf"
    given = provide(source)
    if given.parent != source:
        file.symlink_to(given.resolve())
    header = read_header(given)
    _refuse_unreadable(name, header.values.get("general.architecture", ""))
    # Of the matrices: as they are stored, bfloat16 where any is quantised (8 bits err twice as much as rounding to
    # bfloat16 does, fewer bits more).
    kinds = {kind for kind, dimensions in header.types if dimensions > 1}
    dtype = FLOATS[min(kinds, default=1)] if kinds <= FLOATS.keys() and 30 not in kinds else torch.bfloat16
    # Every weight has at least about 2.5 bits there; less is known when the model has been built.
    require_space(part, 2 * given.stat().st_size, f"the weights of {name}", "Free some, or set XDG_CACHE_HOME.")
    LOG.warning("Reading %s for the first time (about a minute where its vocabulary is large) ...", name)
    model, tokenizer = _read(file, header, name, dtype)
    needed = sum(p.numel() * p.element_size() for p in model.parameters())
    require_space(part, needed, f"the weights of {name}", "Free some, or set XDG_CACHE_HOME to another disk.")
    with _quietly():
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
    shutil.rmtree(source)
    origin = {
        "sha256": sha256,
        "architecture": header.values.get("general.architecture", ""),
        "name": header.values.get("general.name"),
        "license": header.values.get("general.license"),
        "tensors": _tensor_types(header),
        "dtype": str(dtype).removeprefix("torch."),
        "transformers": transformers_version,
    }
    write_json(part / ORIGIN, origin)


def _read(file: Path, header: GgufHeader, name: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """The model of plain weights, and its tokenizer."""
    architecture = header.values.get("general.architecture", "")
    try:
        with _quietly():
            # Newer releases keep the weights packed unless they are told not to; older ones cannot.
            packed = getattr(transformers, "GgufConfig", None)
            options = {"quantization_config": packed(dequantize=True)} if packed else {}
            config = AutoConfig.from_pretrained(file.parent, gguf_file=file.name)
            _refuse_stretched(name, header, config)
            if architecture.startswith("gemma") and header.values.get("tokenizer.ggml.model") == "llama":
                tokenizer = gemma_tokenizer(file)
            else:
                if has_one_score(file):
                    raise Problem(
                        f"model.path={name}: all tokens of its vocabulary have the same score, which does not say how "
                        "to tokenise. Give the model as a folder or Hub id, or a file made with its tokenizer.model."
                    )
                tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, trust_remote_code=False)
                _refuse_other_splits(name, header, tokenizer)
            model, report = AutoModelForCausalLM.from_pretrained(
                file.parent, gguf_file=file.name, config=config, dtype=dtype, output_loading_info=True, **options
            )
    except Problem:
        raise
    except Exception as error:  # a damaged file is met at any place, and tokenizers raises plain Exceptions
        raise Problem(
            f"model.path={name}: transformers {transformers_version} could not read this GGUF file of architecture "
            f"'{architecture}': {type(error).__name__}: {' '.join(str(error).split())[:300]}. "
            "Give the model as a folder or Hub id instead."
        ) from error
    # As the file says: of Llama's, transformers 5.17 takes the beginning of a text for its end.
    for token, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        number = header.values.get(f"tokenizer.ggml.{key}_token_id")
        if number is not None and getattr(tokenizer, f"{token}_token_id") != number:
            setattr(tokenizer, f"{token}_token", tokenizer.convert_ids_to_tokens(number))
    if missing := sorted(report["missing_keys"]):
        raise Problem(
            f"model.path={name}: {counted(len(missing), 'tensor')} of {type(model).__name__} not in the GGUF file "
            f"(first: {missing[0]}). It is incomplete, or transformers {transformers_version} does not know its layout."
        )
    # Plain weights from here on; with these left behind save_pretrained refuses.
    model.hf_quantizer = None
    with contextlib.suppress(AttributeError):
        del model.config.quantization_config
    return model, tokenizer


def gemma_tokenizer(file: Path) -> PreTrainedTokenizerBase:
    """Gemma's, up to the third: byte pair encoding without a list of merges, of which transformers 5.17 makes one that
    cuts words into letters. A token may be put together from any two others; earlier ones of the vocabulary go first,
    then long beginnings."""
    values = read_header(file, (_TOKENS, _TYPES)).values
    # Two spaces and more stand there as they are, one as its sign.
    tokens = ["▁" * len(token) if " " in token and not token.strip() else token for token in values[_TOKENS]]
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
        whole = [token for token, found in zip(values[_TOKENS], values[_TYPES], strict=True) if found == kind]
        added = [AddedToken(token, normalized=False, special=is_special) for token in whole if token in number]
        tokenizer.add_tokens(added, special_tokens=is_special)
    return tokenizer


def _refuse_unreadable(name: str, architecture: str) -> None:
    if importlib.util.find_spec("gguf") is None:
        raise Problem(f"model.path={name}: GGUF files need the package gguf: pip install -e '.[gguf]'.")
    known = {*GGUF_SUPPORTED_ARCHITECTURES, *GGUF_CONFIG_ARCHS} - _NO_DECODERS
    # gpt-oss, gpt_oss and qwen2moe, qwen2_moe are the same.
    if re.sub("[-_]", "", architecture) not in (re.sub("[-_]", "", one) for one in known):
        raise Problem(
            f"model.path={name}: transformers {transformers_version} cannot read GGUF files of the architecture "
            f"'{architecture}'. It reads: {', '.join(sorted(known))}. Give the model as a folder or Hub id instead."
        )


def _refuse_stretched(name: str, header: GgufHeader, config: PretrainedConfig) -> None:
    """Rotary positions that are scaled (Llama 3.1, Gemma 3 from 4B, YaRN) stand in keys and tensors that transformers'
    reader passes over: all tensors would be right, and the logits some per cent off."""
    scaling = header.values.get(f"{header.values['general.architecture']}.rope.scaling.type", "none")
    found = sorted(header.names & _STRETCHED) + [f"rope.scaling.type={scaling}"] * (scaling != "none")
    if found and "'factor'" not in str(getattr(config, "rope_parameters", "")):  # Gemma has some for each kind of layer
        raise Problem(
            f"model.path={name}: its rotary positions are scaled ({found[0]}), and transformers {transformers_version} "
            "does not read that from GGUF files: the model would answer differently than trained. Give the "
            "model as a folder or Hub id instead."
        )


def _refuse_other_splits(name: str, header: GgufHeader, tokenizer: PreTrainedTokenizerBase) -> None:
    """Byte pairs are merged within pieces of text, and the file names how it is cut into these. Where transformers does
    not know the name it cuts as GPT-2 does, whose pieces end at each vowel sign of Thai or Hindi."""
    kind, pieces = (header.values.get(f"tokenizer.ggml.{key}") for key in ("model", "pre"))
    if kind == "gpt2" and pieces not in _CUT_AS_GPT2 and "Split" not in str(tokenizer.backend_tokenizer.pre_tokenizer):
        raise Problem(
            f"model.path={name}: its text is cut before it is tokenised as '{pieces or 'not said'}' says "
            f"(tokenizer.ggml.pre), and transformers {transformers_version} would cut it as GPT-2 does: other tokens "
            "than the model was trained on. Give the model as a folder or Hub id, or install a newer transformers."
        )


def _tensor_types(header: GgufHeader) -> dict[str, int]:
    from gguf import GGMLQuantizationType

    count = Counter[str]()
    for (kind, _), number in header.types.most_common():
        count[GGMLQuantizationType(kind).name] += number
    return dict(count)


def _quietly() -> contextlib.AbstractContextManager[Any]:
    """Without the bars of transformers' reader, which it draws in log files too."""
    return contextlib.nullcontext() if sys.stderr.isatty() else contextlib.redirect_stderr(io.StringIO())
