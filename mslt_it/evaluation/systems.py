"""What is scored: a base model as it is, and adapters on it, one after another on one load of the base."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import AdapterConfig, Head, ModelConfig
from mslt_it.evaluation.trained_rows import Trained
from mslt_it.languages import primary
from mslt_it.models.base_model import adapted, fit_vocabulary, load_base, model_hash
from mslt_it.models.finished_run import ADAPTER, FinishedRun, adapter_hash
from mslt_it.models.identity import identity, load_trained_base
from mslt_it.models.model_errors import fetch_record
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.places import ADAPTER_CONFIG, RECORD, trained_before
from mslt_it.problems import Problem
from mslt_it.store import read_json, value_sha256

BASE = "base"


@dataclass(frozen=True)
class System:
    """A model that answers: the base (``adapter`` is None) or the base with an adapter."""

    name: str
    adapter: Path | None
    adapter_sha256: str | None
    sources: tuple[str, ...] | None  # languages the adapter was trained on; None: not known
    settings_sha256: str | None = None  # of adapter_config.json: the same tensors at another alpha answer otherwise

    def has_seen(self, language: str) -> bool:
        return primary(language) in {primary(code) for code in self.sources or ()}


def adapter_system(name: str, folder: Path, adapter_sha256: str, sources: Sequence[str] | None) -> System:
    """The adapter in a folder; ``sources`` None: what languages it was trained on is not known."""
    content = read_json(folder / ADAPTER_CONFIG)  # None: `load_adapter` says what is wrong with it
    decides_nothing = ("base_model_name_or_path", "inference_mode")
    settings = {k: v for k, v in (content or {}).items() if k not in decides_nothing}
    trained_on = None if sources is None else tuple(sources)
    return System(name, folder, adapter_sha256, trained_on, None if content is None else value_sha256(settings))


def role(system: System, among: Sequence[System], language: str) -> str:
    """What a language is to a system: "source" (trained on it), "seen" (by another one among them) or "target"."""
    if system.has_seen(language):
        return "source"
    return "seen" if any(other.has_seen(language) for other in among) else "target"


@dataclass(frozen=True)
class Bench:
    """The systems of one evaluation, and how their base is loaded."""

    model: ModelConfig
    quantization: AdapterConfig | None  # as the base is to be quantised
    systems: tuple[System, ...]
    runs: tuple[FinishedRun, ...]  # those among the systems that are runs, whose papers are checked
    notes: tuple[str, ...] = ()
    head: Head | None = None  # by what an encoder answers


@dataclass(frozen=True)
class LoadedBase:
    """A base in memory, and the hashes that name it in journals and in the cache."""

    tokenizer: Any
    base: Any
    papers: dict[str, Any]
    adapted: Any = None  # the base with the one adapter that is asked, where that is in memory already
    note: str | None = None  # on how its vocabulary was fitted

    @staticmethod
    def of(tokenizer: Any, base: Any, quantization: str, base_sha256: str = "", note: str | None = None) -> LoadedBase:
        """A base just as it was loaded: training changes the configuration of some."""
        found = identity(base, tokenizer)
        papers = {
            "base_sha256": base_sha256,
            "base_dtype": found["base_dtype"],
            "quantization": quantization,
            "tokenizer_sha256": found["tokenizer_sha256"],
            "template_sha256": found["template_sha256"],
            "config_sha256": value_sha256(_without_names(base.config.to_dict())),
        }
        return LoadedBase(tokenizer, base, papers, note=note)

    def model_key(self, system: System) -> dict[str, Any]:
        """Everything that a system's answers follow from, as hashes."""
        return {
            **self.papers,
            "adapter_sha256": system.adapter_sha256,
            "adapter_config_sha256": system.settings_sha256,
        }


def resolve(
    adapters: Sequence[Trained],
    *,
    model: ModelConfig | None,
    with_base: bool,
    seen: Sequence[str],
    head: Head | None = None,
) -> Bench:
    """The systems that the arguments name; nothing is loaded yet.

    Args:
        adapters: runs of `mslt train` or `mslt combine`, and adapters alone.
        model: the base, where it is not that of the first run.
        with_base: score the base without an adapter too, unless it is an encoder, which has no head without one.
        head: of ``model``, where it is an encoder with one; None: that of the runs.
        seen: languages that adapters without their run's folder were trained on, or a model that is scored alone.
    """
    finished = [one.run for one in adapters if one.run is not None]
    if model is None and not finished:
        raise Problem("Nothing to score: give run=RUNFOLDER, or model=PATH (and adapter=FOLDER).")
    chosen = model if model is not None else finished[0].recipe.model
    systems, notes = [], []
    with contextlib.suppress(Problem):  # said where the base is loaded
        fetch_record(chosen.path, chosen.revision)
    before = trained_before(chosen.path, chosen.revision)
    for name, one in zip(_names([one.folder for one in adapters]), adapters, strict=True):
        if (run := one.run) is not None:
            sha = str(run.provenance["adapter_sha256"])
            systems.append(adapter_system(name, run.adapter, sha, (*run.recipe.sources, *before)))
            continue
        systems.append(adapter_system(name, one.folder, adapter_hash(one.folder), tuple(seen) or None))
        if not seen:
            notes.append(
                f"{name}: an adapter without a run folder. Its training languages and base weights are "
                "not known: all languages count as unseen (give seen=[...]), and the base is used unchecked."
            )
    heads = dict.fromkeys([*([head] if head else []), *(run.recipe.head for run in finished)])
    if len(heads) > 1:
        told = "; ".join(", ".join(one.labels) if one else "no head" for one in heads)
        raise Problem(
            f"The runs answer by heads of different labels ({told}): one load cannot serve them. Score them in "
            "separate calls."
        )
    head = next(iter(heads), None)
    if (with_base and head is None) or not systems:
        own = Path(chosen.path).name.strip(".") or Path(chosen.path).resolve().name  # model=.
        base = System(BASE, None, None, before) if systems else System(own or BASE, None, None, tuple(seen) or before)
        systems.insert(0, base)
    quantizations = {run.recipe.adapter.quantization for run in finished}
    if len(quantizations) > 1:
        raise Problem(
            f"The runs were trained on a base quantised in different ways ({', '.join(sorted(quantizations))}): one "
            "load cannot serve them. Score them in separate calls."
        )
    adapter = finished[0].recipe.adapter if finished else None
    return Bench(chosen, adapter, tuple(systems), tuple(finished), tuple(notes), head)


def seed_pools(bench: Bench) -> dict[str, tuple[str, int]]:
    """System -> (what it is called together with the runs that differ from it by seed only, its seed); only of systems
    that have such others. Combinations of runs stand alone, since a seed is not all that made them."""
    names = {system.adapter: system.name for system in bench.systems}
    alike: dict[str, dict[int, list[FinishedRun]]] = {}
    for run in bench.runs:
        if "combination" not in run.provenance:
            key = dataclasses.replace(run.recipe, seed=0).training_fingerprint()
            alike.setdefault(key, {}).setdefault(run.recipe.seed, []).append(run)
    found: dict[str, tuple[str, int]] = {}
    for of_seeds in alike.values():
        runs = [same[0] for same in of_seeds.values()]
        if len(runs) > 1 and all(len(same) == 1 for same in of_seeds.values()):
            members = [names[run.adapter] for run in runs]
            called = f"{' '.join(runs[0].recipe.sources)}, {len(runs)} seeds"
            called = f"{called} ({', '.join(members)})" if called in {name for name, _ in found.values()} else called
            found |= {name: (called, run.recipe.seed) for name, run in zip(members, runs, strict=True)}
    return found


def load(bench: Bench, *, given_model: bool) -> LoadedBase:
    """Loads tokenizer and base, and refuses adapters that were trained on other weights or another tokenizer.

    ``given_model``: the base was named by the user, not taken from the first run.
    """
    if bench.runs and not given_model:
        tokenizer, base, _ = load_trained_base(bench.runs[0])
        sha = str(bench.runs[0].provenance["base_sha256"])
    else:
        tokenizer = load_tokenizer(bench.model)
        base = load_base(bench.model, bench.quantization, head=bench.head)
        fit_vocabulary(base, tokenizer)
        sha = model_hash(base)
    loaded = LoadedBase.of(tokenizer, base, bench.quantization.quantization if bench.quantization else "none", sha)
    papers: dict[Path, Any] = {run.folder: run.provenance for run in bench.runs}
    papers |= {
        one.adapter: (read_json(one.adapter / RECORD) or {}).get("inputs") for one in bench.systems if one.adapter
    }
    for folder, told in papers.items():  # an exported adapter goes without its run
        for key in ("base_sha256", "tokenizer_sha256", "template_sha256") if isinstance(told, dict) else ():
            recorded = told.get(key)
            if key in told and recorded != loaded.papers[key]:
                raise Problem(
                    f"{folder}: its adapter was trained with another {key.removesuffix('_sha256')} than the one "
                    f"loaded here (sha256 {str(recorded)[:12]}, loaded {str(loaded.papers[key])[:12]}). Score runs of "
                    "different bases in separate calls, or give the right model=."
                )
    return loaded


@contextlib.contextmanager
def _gathered(model: Any) -> Iterator[None]:
    """What FSDP2 leaves to a model's root (embedding, last norm, head), whole meanwhile: FSDP2 gathers it when the root
    is called, and questions call the parts below it."""
    if not hasattr(model, "unshard"):  # torch's FSDPModule, which takes most of a second to import
        yield
        return
    model.unshard()
    try:
        yield
    finally:
        model.reshard()


@contextlib.contextmanager
def applied(loaded: LoadedBase, system: System) -> Iterator[Any]:
    """The model in the system's state; the base is as before afterwards."""
    if loaded.adapted is not None:
        state = loaded.adapted.disable_adapter() if system.adapter is None else contextlib.nullcontext()
        with _gathered(loaded.adapted), state:
            yield loaded.adapted
        return
    if system.adapter is None:
        yield loaded.base
        return
    with adapted(loaded.base, system.adapter) as model:
        yield model


def _names(folders: Sequence[Path]) -> list[str]:
    """A short name for each folder, all different, fit for a file name."""
    plain = [(f.parent if f.name == ADAPTER and f.parent.name else f).resolve().name for f in folders]
    names = [BASE]
    for name in plain:
        number = 1
        while (found := name if number == 1 else f"{name}-{number}") in names or (number > 1 and found in plain):
            number += 1
        names.append(found)
    return names[1:]


def _without_names(content: Any) -> Any:
    """A configuration (it decides answers beside the weights: rotary base, positions, scales) without where it came
    from and what wrote it."""
    if not isinstance(content, dict):
        return content
    told = {str(k): v for k, v in content.items()}
    return {k: _without_names(v) for k, v in told.items() if not k.startswith("_") and k != "transformers_version"}
