"""A run's adapter in the forms that others load.

    safetensors  a folder that transformers and servers load as it is: merged weights, tokenizer with its chat template,
                 generation_config.json that stops where training did, card
    vllm         the adapter for `vllm serve BASE --enable-lora`
    gguf         one file for llama.cpp, by its own converter
    onnx         an encoder as a graph for onnxruntime

Each form has a folder of its own, out/FORMAT, made whole or not at all; export.json in it says what it was made of.
Weights are merged, and measured against the live adapter, once for all forms.
"""

from __future__ import annotations

import gc
import json
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import AutoConfig, GenerationConfig

from mslt_it import values
from mslt_it.config.recipe import ModelConfig
from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.scores import read_rows
from mslt_it.locks import beside, only_writer
from mslt_it.models.base_model import load_adapter
from mslt_it.models.environment import environment
from mslt_it.models.finished_run import WEIGHTS, FinishedRun
from mslt_it.models.identity import load_trained_base
from mslt_it.models.model_errors import read_config
from mslt_it.models.tokenizers import load_tokenizer, model_path
from mslt_it.places import PROMPTS, RECORD
from mslt_it.problems import Problem
from mslt_it.publish import gguf, onnx, vllm
from mslt_it.publish.export_options import ExportRequest, Plan, merge_inputs
from mslt_it.publish.merge import origin, require_room, write_merged
from mslt_it.publish.model_card import Publication, model_card
from mslt_it.publish.prompt_record import adapter_usage, usage, write_prompts
from mslt_it.store import COMPLETE, Made, file_sha256, find_damage, made_once, read_json

CARD = "README.md"
GENERATION = "generation_config.json"
_OWN = frozenset([RECORD, CARD, GENERATION, COMPLETE])  # of a folder with merged weights: not for another form


def export(request: ExportRequest, plan: Plan, say: Callable[[str], object] = print) -> list[Made]:
    """Every form that is planned, in its order.

    Raises:
        Problem: anything that would make an export that is not the adapter.
    """
    out = values.path(request.out)
    with only_writer(out, beside(out), wait=request.wait, say=say):
        exporter = _Exporter(request, plan, say)
        return [exporter.make(form) for form in exporter.inputs]


class _Exporter:
    def __init__(self, request: ExportRequest, plan: Plan, say: Callable[[str], object]) -> None:
        self.request, self.say, self.out = request, say, values.path(request.out)
        self.run, self.inputs, self.converter = plan
        # The folder of merged weights that were measured, and what is recorded of them; other forms are made of it.
        self.merged: tuple[Path, Mapping[str, Any]] | None = None
        self.merging = merge_inputs(self.run, request)
        self.name = next(iter(self.inputs.values()))["name"]
        if "vllm" in request.format and (reason := self._why_not_served()) is not None:
            raise Problem(
                f"format=vllm: vLLM cannot serve this adapter beside its base: {reason}. It serves the merged weights "
                "as they are: format=safetensors."
            )

    def make(self, form: str) -> Made:
        make = {"safetensors": self._model, "vllm": self._adapter, "gguf": self._gguf, "onnx": self._onnx}[form]

        def fill(part: Path) -> dict[str, Any]:
            told = origin(self.run)
            base, revision = told.pop("model"), told.pop("model_revision")
            shown = base if values.is_hub_id(base) else Path(base).name  # no path of here
            told |= {"base": shown, "base_revision": revision}
            return {"format": form, **make(part), **told, "environment": environment()}

        made = made_once(self.out / form, RECORD, self.inputs[form], fill, self.say)
        if form == "safetensors":
            self.merged = made.folder, made.record["merge"]
        return made

    # ---------------------------------------------------------------- merged weights

    def _weights(self, folder: Path) -> tuple[Path, dict[str, Any]]:
        """Where merged weights, configuration and tokenizer are (in ``folder``, if they had to be made), and what
        merge.json says of them, without machine."""
        if self.merged is None:
            found = write_merged(self.run, folder, self.merging, self.request.prompts, self.say)
            record: Mapping[str, Any] = {"inputs": self.merging, **found}
        else:
            folder, record = self.merged
            if (damage := find_damage(folder)) is not None:
                raise Problem(f"{folder} was altered or damaged ({damage}). Remove it and export again.")
        return folder, {key: record[key] for key in ("inputs", "merged_sha256", "comparison")}

    def _model(self, part: Path) -> dict[str, Any]:
        _, merge = self._weights(part)
        use, more = usage(part), {}
        if not use.get("head"):
            more = {"end_token_id": self._write_generation(part, use)}
        self._write_card(part, "model", use, merge)
        return {"kind": "model", **more, "merge": merge}

    @staticmethod
    def _write_generation(part: Path, use: Mapping[str, Any]) -> int:
        """Settings that stop where training did; the id of the token that ends an answer."""
        tokenizer = load_tokenizer(ModelConfig(path=str(part)))
        encoder = Encoder(tokenizer, max_length_tokens=1)
        pad = tokenizer.pad_token_id
        GenerationConfig(
            eos_token_id=encoder.end_id,
            pad_token_id=encoder.end_id if pad is None else pad,
            bos_token_id=tokenizer.bos_token_id,
            decoder_start_token_id=getattr(AutoConfig.from_pretrained(part), "decoder_start_token_id", None),
            max_new_tokens=use["max_new_tokens"],
            do_sample=False,
        ).save_pretrained(part)
        return encoder.end_id

    def _gguf(self, part: Path) -> dict[str, Any]:
        own, outtype = part / "model", self.request.outtype
        own.mkdir()
        folder, merge = self._weights(own)
        file = part / f"{self.name}-{outtype}.gguf"
        require_room(part, gguf.expected_bytes(folder, outtype), "the GGUF file")
        assert self.converter is not None  # `planned`
        self.say(f"gguf: running {self.converter} ...")
        gguf.convert(folder, file, outtype, self.converter, self.name)
        tokenizer = load_tokenizer(ModelConfig(path=str(folder)))
        encoder = Encoder(tokenizer, max_length_tokens=1)
        shutil.copyfile(folder / PROMPTS, part / PROMPTS)
        shutil.rmtree(own)
        use = usage(part, file=shlex.quote(file.name))
        prompt, is_other = gguf.as_sent(file, use["prompt"], tokenizer.bos_token)
        use["reads_text_otherwise"] = is_other or "reads_text_otherwise" in use
        request = {"prompt": prompt, "temperature": 0, "n_predict": use["max_new_tokens"]}
        use["request"] = _quoted({**request, "stop": [use["end_token"]]})
        self._write_card(part, "gguf", use, merge)
        made = {"file": file.name, "outtype": outtype, "converter_sha256": file_sha256(self.converter)}
        return {"kind": "gguf", "end_token_id": encoder.end_id, "merge": merge, "gguf": made}

    def _onnx(self, part: Path) -> dict[str, Any]:
        own = part / "model"
        own.mkdir()
        folder, merge = self._weights(own)
        self.say("onnx: writing the graph and comparing it with the model ...")
        made = onnx.convert(folder, part / onnx.FILE, usage(folder)["head"])
        for file in folder.iterdir():
            if file.is_file() and file.name not in _OWN and not file.name.startswith("model"):  # tokenizer, config
                shutil.copyfile(file, part / file.name)
        shutil.rmtree(own)
        self._write_card(part, "onnx", usage(part), merge)
        return {"kind": "onnx", "merge": merge, "onnx": made}

    # ---------------------------------------------------------------- the adapter as it is

    def _why_not_served(self) -> str | None:
        config = read_config(_base_path(self.run), self.run.recipe.model.revision, "causal language model")
        num_rows = config.get_text_config().vocab_size
        return vllm.why_not_served(
            self.run.adapter,
            (config.architectures or ["an unknown architecture"])[0],
            self.run.recipe.adapter.quantization,
            (self.run.provenance.get("num_embedding_rows") or num_rows) - num_rows,
        )

    def _adapter(self, part: Path) -> dict[str, Any]:
        run = self.run
        require_room(part, 2 * (run.adapter / WEIGHTS).stat().st_size, "the adapter")
        self.say("vllm: checking that the base is the one that was trained on ...")
        tokenizer, base, trained = load_trained_base(run)
        path, revision = _base_path(run), run.provenance.get("model_commit") or run.recipe.model.revision
        made = vllm.write_adapter(run.adapter, part, path, revision)
        load_adapter(base, part)  # a Problem where a tensor is missing, left over or of another shape
        del base
        gc.collect()
        encoder = Encoder(tokenizer, max_length_tokens=1)
        write_prompts(part, run.recipe, encoder, run)
        use = adapter_usage(part, run.recipe, trained.dtype, revision)
        # The base's own generation settings would sample, and not stop where the adapter does.
        request = {
            "model": self.name,
            "prompt": use["prompt"],
            "add_special_tokens": False,
            "temperature": 0,
            "max_tokens": use["max_new_tokens"],
            "stop_token_ids": [encoder.end_id],
        }
        pinned = ["--revision", revision] if revision else []
        command = ["vllm", "serve", path, *pinned, "--enable-lora", "--max-lora-rank", str(made["max_lora_rank"])]
        serve = f"{shlex.join(command)} --lora-modules {shlex.quote(self.name)}"
        self._write_card(part, "adapter", use | {"serve": serve, "request": _quoted(request)}, None)
        return {"kind": "adapter", "end_token_id": encoder.end_id, "vllm": made}

    # ---------------------------------------------------------------- cards

    def _write_card(self, part: Path, kind: str, usage: Mapping[str, Any], merge: Mapping[str, Any] | None) -> None:
        publication = Publication(self.name, kind, self.request.license, self.request.data_license, usage, merge)
        path = self.run.folder / "results.json"
        results = read_rows(read_json(path) or {}, path)
        text = model_card(self.run.recipe, results, self.run.provenance, publication)
        (part / CARD).write_text(text, encoding="utf-8")


def _quoted(request: Mapping[str, Any]) -> str:
    """A request's body for the shell."""
    return shlex.quote(json.dumps(request, ensure_ascii=False))


def _base_path(run: FinishedRun) -> str:
    path = model_path(run.recipe.model)
    return path if values.is_hub_id(path) else str(Path(path).resolve())
