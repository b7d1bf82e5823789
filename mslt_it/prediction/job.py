"""A file labelled: chunk by chunk, in bounded memory, by one process or several, so that a kill loses nothing.

    .labelled.csv.part/   beside the output, until it is there
      job.json            what the rest belongs to
      asked/00012.jsonl   answers of a chunk that is being asked, batch by batch
      done/00012.jsonl    the added columns of a chunk, whole

The output is written at the end and takes its place at once, and with it labelled.csv.json, which says how it was made.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.evaluation.asking import ask
from mslt_it.evaluation.evaluator import is_sharded
from mslt_it.integrations.ray_cluster import RayCluster
from mslt_it.journal import opened_line, sealed_line
from mslt_it.locks import beside, only_writer
from mslt_it.models.environment import on_main, process_state
from mslt_it.prediction import tables
from mslt_it.prediction.asked_columns import REASON
from mslt_it.prediction.labeller import Labeller
from mslt_it.prediction.papers import Papers
from mslt_it.prediction.ray_job import labelled
from mslt_it.prediction.request import How, Request, format_of, part_of, refuse_places, sidecar_of
from mslt_it.prediction.row_languages import RowLanguages
from mslt_it.prediction.tables import Table
from mslt_it.problems import Problem, Say, counted, warn
from mslt_it.progress import Progress, duration
from mslt_it.records import to_plain
from mslt_it.store import file_sha256, read_json, require_space, value_sha256, write_atomically, write_json

CHUNK = 2000  # rows that are asked together at least, the longest first


def chunk_size(num_rows: int) -> int:
    """Rows of a chunk. The more of them, the more are of one length and one language, and the less is padding (15
    languages: 17 % of the tokens with 2,000 rows, 6 % with 8,000); but there are parts to share, and memory is bounded.
    """
    return max(CHUNK, min(4 * CHUNK, num_rows // 16))


def label_file(request: Request, papers: Papers, show: Say) -> dict[str, Any]:
    """Labels the file; the content of the sidecar, empty on processes that do not write, and show nothing."""
    state = process_state()
    say: Say = show if state.is_main_process else lambda text: None
    if is_sharded():
        raise Problem("mslt predict shares the rows among processes that each hold the model; start it without FSDP.")
    job = Job(request, papers)
    if job.cluster and state.num_processes > 1:
        raise Problem("executor=ray starts its processes itself. Start it without accelerate launch and torchrun.")
    out_format, labeller = format_of("out", job.out), job.labeller
    with job.alone():
        table = job.table = on_main(job.scan)
        on_main(lambda: tables.require_writable(table, out_format))  # before anything is asked
        job.languages = labeller.columns.languages(table.names, request.data)
        say(f"{counted(table.num_rows, 'row', form=',')}. {job.languages.how}")
        on_main(job.require_room)
        if job.cluster is None:
            labeller.load()
        if state.num_processes > 1:
            say(f"{state.num_processes} processes, each its own chunks of {job.size:,} rows")
        if (fitted := labeller.calibration) is not None:
            say(
                f"Calibrated on {fitted.num_rows} held-out rows of {', '.join(fitted.languages)}: temperature "
                f"{fitted.temperature:.3f}, expected calibration error {fitted.error_before:.3f} before, "
                f"{fitted.error_after:.3f} after, on these rows."
                + " All of these rows are right, or no more than by chance: they do not show how far "
                "to trust the probabilities of new rows." * fitted.any_fits
            )
        job.decided = {**labeller.decided_by(), "data_sha256": on_main(lambda: file_sha256(table.path))}
        if num_before := on_main(job.begin):
            say(f"Resuming: {counted(num_before, 'chunk')} of {job.size:,} rows already labelled.")
        started = time.monotonic()
        num_now = job.label_chunks()
        state.wait_for_everyone()
        if not state.is_main_process:
            return {}
        content = job.join(out_format)
    seconds = time.monotonic() - started
    say(
        f"Labelled {counted(num_now, 'row', form=',')} in {duration(seconds)}, "
        f"{num_now / max(seconds, 1e-9):.3g} rows/s."
    )
    return content


class Job:
    """What is to be labelled, where it goes, and who does it."""

    table: Table
    languages: RowLanguages
    decided: Mapping[str, Any]  # what the answers follow from

    def __init__(self, request: Request, papers: Papers) -> None:
        self.request, self.out = request, values.path(request.out)
        self.part, self.sidecar = part_of(self.out), sidecar_of(self.out)
        # None: the processes that this one was started with.
        self.cluster = RayCluster(request.workers, request.settings) if request.executor == "ray" else None
        self.labeller = Labeller(papers, request)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """The only job on this output; refuses what would be overwritten."""
        with contextlib.ExitStack() as stack:

            def begin() -> None:
                refuse_places(self.request)
                stack.enter_context(only_writer(self.out, beside(self.out), wait=self.request.wait))
                refuse_places(self.request)  # what was waited for may have written it
                for path in itertools.chain([self.part], self.part.rglob("*")):  # are written to and removed
                    if path.is_symlink():
                        raise Problem(f"{path} is a link, and parts of what is labelled are kept there. Remove it.")
                self.part.mkdir(exist_ok=True)

            on_main(begin)
            try:
                yield
            finally:
                if process_state().is_main_process and not (self.part / "job.json").exists():
                    shutil.rmtree(self.part, ignore_errors=True)  # nothing was begun

    def scan(self) -> Table:
        """The rows; what comes by stdin is kept beside the output."""
        request = self.request
        if request.data != "-":
            path = values.path(request.data)
            return tables.scan(path, format_of("data", path))
        assert request.format is not None  # `refuse_places`
        path = self.part / f"stdin.{request.format}"
        with open(path, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        return tables.scan(path, request.format)

    def require_room(self) -> None:
        """A Problem where the disk cannot take the least that parts and output need: now, not after a night."""
        table = self.table
        least = 2 * table.num_rows * len(self.labeller.added) * len("0.1,")
        if not {table.path.suffix, self.out.suffix} & {".gz", ".parquet", ".xlsx"}:
            least += table.path.stat().st_size
        what = f"the labels of {counted(table.num_rows, 'row', form=',')}"
        require_space(self.out.parent, least, what, "Free some space, or give out= on another disk.")

    @functools.cached_property
    def wanted(self) -> str:
        """The hash of what the answers follow from."""
        return value_sha256(self.decided)

    @functools.cached_property
    def size(self) -> int:
        """Rows of a chunk."""
        return chunk_size(self.table.num_rows)

    @property
    def sizes(self) -> dict[int, int]:
        """Number of a chunk -> its rows."""
        num_rows = self.table.num_rows
        starts = enumerate(range(0, num_rows, self.size))
        return {number: min(self.size, num_rows - start) for number, start in starts}

    def path(self, folder: str, number: int) -> Path:
        return self.part / folder / f"{number:06}.jsonl"

    def begin(self) -> int:
        """Makes the folder of parts; how many chunks it holds. Those of something else are begun anew, if asked."""
        part, there = self.part, read_json(self.part / "job.json") or {}
        is_other = there.get("job_sha256") != self.wanted
        if there and is_other:
            if not self.request.overwrite:
                raise Problem(
                    f"{part} holds an unfinished job of another run, input or options. Start that one again to finish "
                    "it, or give overwrite=true to start over."
                )
            for name in ("asked", "done"):
                shutil.rmtree(part / name, ignore_errors=True)
        for name in ("asked", "done"):
            (part / name).mkdir(parents=True, exist_ok=True)
        if is_other:
            write_json(part / "job.json", {"job_sha256": self.wanted})
        return sum(self.done(number, size) is not None for number, size in self.sizes.items())

    def done(self, number: int, size: int) -> list[dict[str, Any]] | None:
        """The added columns of a chunk; None where it is still to be labelled, or was altered."""
        path = self.path("done", number)
        if not path.is_file():
            return None
        lines = path.read_bytes().split(b"\n")[:-1]
        rows = [row for line in lines if (row := opened_line(line, self.bound_to(number))) is not None]
        if len(rows) == len(lines) == size:
            return rows
        warn(f"{path} was altered or damaged: its rows are labelled again.")
        path.unlink()
        return None

    def bound_to(self, number: int) -> bytes:
        """What the lines of a chunk prove to be of."""
        return f"{self.wanted} {number}".encode()

    def label_chunks(self) -> int:
        """Labels this process's chunks that are not there yet; how many rows that were."""
        state = process_state()
        sizes = dict(itertools.islice(self.sizes.items(), state.process_index, None, state.num_processes))
        left = {number: size for number, size in sizes.items() if not self.path("done", number).is_file()}
        if not left:
            return 0
        done = start = sum(sizes.values()) - sum(left.values())
        with Progress("Labelling", sum(sizes.values()), "row", start=start) as progress:
            for number, added in self.asked(left, progress):
                lines = [sealed_line(row, self.bound_to(number)) for row in added]
                write_atomically(self.path("done", number), "".join(lines))
                self.path("asked", number).unlink(missing_ok=True)
                done += len(lines)
                progress.update(done)  # with the rows that were not asked
        return sum(left.values())

    def asked(self, wanted: Collection[int], progress: Progress) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """(number, added columns of each row) of the wanted chunks, here or by the cluster."""
        labeller = self.labeller
        if self.cluster is not None:
            folder, size = str(labeller.asked.papers.folder.resolve()), self.size
            yield from labelled(self.cluster, folder, self.request, self.table, wanted, size)
            return
        model_key = labeller.loaded.model_key(labeller.system)
        for number, rows in self.table.chunks(self.size):
            if number not in wanted:
                continue
            journal = self.path("asked", number)  # of a kill: what is in it is not asked again
            how: dict[str, Any] = {"model_key": model_key, "path": journal, "about": {"chunk": journal.stem}}
            # Whose job it is, job.json says.
            put = functools.partial(ask, **how, replaces=True, advance=progress.advance)
            yield number, list(labeller.label(rows, self.languages, put))

    def join(self, out_format: str) -> dict[str, Any]:
        """Writes output and sidecar and takes the parts away; the sidecar's content."""
        labeller, table = self.labeller, self.table
        languages: Counter[str] = Counter()
        labels: dict[str, Counter[str]] = {}
        reasons: Counter[str] = Counter()
        prefix, choices = labeller.how.prefix, bool(labeller.task.choice_names)

        def rows() -> Iterator[Mapping[str, Any]]:
            for number, chunk in self.table.chunks(self.size):
                if (labelled := self.done(number, len(chunk))) is None:
                    raise Problem(f"{self.part} was altered while it was being written. Start the command again.")
                for row, added in zip(chunk, labelled, strict=True):
                    code, reason = added.pop(""), added[prefix + REASON]
                    languages[code] += 1
                    reasons[reason.partition(":")[0]] += bool(reason)
                    if choices and (label := added[f"{prefix}label"]):
                        labels.setdefault(code, Counter())[label] += 1
                    yield {**row, **added}

        numbers = (f"{prefix}p_", f"{prefix}margin")
        added = {name: "number" if name.startswith(numbers) else "text" for name in labeller.added}
        fresh = self.part / f"out{''.join(self.out.suffixes[-2:])}"
        tables.write(fresh, out_format, table, added, rows())
        with open(fresh, "rb") as file:
            os.fsync(file.fileno())
        content = {
            "run": str(labeller.asked.papers.folder),
            "data": self.request.data,
            "out": str(self.out),
            "out_sha256": file_sha256(fresh),
            "num_rows": table.num_rows,
            "num_labelled": table.num_rows - sum(n for reason, n in reasons.items() if reason != "cut"),
            "num_abstained": reasons["abstained"],
            "reasons": {reason: n for reason, n in sorted(reasons.items()) if n},
            "other_languages": sorted(set(languages) - {"", *self.languages.known}),
            "languages": {code or "unknown": n for code, n in sorted(languages.items())},
            "labels": {code: dict(sorted(counts.items())) for code, counts in sorted(labels.items())},
            "language_found": self.languages.how,
            "probabilities": "softmax over the label words' log-likelihoods, given the prompt"
            if labeller.columns.is_chosen
            else None,
            "calibration": to_plain(labeller.calibration) if labeller.calibration else None,
            "options": {field.name: getattr(self.request, field.name) for field in dataclasses.fields(How)},
            "decided_by": self.decided,
        }
        write_json(self.part / "job.json", {"job_sha256": self.wanted, "joined": True})
        write_json(self.sidecar, content)
        fresh.replace(self.out)
        for name in ("asked", "done"):
            shutil.rmtree(self.part / name)
        shutil.rmtree(self.part)  # now, so that what says whose the files are goes last
        return content
