"""What the cells that one process runs share: the tokenizer, words already tokenised, and the base.

A run takes them through `mslt_it.pipeline.Parts`, so a cell does what `mslt train` does, to the bit. The base's answers
are taken from the journals of cells that are finished.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import Recipe
from mslt_it.data.build import build_training_set, with_found_labels
from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.evaluate import evaluate
from mslt_it.evaluation.request import parse_request
from mslt_it.evaluation.systems import LoadedBase
from mslt_it.locks import locked
from mslt_it.models.environment import process_state
from mslt_it.models.kinds import with_kind
from mslt_it.pipeline import Parts, run_recipe
from mslt_it.problems import Problem
from mslt_it.quiet import quiet_libraries
from mslt_it.runs import Run
from mslt_it.study.jobs import Job, reason_of
from mslt_it.study.manifest import StudyFolder
from mslt_it.training.together import Part, train_together

LOG = logging.getLogger("mslt_it")


class SharedParts(Parts):
    """Keeps what a run leaves for the next one in this process; ``folder``: the study's."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self._kept: dict[str, tuple[object, Any]] = {}  # what for, and what it is
        self._base: tuple[object, LoadedBase] | None = None
        self._lent: tuple[object, LoadedBase] | None = None

    def _keep(self, name: str, key: object, make: Callable[[], Any]) -> Any:
        if name not in self._kept or self._kept[name][0] != key:
            self._kept[name] = key, make()
        return self._kept[name][1]

    def tokenizer(self, recipe: Recipe) -> Any:
        return self._keep("tokenizer", recipe.model, functools.partial(super().tokenizer, recipe))

    def encoder(self, recipe: Recipe, tokenizer: Any) -> Encoder:
        if recipe.model.kind in ("encoder", "text_to_text"):
            return super().encoder(recipe, tokenizer)
        key = recipe.model, recipe.data.max_length_tokens
        return self._keep("encoder", key, functools.partial(super().encoder, recipe, tokenizer))  # it knows words

    def base(self, recipe: Recipe, tokenizer: Any) -> LoadedBase:
        key = recipe.model, recipe.adapter.quantization, recipe.adapter.method, recipe.head
        kept, self._base = self._base, None
        if kept is None or kept[0] != key:
            del kept  # before another is loaded: two may not fit
            kept = key, super().base(recipe, tokenizer)
        # Lent until it is given back: a run that fails may leave an adapter or a patched forward behind.
        self._lent = kept
        return kept[1]

    def runs(self) -> list[Path]:
        return sorted(self.folder.glob("cells/*"))

    def give_back(self, model: Any) -> None:
        if self._lent is None:
            return
        lent, self._lent = self._lent, None
        base = model.unload()
        if hasattr(base, "disable_input_require_grads") and hasattr(base, "_require_grads_hook"):
            base.disable_input_require_grads()  # else each run with gradient checkpointing would add a hook
        base.requires_grad_(False)
        base.eval()
        if not any("lora_" in name for name, _ in base.named_parameters()) and not hasattr(base, "peft_config"):
            self._base = lent


_parts = functools.lru_cache(maxsize=1)(SharedParts)  # of this process, whichever executor gives it cells


def run_shared(recipe: Recipe, study: str) -> None:
    """Runs a cell's recipe with what earlier cells in this process left."""
    os.environ.setdefault("TRACKIO_DIR", str(Path(study) / "trackio"))  # it has one folder per process
    try:
        run_recipe(recipe, _parts(Path(study)))
    except BaseException:
        _parts.cache_clear()  # the base is lent to the run that failed
        raise


def train_in_one_pass(jobs: Sequence[Job], study: str) -> str:
    """Trains the adapters of several cells at once, into checkpoints from which each cell's own run goes on; what is to
    be said of it. Whatever goes wrong, these runs do what is left, and say what is wrong with one of them.

    The caller holds the lock of the first cell.
    """
    quiet_libraries()
    process_state()
    shared, folder, started = _parts(Path(study)), StudyFolder(Path(study)), time.monotonic()
    found: list[Part] = []
    try:
        with contextlib.ExitStack() as held:
            for job in jobs:
                if job is not jobs[0]:
                    held.enter_context(locked(folder.lock(job.cell)))
                with contextlib.suppress(Problem):
                    recipe = with_found_labels(with_kind(job.recipe), shared.rows)
                    if recipe.model.kind != "decoder":
                        return f"model.kind={recipe.model.kind}: its cells are trained one by one."
                    run = Run(job.recipe)
                    held.enter_context(run.writing(wait=True))
                    run.open()
                    tokenizer = shared.tokenizer(recipe)
                    encoder = shared.encoder(recipe, tokenizer)
                    encoded, _ = build_training_set(recipe, tokenizer, encoder=encoder, rows=shared.rows)
                    found.append(Part(recipe, encoded, run.folder))
            if len(found) < 2:
                return ""
            base = shared.base(found[0].recipe, tokenizer).base
            shared.give_back(train_together(found, base, tokenizer))
    except Exception as error:
        _parts.cache_clear()  # an adapter may be left on the base
        LOG.warning("Training several cells together ended early.", exc_info=True)
        return f"{jobs[0].cell} and {len(jobs) - 1} more train one by one: {reason_of(error).strip().splitlines()[0]}"
    return f"{jobs[0].cell} and {len(found) - 1} more were trained together in {time.monotonic() - started:.0f} s."


def score_others(job: Job) -> None:
    """Scores the cell's adapter, and the base, on the tasks of ``also_score``, into ``also/<cell>/`` of the study."""
    if not job.also_score:
        return
    folder, run = Path(job.study), job.recipe.output_dir
    arguments = [f"run={run}", f"task=[{','.join(job.also_score)}]", "languages=all"]
    arguments += [f"out={folder / 'also' / job.cell}", f"cache={folder / 'also' / 'cache'}"]
    content = evaluate(parse_request(arguments), lambda text: None)
    if content["status"] != "ok":
        raise Problem(f"{folder / 'also' / job.cell}: some scores are invalid. Look at its results.json.")
