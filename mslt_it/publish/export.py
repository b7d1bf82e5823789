"""A run's adapter, or a model that `mslt merge` made, in the forms that others load.

    safetensors  a folder that transformers and servers load as it is: merged weights, tokenizer with its chat template,
                 generation_config.json that stops where training did, card
    vllm         the adapter for `vllm serve BASE --enable-lora`; merged weights where vLLM cannot serve it
    gguf         one file for llama.cpp, by its own converter

Each form has a folder of its own, out/FORMAT, made whole or not at all (`mslt_it.publish.sealed`); export.json in it
says what it was made of. Weights are merged by `mslt_it.publish.merge`, measured against the live adapter, and only
once for all forms.
"""

from __future__ import annotations

import gc
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig, GenerationConfig

from mslt_it.config.recipe import ModelConfig
from mslt_it.data.encoding import Encoder
from mslt_it.models.base_model import WEIGHTS, cached_commit, load_adapter, load_tokenizer, model_hash, model_path
from mslt_it.models.environment import environment
from mslt_it.models.identity import FinishedRun, load_trained_base, unrecorded
from mslt_it.models.model_errors import explain
from mslt_it.problems import Problem, nearest
from mslt_it.publish import gguf
from mslt_it.publish.export_source import Request, Source, read_source
from mslt_it.publish.export_usage import with_llama_cpp, with_transformers, with_vllm
from mslt_it.publish.export_vllm import why_not_served, write_adapter
from mslt_it.publish.merge import MERGE, MERGED_DTYPES, merge_run
from mslt_it.publish.model_card import Publication, card_of_merge, is_hub_id, model_card
from mslt_it.publish.sealed import earlier, finish, require_space
from mslt_it.store import COMPLETE, file_sha256, find_damage, making

RECORD = "export.json"
FORMATS = ("safetensors", "vllm", "gguf")  # in the order in which they are made: later ones use what is merged already
CARD = "README.md"
GENERATION = "generation_config.json"
_OWN = frozenset([RECORD, MERGE, CARD, GENERATION, COMPLETE])


@dataclass(frozen=True)
class Export:
    """One form: ``record`` is its export.json, ``is_new`` is False where it was there already."""

    format: str
    folder: Path
    record: Mapping[str, Any]
    is_new: bool


def export(request: Request, say: Callable[[str], object] = print) -> list[Export]:
    """Every form asked for, in the order of `FORMATS`.

    Raises:
        Problem: anything that would make an export that is not the adapter: see `merge_run`, `gguf`, `sealed`.
    """
    wrong = [one for one in request.formats if one not in FORMATS]
    if wrong or not request.formats:
        raise Problem(f"format={wrong[0] if wrong else '[]'} is unknown. {nearest(wrong[0] if wrong else '', FORMATS)}")
    converter = gguf.find_converter(request.converter) if "gguf" in request.formats else None
    if request.outtype not in gguf.OUTTYPES:
        raise Problem(f"outtype={request.outtype} is unknown. {nearest(request.outtype, gguf.OUTTYPES)}")
    exporter = _Exporter(request, read_source(request), converter, say)
    return [exporter.make(one) for one in FORMATS if one in request.formats]


# ---------------------------------------------------------------- making the forms


class _Exporter:
    def __init__(self, request: Request, source: Source, converter: Path | None, say: Callable[[str], object]) -> None:
        self.request, self.source, self.converter, self.say = request, source, converter, say
        self.name = request.name or source.name
        there = source.merge["inputs"] if source.merge else {}
        self.dtype = request.dtype or there.get("dtype", "bfloat16")
        quantised = source.run is not None and source.run.recipe.adapter.quantization != "none"
        usual = "dequantized" if quantised else "none"  # as merge_run takes it where nothing is asked for
        self.strategy = request.strategy or there.get("strategy") or usual
        if self.dtype not in MERGED_DTYPES:
            raise Problem(f"dtype={self.dtype} is unknown. {nearest(self.dtype, MERGED_DTYPES)}")
        # A folder of merged weights that were measured, and its merge.json; other forms are made of it.
        self.merged: tuple[Path, Mapping[str, Any]] | None = (
            (source.merged, source.merge) if source.merged is not None and source.merge is not None else None
        )
        self._check_publication()

    def make(self, form: str) -> Export:
        out = self.request.out / form
        inputs = self._inputs(form)
        found = earlier(out, RECORD, inputs, self.say)
        if found is not None:
            self._remember(out, found)
            return Export(form, out, found, False)
        with making(out) as part:
            if form == "gguf":
                record = self._gguf(part)
            elif form == "vllm" and (reason := self._why_merged()) is None:
                record = self._adapter(part)
            else:
                record = self._model(part)
                if form == "vllm":
                    self.say(f"vllm: the merged model is exported instead of the adapter: {reason}.")
                    record["why_merged"] = reason
            record = {"format": form, "inputs": inputs, **record, **self._papers(), "environment": environment()}
            finish(part, out, RECORD, record)
        self._remember(out, record)
        return Export(form, out, record, True)

    def _inputs(self, form: str) -> dict[str, Any]:
        inputs = {
            **self.source.inputs(),
            "dtype": self.dtype,
            "strategy": self.strategy,
            "name": self.name,
            "license": self.request.license,
            "data_license": self.request.data_license,
        }
        return inputs | ({"outtype": self.request.outtype} if form == "gguf" else {})

    def _papers(self) -> dict[str, Any]:
        """Of the run, without paths on this machine."""
        run, merge = self.source.run, self.source.merge or {}
        base = run.recipe.model.path if run else str(merge.get("model", ""))
        return {
            "run": self.source.name,
            "run_fingerprint": run.provenance.get("run_fingerprint") if run else merge.get("run_fingerprint"),
            "base": base if is_hub_id(base) else Path(base).name,
            "base_revision": run.recipe.model.revision if run else merge.get("model_revision"),
            "sources": list(run.recipe.sources) if run else merge.get("sources", []),
            "targets": list(run.recipe.targets) if run else merge.get("targets", []),
        }

    def _remember(self, folder: Path, record: Mapping[str, Any]) -> None:
        if record["kind"] == "model" and self.merged is None:
            self.merged = folder, record["merge"]

    # -- merged weights

    def _merge_into(self, part: Path) -> Mapping[str, Any]:
        """Merged weights, configuration and tokenizer in ``part``; what merge.json says of them, without machine."""
        if self.merged is not None:
            folder, record = self.merged
            if (damage := find_damage(folder)) is not None:
                raise Problem(f"{folder} is not as it was written ({damage}). Remove it and export again.")
            files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name not in _OWN]
            require_space(part.parent, sum(file.stat().st_size for file in files), "the merged model")
            part.mkdir(parents=True)
            for file in files:
                shutil.copyfile(file, part / file.name)
        else:
            run = self.source.run
            assert run is not None
            record = merge_run(
                run.folder,
                part,
                strategy=self.request.strategy,
                dtype=self.dtype,
                prompts_per_language=self.request.prompts,
                say=self.say,
            ).record
            for name in (MERGE, COMPLETE):
                (part / name).unlink()
        if model_hash(part) != record["merged_sha256"]:
            raise Problem("The merged weights are not those that were measured. Nothing was written; merge again.")
        return {key: record[key] for key in ("inputs", "merged_sha256", "comparison")}

    def _model(self, part: Path) -> dict[str, Any]:
        merge = self._merge_into(part)
        tokenizer = load_tokenizer(ModelConfig(path=str(part)))
        encoder = Encoder(tokenizer, max_length_tokens=1)
        pad = tokenizer.pad_token_id
        settings = {
            "eos_token_id": encoder.end_id,
            "pad_token_id": encoder.end_id if pad is None else pad,
            "bos_token_id": tokenizer.bos_token_id,
            "max_new_tokens": self.source.task.max_answer_tokens,
            "do_sample": False,
        }
        GenerationConfig(**settings).save_pretrained(part)
        again = GenerationConfig.from_pretrained(part)
        if {key: getattr(again, key) for key in settings} != settings:
            raise Problem(f"{GENERATION} does not survive being written and read back. Nothing was written.")
        self._write_card(part, "model", with_transformers(encoder), merge)
        return {"kind": "model", "end_token_id": encoder.end_id, "merge": merge}

    # -- the adapter as it is

    def _why_merged(self) -> str | None:
        run = self.source.run
        if run is None:
            return "model= has no adapter any more; give run= for one"
        model = run.recipe.model
        path = _base_path(run)
        try:
            config = AutoConfig.from_pretrained(path, revision=model.revision, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise explain(error, path, model.revision, "causal language model") from error
        rows = run.provenance.get("num_embedding_rows") or config.get_text_config().vocab_size
        return why_not_served(
            run.adapter,
            (config.architectures or ["an unknown architecture"])[0],
            run.recipe.adapter.quantization,
            rows - config.get_text_config().vocab_size,
        )

    def _adapter(self, part: Path) -> dict[str, Any]:
        run = self.source.run
        assert run is not None
        if note := unrecorded(run):
            self.say(f"Note: {note}")
        require_space(part.parent, 2 * (run.adapter / WEIGHTS).stat().st_size, "the adapter")
        self.say("vllm: checking that the base is the one that was trained on ...")
        tokenizer, base, _ = load_trained_base(run)
        path = _base_path(run)
        revision = _commit(run) or run.recipe.model.revision
        made = write_adapter(run.adapter, part, path, revision)
        load_adapter(base, part)  # a Problem where a tensor is missing, left over or of another shape
        del base
        gc.collect()
        encoder = Encoder(tokenizer, max_length_tokens=1)
        usage = with_vllm(self.name, path, revision, made["max_lora_rank"], self.source.task.max_answer_tokens, encoder)
        self._write_card(part, "adapter", usage, None)
        return {"kind": "adapter", "end_token_id": encoder.end_id, "vllm": made}

    # -- GGUF

    def _gguf(self, part: Path) -> dict[str, Any]:
        assert self.converter is not None
        part.mkdir(parents=True)
        if self.merged is not None:
            model, merge = self.merged
            if model_hash(model) != merge["merged_sha256"]:
                raise Problem(f"{model} is not as it was written. Remove it and export again.")
            merge = {key: merge[key] for key in ("inputs", "merged_sha256", "comparison")}
        else:
            model = part / "model"
            merge = self._merge_into(model)
        file = part / f"{self.name}-{self.request.outtype}.gguf"
        require_space(part, gguf.expected_bytes(model, self.request.outtype), "the GGUF file")
        self.say(f"gguf: running {self.converter} ...")
        gguf.convert(model, file, self.request.outtype, self.converter)
        encoder = Encoder(load_tokenizer(ModelConfig(path=str(model))), max_length_tokens=1)
        shutil.rmtree(part / "model", ignore_errors=True)
        usage = with_llama_cpp(file.name, encoder)
        self._write_card(part, "gguf", usage, merge)
        made = {"file": file.name, "outtype": self.request.outtype, "converter_sha256": file_sha256(self.converter)}
        return {"kind": "gguf", "end_token_id": encoder.end_id, "merge": merge, "gguf": made}

    # -- cards

    def _publication(self, kind: str, usage: Sequence[str], merge: Mapping[str, Any] | None) -> Publication:
        return Publication(
            name=self.name,
            kind=kind,
            license=self.request.license,
            data_license=self.request.data_license,
            usage=tuple(usage),
            merge=merge,
        )

    def _check_publication(self) -> None:
        """Licences and the name are refused before anything is merged."""
        self._publication("model", (), None)
        if not re.fullmatch(r"\w[\w .+-]*", self.name):
            raise Problem(f"name={self.name!r} cannot be a file's name. Write for example name=xnli-ar-de-zh.")

    def _write_card(self, part: Path, kind: str, usage: Sequence[str], merge: Mapping[str, Any] | None) -> None:
        publication = self._publication(kind, usage, merge)
        run = self.source.run
        if run is not None:
            provenance = {**run.provenance, "model_commit": _commit(run)}
            text = model_card(run.recipe, self.source.results, provenance, publication)
        else:
            assert self.source.merge is not None
            text = card_of_merge(self.source.merge, publication)
        (part / CARD).write_text(text, encoding="utf-8")


def _commit(run: FinishedRun) -> str | None:
    """The commit of a base from a hub; None for a folder. Where the run did not record it, that of the copy in the
    cache, which was loaded and compared by then."""
    recorded, model = run.provenance.get("model_commit"), run.recipe.model
    return str(recorded) if recorded else cached_commit(model.path, model.revision)


def _base_path(run: FinishedRun) -> str:
    path = model_path(run.recipe.model)
    return path if is_hub_id(path) else str(Path(path).resolve())
