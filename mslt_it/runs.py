"""The run folder: everything one run leaves behind, and when it counts as done.

runs/<recipe>-<fingerprint>/
  config.yaml          the resolved recipe
  build_report.json    what the data build kept and dropped, with the mask audit
  losses.jsonl         what training logged, a line per logged step
  environment.json     versions and hardware
  adapter/             the adapter (safetensors) and its model card
  items/               every answer as it came, a journal per system and language (as in `mslt eval`)
  predictions/xx.jsonl one line per scored item: what is right, and what adapter and base answered
  results.json         the figures (schema in README)
  log.txt              what was printed
  COMPLETE.json        written last: SHA-256 of the files above; without it the run is not done
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.config.compose import load_recipe, resolved_yaml
from mslt_it.config.recipe import Recipe
from mslt_it.locks import LOCK, only_writer
from mslt_it.places import CONFIG, FINGERPRINT, refuse_no_place
from mslt_it.problems import Problem, Say, plain, warn
from mslt_it.progress import tell
from mslt_it.records import to_plain
from mslt_it.store import COMPLETE, find_damage, is_intact, read_json, reopen, seal, write_atomically, write_json


@functools.cache
def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Of those packages that are installed, without importing them."""
    found = {}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


UNKNOWN = "unknown"
LOSSES = "losses.jsonl"
SEALED = (
    *("config.yaml", "build_report.json", LOSSES, "results.json"),
    *("adapter/*", "predictions/*.jsonl", "items/**/*.jsonl"),
)


class Run:
    """One run's folder. Only the main process writes; the others get ``is_main=False``. ``show``: prints a line."""

    def __init__(self, recipe: Recipe, *, is_main: bool = True, show: Say = tell) -> None:
        self.recipe = recipe
        self.is_main = is_main
        self.show = show
        default = Path("runs") / f"{recipe.name}-{recipe.run_fingerprint()}"
        self.folder = values.path(recipe.output_dir) if recipe.output_dir else default

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions"

    def open(self, **about: str) -> None:
        """Makes the folder and writes the recipe into it; what was sealed there is not done any more. ``about``: what
        else fingerprint.json says."""
        self.refuse_another()
        if self.is_main:
            # What is appended to a log would go to whatever file it leads to; checkpoints are read, or made anew whole.
            links = [path for path in self.folder.rglob("*") if path.is_symlink() and "checkpoints" not in path.parts]
            for path in (path for path in links if not path.is_dir()):
                if self.fingerprint_of(self.folder) is None:
                    raise Problem(f"{self.folder} holds no run, but {path}, a link. Choose another output_dir.")
                warn(f"{path} was a link to another file: the link was removed.")
                path.unlink()
            self.predictions.mkdir(parents=True, exist_ok=True)
            if (self.folder / COMPLETE).exists():
                reopen(self.folder, "run")
                (self.folder / COMPLETE).unlink(missing_ok=True)
            self.write_json(FINGERPRINT, {"run": self.recipe.run_fingerprint(), **about})
            write_atomically(self.folder / CONFIG, resolved_yaml(self.recipe))

    def refuse_another(self) -> None:
        """A Problem when the folder holds a run of another recipe, seed or set of values, or may hold one."""
        refuse_no_place(self.folder, "output_dir", "run")
        found = self.fingerprint_of(self.folder)
        if found is None:  # and what would be written over is another's
            for path in (self.folder / name for name in (COMPLETE, LOSSES, "results.json", "log.txt")):
                if path.exists():
                    raise Problem(f"{self.folder} holds {path.name} but no run. Choose another output_dir.")
        if found == UNKNOWN and not self._has_this_recipe():
            raise Problem(
                f"{self.folder / FINGERPRINT} cannot be read, and {CONFIG} beside it is not that of this run: nothing "
                "says whose folder it is. Choose another output_dir; what lies there is left as it is."
            )
        if found not in (None, UNKNOWN, self.recipe.run_fingerprint()) and self._is_begun():
            raise Problem(
                f"{self.folder} holds another run (fingerprint {found}, this one is "
                f"{self.recipe.run_fingerprint()}). Choose another output_dir, or remove that folder."
            )

    def _is_begun(self) -> bool:
        """Whether there is anything of the run in the folder but its papers: one whose rows could not be built left
        these alone, and is started again with what was wrong put right."""
        there = [path for path in self.folder.iterdir() if path.name not in (CONFIG, FINGERPRINT, LOCK, "log.txt")]
        return any(path != self.predictions or any(path.iterdir()) for path in there)

    @staticmethod
    def fingerprint_of(folder: Path) -> str | None:
        """The fingerprint of the run in a folder; None where there is none, `UNKNOWN` where its file is damaged."""
        if not (folder / FINGERPRINT).exists() and not (folder / CONFIG).exists():
            return None
        found = (read_json(folder / FINGERPRINT) or {}).get("run")
        return found if isinstance(found, str) else UNKNOWN

    def _has_this_recipe(self) -> bool:
        with contextlib.suppress(Problem, OSError, UnicodeDecodeError, RecursionError):
            is_file = (self.folder / CONFIG).is_file()
            found = load_recipe("config", config_dir=self.folder) if is_file else None
            return found is not None and found.run_fingerprint() == self.recipe.run_fingerprint()
        return False

    def writing(self, *, wait: bool = False) -> contextlib.AbstractContextManager[None]:
        """No other process writes into the folder meanwhile; a Problem where one does, unless it is waited for."""
        if not self.is_main:
            return contextlib.nullcontext()
        self.refuse_another()
        return only_writer(self.folder, self.folder / LOCK, wait=wait, say=self.show)

    def say(self, text: str = "") -> None:
        """Prints a line and keeps it in the log; only the main process speaks."""
        if not self.is_main:
            return
        self.show(text)
        if self.folder.is_dir():
            with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
                log.write(plain(text) + "\n")

    def write_json(self, name: str, value: Any) -> None:
        if self.is_main:
            write_json(self.folder / name, to_plain(value))

    def finish(self) -> None:
        """Seals the run: the hashes of its files, written last."""
        if self.is_main:
            seal(self.folder, (p for pattern in SEALED for p in self.folder.glob(pattern) if p.is_file()))

    def finished_results(self) -> dict[str, Any] | None:
        """results.json of a finished run whose files are all as they were written, else None."""
        if find_damage(self.folder) is not None or not is_intact(self.folder, "results.json"):
            return None
        found = self.fingerprint_of(self.folder)
        if found != self.recipe.run_fingerprint() and not (found == UNKNOWN and self._has_this_recipe()):
            return None
        return read_json(self.folder / "results.json")
