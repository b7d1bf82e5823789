"""A merged model as one GGUF file for llama.cpp, made by llama.cpp's own ``convert_hf_to_gguf.py``.

Architectures, tensor names and tokenizers change there every week, so nothing of that is known here: the converter is
found and run, and what it wrote is looked at before it counts.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import subprocess
import sys
from pathlib import Path

from safetensors import safe_open

from mslt_it.models.gguf_header import has_one_score, read_header
from mslt_it.problems import Problem

CONVERTER = "convert_hf_to_gguf.py"
# Bytes per weight; q8_0 keeps blocks of 32 with a 2-byte scale.
OUTTYPES = {"f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32}
_SHOWN_LINES = 2  # of what a converter said when it failed
_OF_A_TRACEBACK = (" ", "\t", "Traceback ", "During handling of ", "The above exception ")
_LEAST_SHARE = 0.9  # of the expected size; converters leave out buffers, and norms are kept in float32


def find_converter(path: str | None) -> Path:
    """``path``, a file or a checkout of llama.cpp; else the one on PATH; a Problem says how to get one."""
    if path is not None:
        found = Path(path) / CONVERTER if Path(path).is_dir() else Path(path)
        if not found.is_file():
            raise Problem(f"converter={path}: there is no such file. Give the path of llama.cpp's {CONVERTER}.")
        return found
    on_path = shutil.which(CONVERTER)
    if on_path is None:
        raise Problem(
            f"format=gguf needs llama.cpp's {CONVERTER}, which is not on PATH. Clone llama.cpp, install its "
            f"requirements/requirements-{CONVERTER.removesuffix('.py')}.txt, and give the checkout: "
            "converter=PATH."
        )
    return Path(on_path)


def expected_bytes(model: Path, outtype: str) -> int:
    """Size of the weights alone in ``outtype``; ``model``: a folder with safetensors files."""
    num_weights = 0
    for file in model.glob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            num_weights += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return int(num_weights * OUTTYPES[outtype])


def convert(model: Path, out: Path, outtype: str, converter: Path, name: str) -> None:
    """Run the converter on the folder ``model``, which is called ``name`` there; ``out`` is a whole GGUF file
    afterwards, or a Problem is raised."""
    python = [sys.executable] if converter.suffix == ".py" else []
    command = [*python, str(converter), str(model), "--outfile", str(out), "--outtype", outtype]
    command += ["--model-name", name]  # else the folder's
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    except OSError as error:
        raise Problem(f"{converter} cannot be run: {error}. Give another converter=PATH.") from error
    if done.returncode != 0:
        printed = (done.stderr or done.stdout).splitlines()
        lines = [line for line in printed if line.strip() and not line.startswith(_OF_A_TRACEBACK)]
        said = " | ".join(lines[-_SHOWN_LINES:]) or "nothing"
        raise Problem(
            f"{converter} failed with status {done.returncode} and said: {said}. Nothing was written. Take a newer "
            "llama.cpp if it does not know the architecture or the tokenizer; install its requirements if a module is "
            "missing."
        )
    refuse_torn(out, expected_bytes(model, outtype))
    if has_one_score(out):
        raise Problem(
            f"The converter gave all tokens of {out.name} the same score, since it found no tokenizer.model: llama.cpp "
            "would tokenise texts differently than in training. Nothing was written. Put the tokenizer.model of its "
            "makers beside the base's config.json and export again, or use format=[safetensors]."
        )


def as_sent(file: Path, prompt: str, bos: str | None) -> tuple[str, bool]:
    """(``prompt`` as a request has it, whether it is other tokens then): llama.cpp puts ``bos`` before every text where
    the file says so, or says nothing and its vocabulary is SentencePiece's."""
    told = read_header(file).values
    if not told.get("tokenizer.ggml.add_bos_token", told.get("tokenizer.ggml.model") == "llama"):
        return prompt, bool(told.get("tokenizer.ggml.add_eos_token"))
    own = prompt.removeprefix(bos or "")
    return own, own == prompt or bool(told.get("tokenizer.ggml.add_eos_token"))


def refuse_torn(file: Path, expected: int) -> None:
    """A Problem unless ``file`` is GGUF with tensors and about as large as ``expected`` bytes of weights."""
    if not file.is_file():
        raise Problem(f"The converter ended well but wrote no {file.name}. Nothing was written; try a newer llama.cpp.")
    num_tensors = 0
    with contextlib.suppress(Problem):
        num_tensors = read_header(file).types.total()
    if not num_tensors:
        raise Problem(f"The converter wrote {file.name}, but it is not a GGUF file with tensors. Nothing was written.")
    if (size := file.stat().st_size) < _LEAST_SHARE * expected:
        raise Problem(
            f"{file.name} has {size} bytes, the weights alone need {expected}: the converter left it half-written. "
            "Nothing was kept; free some space and run it again."
        )
