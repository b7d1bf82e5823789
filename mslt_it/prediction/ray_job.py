"""The chunks of a table labelled on a Ray cluster, as a Ray Data job: actors hold the model each, and a chunk whose
process or node dies is asked again by another.

Rows travel to the actors and labels back, as text, so that table and output need to be on this machine alone. What has
to be on every node, under the same path, is the run's folder and its base, and mslt_it itself.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow

from mslt_it.data.labels import as_text, not_text
from mslt_it.integrations.ray_cluster import RayCluster
from mslt_it.prediction.labeller import Labeller
from mslt_it.prediction.papers import read_papers
from mslt_it.prediction.request import Request
from mslt_it.prediction.tables import Table
from mslt_it.problems import Problem
from mslt_it.quiet import quiet_libraries


class Actor:
    """A process of the cluster with the model; called with a chunk as a table of one row, number and rows."""

    def __init__(self, run: str, asked: Request, names: tuple[str, ...]) -> None:
        quiet_libraries()
        self.labeller = Labeller(read_papers(Path(run)), asked)
        self.languages = self.labeller.columns.languages(names, asked.data)
        self.labeller.load()

    def __call__(self, chunk: pyarrow.Table) -> pyarrow.Table:
        rows = json.loads(chunk["rows"][0].as_py())
        added = [json.dumps(row, ensure_ascii=False) for row in self.labeller.label(rows, self.languages)]
        return pyarrow.table({"number": chunk["number"], "added": [added]})


def labelled(
    cluster: RayCluster, run: str, asked: Request, table: Table, wanted: Collection[int], size: int
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """(number, added columns of each row) of the wanted chunks of ``size`` rows, in the order in which they are done;
    ``run``: its whole path."""

    def chunks(_: pyarrow.Table) -> Iterator[pyarrow.Table]:
        for number, rows in table.chunks(size):
            if number in wanted:
                yield pyarrow.table({"number": [number], "rows": [json.dumps(rows, default=_plain)]})

    with cluster.connected() as ray:
        settings = ray.data.DataContext.get_current()
        settings.enable_progress_bars = settings.print_on_execution_start = False
        settings.target_max_block_size = 1  # a chunk is a block, so that each goes to the next free actor
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
        pool = ray.data.ActorPoolStrategy(size=cluster.workers) if cluster.workers else ray.data.ActorPoolStrategy()
        made = (
            ray.data.from_items([0])
            .map_batches(chunks, batch_format="pyarrow", num_cpus=0, label_selector=here)  # reads the table once
            .map_batches(
                Actor,
                fn_constructor_args=(run, asked, table.names),
                batch_size=1,
                batch_format="pyarrow",
                compute=pool,
                **cluster.resources,
            )
        )
        try:
            for row in made.iter_rows():
                yield int(row["number"]), [json.loads(text) for text in row["added"]]
        except ray.exceptions.RayError as error:
            said = str(getattr(error, "cause", None) or error).strip().splitlines()
            raise Problem(
                f"The Ray job on {asked.data} failed: {said[-1]} What is labelled is kept: start it again."
            ) from error


def _plain(value: Any) -> Any:
    """What JSON has no form for, as the text that would be asked; what is no text stays none."""
    return [] if not_text(value) else as_text(value)
