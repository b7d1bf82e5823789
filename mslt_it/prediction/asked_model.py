"""The folder that ``run=`` names as a model that is asked, and how it is loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mslt_it.config.recipe import ModelConfig, Recipe
from mslt_it.data.encoding import Encoder
from mslt_it.data.segments import encoder_of
from mslt_it.evaluation.calibration import Calibration, calibrated
from mslt_it.evaluation.systems import Bench, LoadedBase, System, adapter_system, load, resolve
from mslt_it.models.base_model import CONFIG, load_adapter
from mslt_it.models.finished_run import ADAPTER, FinishedRun
from mslt_it.models.kinds import kind_of_path
from mslt_it.places import PROMPTS
from mslt_it.prediction.papers import Papers
from mslt_it.problems import Problem
from mslt_it.publish.prompt_record import CALIBRATION, prompt_record
from mslt_it.store import read_json


@dataclass(frozen=True)
class AskedModel:
    """A folder that rows are labelled by, read and checked; nothing is loaded yet."""

    papers: Papers
    recipe: Recipe  # by which rows are asked, with the model that is there
    decides: Mapping[str, Any]  # hashes of what answers follow from
    bench: Bench  # the one system, and how its base is loaded

    def load(self) -> tuple[LoadedBase, System, Any, Encoder]:
        """The base, the one system, its model, and what encodes rows; a Problem where weights or prompts are others."""
        papers, loaded = self.papers, load(self.bench, given_model=not self.bench.runs)
        (system,) = self.bench.systems
        model = loaded.base if system.adapter is None else load_adapter(loaded.base, system.adapter)
        encoder = encoder_of(self.recipe, loaded.tokenizer)
        if papers.run is None and prompt_record(self.recipe, encoder)["languages"] != papers.prompts["languages"]:
            raise Problem(
                f"run={papers.folder}: this version of mslt_it words prompts differently from {PROMPTS} there, with "
                "which it was trained. Use the version that made it (see export.json or merge.json), or make it again."
            )
        return loaded, system, model, encoder

    def calibration(self) -> Calibration:
        """Fitted on the run's held-out rows, now or when the folder was made of it; a Problem where there is none."""
        if self.papers.run is not None:
            found = calibrated(self.papers.run)
        else:
            kept = self.papers.prompts[CALIBRATION]
            found = kept if isinstance(kept, str) else Calibration(**{**kept, "languages": tuple(kept["languages"])})
        if isinstance(found, str):
            raise Problem(f"calibration=held_out: {self.papers.folder}: {found}. Or leave calibration out.")
        return found


def model_of(papers: Papers) -> AskedModel:
    """What is asked, by the papers of its folder."""
    if (run := papers.run) is not None:
        system = adapter_system(ADAPTER, run.adapter, str(run.provenance["adapter_sha256"]), run.recipe.sources)
        bench = Bench(run.recipe.model, run.recipe.adapter, (system,), (run,))
        decides = {key: run.provenance.get(key) for key in ("run_fingerprint", "base_sha256", "adapter_sha256")}
        return AskedModel(papers, run.recipe, {**decides, "adapter_config_sha256": system.settings_sha256}, bench)
    folder, recipe, record = papers.folder, papers.recipe, papers.record
    inputs = record["inputs"]
    if record.get("kind") == "adapter":
        config = read_json(folder / CONFIG) or {}
        base = ModelConfig(config["base_model_name_or_path"], config["revision"])
        recipe = dataclasses.replace(recipe, model=base)
        origin = {"model": base.path, "model_revision": base.revision, "base_sha256": inputs["base_sha256"]}
        system = adapter_system(ADAPTER, folder, inputs["adapter_sha256"], recipe.sources)
        bench = Bench(base, recipe.adapter, (system,), (FinishedRun(folder, recipe, origin),))
    else:
        weights = folder / record["gguf"]["file"] if "gguf" in record else folder
        kind = kind_of_path(str(weights), None)
        recipe = dataclasses.replace(recipe, model=ModelConfig(str(weights), kind=kind))
        bench = resolve([], model=recipe.model, with_base=True, seen=[], head=recipe.head)
        (system,) = bench.systems
    decides = {"run_fingerprint": record["run_fingerprint"], "form": record.get("format", "merge"), **inputs}
    return AskedModel(papers, recipe, decides, bench)
