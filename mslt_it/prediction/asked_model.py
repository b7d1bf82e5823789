"""What ``run=`` may be: a finished run, trained or combined; or a folder that was made of one and goes without it: of
`mslt merge`, or one form of `mslt export`. Their prompts.json says how new rows are asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import ModelConfig, Recipe
from mslt_it.data.encoding import Encoder
from mslt_it.data.segments import encoder_of
from mslt_it.evaluation.calibration import Calibration, calibrated
from mslt_it.evaluation.systems import Bench, LoadedBase, System, adapter_system, load, resolve
from mslt_it.models.base_model import CONFIG, load_adapter
from mslt_it.models.identity import ADAPTER, FinishedRun, read_run
from mslt_it.models.kinds import kind_of_path
from mslt_it.places import MERGE, PROMPTS, RECORD
from mslt_it.problems import Problem
from mslt_it.publish.export_options import FORMS
from mslt_it.publish.prompt_record import CALIBRATION, prompt_record, read_recipe
from mslt_it.store import find_damage, read_json


@dataclass(frozen=True)
class AskedModel:
    """A folder that rows are labelled by, read and checked; nothing is loaded yet."""

    folder: Path
    recipe: Recipe  # by which rows are asked
    decides: Mapping[str, Any]  # hashes of what answers follow from
    bench: Bench  # the one system, and how its base is loaded
    run: FinishedRun | None = None  # with what it answered; None: a folder without its run
    prompts: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # its prompts.json, where there is no run

    def load(self) -> tuple[LoadedBase, System, Any, Encoder]:
        """The base, the one system, its model, and what encodes rows; a Problem where weights or prompts are others."""
        loaded = load(self.bench, given_model=not self.bench.runs)
        (system,) = self.bench.systems
        model = loaded.base if system.adapter is None else load_adapter(loaded.base, system.adapter)
        encoder = encoder_of(self.recipe, loaded.tokenizer)
        if self.run is None and prompt_record(self.recipe, encoder)["languages"] != self.prompts["languages"]:
            raise Problem(
                f"run={self.folder}: this version of mslt_it asks in other words than {PROMPTS} there, by which it was "
                "trained. Use the version that made it (export.json or merge.json names it), or make it again."
            )
        return loaded, system, model, encoder

    def calibration(self) -> Calibration:
        """Fitted on the run's held-out rows, now or when the folder was made of it; a Problem where there is none."""
        if self.run is not None:
            found = calibrated(self.run)
        else:
            kept = self.prompts[CALIBRATION]
            found = kept if isinstance(kept, str) else Calibration(**{**kept, "languages": tuple(kept["languages"])})
        if isinstance(found, str):
            raise Problem(f"calibration=held_out: {self.folder}: {found}. Or leave calibration out.")
        return found


def read_model(folder: Path) -> AskedModel:
    """What a folder holds; a Problem where that is nothing to ask, or not as it was written."""
    for name in (MERGE, RECORD):
        if (folder / name).is_file():
            return _made_of_a_run(folder, name)
    if forms := [form for form in FORMS if (folder / form / RECORD).is_file()]:
        raise Problem(f"run={folder} holds the exports {', '.join(forms)}. Give one: run={folder / forms[0]}.")
    run = read_run(folder)
    system = adapter_system(ADAPTER, run.adapter, str(run.provenance["adapter_sha256"]), run.recipe.sources)
    bench = Bench(run.recipe.model, run.recipe.adapter, (system,), (run,))
    decides = {key: run.provenance.get(key) for key in ("run_fingerprint", "base_sha256", "adapter_sha256")}
    return AskedModel(folder, run.recipe, {**decides, "adapter_config_sha256": system.settings_sha256}, bench, run)


def _made_of_a_run(folder: Path, name: str) -> AskedModel:
    if (damage := find_damage(folder)) is not None:
        raise Problem(f"run={folder} is not as it was written ({damage}). Make it again, or give the run itself.")
    record = read_json(folder / name) or {}
    if record.get("kind") == "onnx":
        raise Problem(
            f"run={folder} holds an ONNX graph, which other programs run. Give the run itself, or what mslt export "
            "made of it with format=[safetensors]."
        )
    recipe, prompts = read_recipe(folder)
    inputs = record["inputs"]
    if record.get("kind") == "adapter":
        config = read_json(folder / CONFIG) or {}
        base = ModelConfig(config["base_model_name_or_path"], config["revision"])
        recipe = dataclasses.replace(recipe, model=base)
        papers = {"model": base.path, "model_revision": base.revision, "base_sha256": inputs["base_sha256"]}
        system = adapter_system(ADAPTER, folder, inputs["adapter_sha256"], recipe.sources)
        bench = Bench(base, recipe.adapter, (system,), (FinishedRun(folder, recipe, papers),))
    else:
        weights = folder / record["gguf"]["file"] if "gguf" in record else folder
        kind = kind_of_path(str(weights), None)
        recipe = dataclasses.replace(recipe, model=ModelConfig(str(weights), kind=kind))
        bench = resolve(runs=[], model=recipe.model, adapters=[], with_base=True, seen=[], head=recipe.head)
        (system,) = bench.systems
    decides = {"run_fingerprint": record["run_fingerprint"], "form": record.get("format", "merge"), **inputs}
    return AskedModel(folder, recipe, decides, bench, None, prompts)
