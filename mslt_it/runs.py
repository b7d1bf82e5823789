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

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.config.compose import resolved_yaml
from mslt_it.config.recipe import Recipe
from mslt_it.problems import Problem
from mslt_it.progress import tell
from mslt_it.records import to_plain
from mslt_it.store import COMPLETE, altered, read_json, reopen, seal, write_atomically, write_json

SEALED = (
    *("config.yaml", "build_report.json", "losses.jsonl", "results.json"),
    *("adapter/*", "predictions/*.jsonl", "items/**/*.jsonl"),
)


class Run:
    """One run's folder. Only the main process writes; the others get ``is_main=False``. ``show``: prints a line."""

    def __init__(self, recipe: Recipe, *, is_main: bool = True, show: Callable[[str], object] = tell) -> None:
        self.recipe = recipe
        self.is_main = is_main
        self.show = show
        default = Path("runs") / f"{recipe.name}-{recipe.run_fingerprint()}"
        self.folder = values.path(recipe.output_dir) if recipe.output_dir else default

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions"

    def open(self, **about: str) -> None:
        """Makes the folder and writes the recipe into it; what was sealed there is not done any more.

        ``about``: what else fingerprint.json says.
        """
        self.refuse_another()
        if self.is_main:
            self.predictions.mkdir(parents=True, exist_ok=True)
            if (self.folder / COMPLETE).is_file():
                reopen(self.folder, "run")
                (self.folder / COMPLETE).unlink(missing_ok=True)
            self.write_json("fingerprint.json", {"run": self.recipe.run_fingerprint(), **about})
            write_atomically(self.folder / "config.yaml", resolved_yaml(self.recipe))

    def refuse_another(self) -> None:
        """A Problem when the folder holds a run of another recipe, seed or set of values."""
        found = self.fingerprint_of(self.folder)
        if found not in (None, self.recipe.run_fingerprint()):
            raise Problem(
                f"{self.folder} holds another run (fingerprint {found}, this one is "
                f"{self.recipe.run_fingerprint()}). Choose another output_dir, or remove that folder."
            )

    @staticmethod
    def fingerprint_of(folder: Path) -> str | None:
        """The fingerprint of the run in a folder, if there is one."""
        path = folder / "fingerprint.json"
        return json.loads(path.read_text(encoding="utf-8"))["run"] if path.is_file() else None

    def say(self, text: str = "") -> None:
        """Prints a line and keeps it in the log; only the main process speaks."""
        if not self.is_main:
            return
        self.show(text)
        if self.folder.is_dir():
            with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
                log.write(text + "\n")

    def write_json(self, name: str, value: Any) -> None:
        if self.is_main:
            write_json(self.folder / name, to_plain(value))

    def finish(self) -> None:
        """Seals the run: the hashes of its files, written last."""
        if self.is_main:
            seal(self.folder, (p for pattern in SEALED for p in self.folder.glob(pattern) if p.is_file()))

    def finished_results(self) -> dict[str, Any] | None:
        """results.json of a finished run whose files are all as they were written, else None."""
        if not (self.folder / COMPLETE).is_file() or self.fingerprint_of(self.folder) != self.recipe.run_fingerprint():
            return None
        return None if altered(self.folder) else read_json(self.folder / "results.json")
