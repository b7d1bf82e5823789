"""An actor of a Ray job whose process dies once, in the middle of a chunk."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow

from mslt_it.prediction.ray_job import Actor

MARK = "DYING_ACTOR_MARK"  # variable with the file that says that one died already


class DyingActor(Actor):
    def __call__(self, chunk: pyarrow.Table) -> pyarrow.Table:
        try:
            Path(os.environ[MARK]).touch(exist_ok=False)
        except FileExistsError:
            return super().__call__(chunk)
        os._exit(1)
