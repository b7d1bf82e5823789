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
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import PartialState

from mslt_it.evaluation.asking import ask
from mslt_it.evaluation.evaluator import is_sharded
from mslt_it.integrations.ray_cluster import RayCluster
from mslt_it.journal import opened_line, sealed_line
from mslt_it.locks import beside, only_writer
from mslt_it.models.environment import on_main
from mslt_it.prediction import tables
from mslt_it.prediction.labeller import REASON, How, Labeller
from mslt_it.prediction.ray_job import labelled
from mslt_it.prediction.row_languages import RowLanguages
from mslt_it.prediction.tables import Table
from mslt_it.problems import Problem, counted, warn
from mslt_it.progress import Progress, duration
from mslt_it.records import to_plain
from mslt_it.store import file_sha256, read_json, require_space, value_sha256, write_atomically, write_json

CHUNK = 2000  # rows that are asked together at least, the longest first
SIDECAR = ".json"  # after the output's name

Say = Callable[[str], object]


@dataclass(frozen=True)
class Job:
    """What is to be labelled, and where it goes."""

    run: str
    data: str  # a file, or "-"
    out: Path
    how: How
    format: str | None = None  # of data="-"
    overwrite: bool = False
    cluster: RayCluster | None = None  # None: the processes that this one was started with
    wait: bool = False  # for another job on the same output

    @property
    def part(self) -> Path:
        return self.out.with_name(f".{self.out.name}.part")

    @property
    def sidecar(self) -> Path:
        return self.out.with_name(self.out.name + SIDECAR)


def label_file(job: Job, state: PartialState, say: Say) -> dict[str, Any]:
    """Labels the file; the content of the sidecar, empty on processes that do not write."""
    if is_sharded(state):
        raise Problem("mslt predict shares the rows among processes that hold the model each; start it without FSDP.")
    if job.cluster and state.num_processes > 1:
        raise Problem("executor=ray starts its processes itself. Start it without accelerate launch and torchrun.")
    labeller = Labeller(job.run, job.how)
    out_format = tables.format_of("out", job.out)
    with _alone(job, state):
        table: Table = on_main(state, lambda: tables.scan(*_input(job)))
        if out_format == "parquet":  # before anything is asked
            on_main(state, lambda: tables.parquet_schema(table))
        languages = labeller.languages(table.names, job.data)
        rows, size = counted(table.num_rows, "row", form=","), chunk_size(table.num_rows)
        say(f"{rows}. {languages.how}")
        on_main(state, lambda: _require_room(job, labeller, table))
        if job.cluster is None:
            labeller.load()
        if state.num_processes > 1:
            say(f"{state.num_processes} processes, each its own chunks of {size:,} rows")
        if (fitted := labeller.calibration) is not None:
            say(
                f"Calibrated on {fitted.num_rows} held-out rows of {', '.join(fitted.languages)}: temperature "
                f"{fitted.temperature:.3f}, expected calibration error {fitted.error_before:.3f} before, "
                f"{fitted.error_after:.3f} after, on these rows."
                + " All of these rows are right, or no more than by chance: they do not tell how far new rows' "
                "probabilities are to be trusted." * fitted.any_fits
            )
        decided = {**labeller.decided_by(), "data_sha256": on_main(state, lambda: file_sha256(table.path))}
        work = _Work(job, labeller, table, languages, decided, value_sha256(decided))
        if num_before := on_main(state, work.begin):
            say(f"Continues: {counted(num_before, 'chunk')} of {size:,} rows labelled already.")
        started = time.monotonic()
        num_now = work.label_chunks(state)
        state.wait_for_everyone()
        if not state.is_main_process:
            return {}
        content = work.join(out_format)
    seconds = time.monotonic() - started
    say(
        f"Labelled {counted(num_now, 'row', form=',')} in {duration(seconds)}, "
        f"{num_now / max(seconds, 1e-9):.3g} rows/s."
    )
    return content


@contextlib.contextmanager
def _alone(job: Job, state: PartialState) -> Iterator[None]:
    """The only job on this output; refuses what would be overwritten."""
    with contextlib.ExitStack() as stack:

        def begin() -> None:
            _refuse(job)
            stack.enter_context(only_writer(job.out, beside(job.out), wait=job.wait))
            _refuse(job)  # what was waited for may have written it
            for path in itertools.chain([job.part], job.part.rglob("*")):  # are written to and removed
                if path.is_symlink():
                    raise Problem(f"{path} is a link, and parts of what is labelled are kept there. Remove it.")
            job.part.mkdir(exist_ok=True)

        on_main(state, begin)
        try:
            yield
        finally:
            if state.is_main_process and not (job.part / "job.json").exists():
                shutil.rmtree(job.part, ignore_errors=True)  # nothing was begun


def _refuse(job: Job) -> None:
    if not job.out.parent.is_dir():
        raise Problem(f"out={job.out}: there is no folder {job.out.parent}. Make it, or give another place.")
    data = Path(job.data).expanduser()
    if job.data != "-" and job.out.exists() and data.exists() and job.out.samefile(data):
        raise Problem(f"out={job.out} is the input itself. Give another name.")
    if job.out.is_dir():
        raise Problem(f"out={job.out} is a folder. Give a file in it: out={job.out / 'labelled.csv'}.")
    is_ours = "joined" in (read_json(job.part / "job.json") or {})  # by a job that was killed when it wrote them
    for path in (job.out, job.sidecar):
        if path.exists() and not (job.overwrite or is_ours):
            raise Problem(f"out={job.out}: {path} exists already. Give another name, or overwrite=true.")


def _input(job: Job) -> tuple[Path, str]:
    """(the file with the rows, its format); what comes by stdin is kept beside the output."""
    if job.data != "-":
        path = Path(job.data).expanduser()
        if not path.is_file():
            raise Problem(f"data={job.data}: there is no such file. Give a table, or data=- format=csv for stdin.")
        return path, tables.format_of("data", path)
    if job.format is None:
        raise Problem(f"data=- needs its format: format={' or format='.join(tables.FORMATS)}.")
    path = job.part / f"stdin.{job.format}"
    with open(path, "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path, job.format


def _require_room(job: Job, labeller: Labeller, table: Table) -> None:
    """A Problem where the disk cannot take the least that parts and output need: found now, not after a night."""
    least = 2 * table.num_rows * len(labeller.added) * len("0.1,")
    if not {table.path.suffix, job.out.suffix} & {".gz", ".parquet"}:
        least += table.path.stat().st_size
    what = f"the labels of {counted(table.num_rows, 'row', form=',')}"
    require_space(job.out.parent, least, what, "Free some space, or give out= on another disk.")


def chunk_size(num_rows: int) -> int:
    """Rows of a chunk. The more of them, the more are of one length and one language, and the less is padding (15
    languages: 17 % of the tokens with 2,000 rows, 6 % with 8,000); but there are parts to share, and memory is bounded.
    """
    return max(CHUNK, min(4 * CHUNK, num_rows // 16))


@dataclass(frozen=True)
class _Work:
    """A job whose table was looked at; ``wanted``: the hash of what its answers follow from."""

    job: Job
    labeller: Labeller
    table: Table
    languages: RowLanguages
    decided: Mapping[str, Any]
    wanted: str

    @property
    def sizes(self) -> dict[int, int]:
        """Number of a chunk -> its rows."""
        num_rows, size = self.table.num_rows, chunk_size(self.table.num_rows)
        return {number: min(size, num_rows - start) for number, start in enumerate(range(0, num_rows, size))}

    def chunks(self) -> Iterator[tuple[int, list[tables.Values]]]:
        return self.table.chunks(chunk_size(self.table.num_rows))

    def path(self, folder: str, number: int) -> Path:
        return self.job.part / folder / f"{number:06}.jsonl"

    def begin(self) -> int:
        """Makes the folder of parts; how many chunks it holds. Those of something else are begun anew, if asked."""
        part, there = self.job.part, read_json(self.job.part / "job.json") or {}
        is_other = there.get("job_sha256") != self.wanted
        if there and is_other:
            if not self.job.overwrite:
                raise Problem(
                    f"{part} holds an unfinished job of another run, input or options. Start that one again to finish "
                    "it, or give overwrite=true to begin anew."
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
        warn(f"{path} is not as it was written: its rows are labelled again.")
        path.unlink()
        return None

    def bound_to(self, number: int) -> bytes:
        """What the lines of a chunk prove to be of."""
        return f"{self.wanted} {number}".encode()

    def label_chunks(self, state: PartialState) -> int:
        """Labels this process's chunks that are not there yet; how many rows that were."""
        sizes = dict(itertools.islice(self.sizes.items(), state.process_index, None, state.num_processes))
        left = {number: size for number, size in sizes.items() if not self.path("done", number).is_file()}
        if not left:
            return 0
        done = start = sum(sizes.values()) - sum(left.values())
        with Progress("Labelling", sum(sizes.values()), "row", start=start, shown=state.is_main_process) as progress:
            for number, added in self.asked(left, progress):
                lines = [sealed_line(row, self.bound_to(number)) for row in added]
                write_atomically(self.path("done", number), "".join(lines))
                self.path("asked", number).unlink(missing_ok=True)
                done += len(lines)
                progress.update(done)  # with the rows that were not asked
        return sum(left.values())

    def asked(self, wanted: Collection[int], progress: Progress) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """(number, added columns of each row) of the wanted chunks, here or by the cluster."""
        job, labeller = self.job, self.labeller
        if job.cluster is not None:
            folder, size = str(labeller.asked.folder.resolve()), chunk_size(self.table.num_rows)
            yield from labelled(job.cluster, folder, job.how, self.table, job.data, wanted, size)
            return
        model_key = labeller.loaded.model_key(labeller.system)
        for number, rows in self.chunks():
            if number not in wanted:
                continue
            journal = self.path("asked", number)  # of a kill: what is in it is not asked again
            how: dict[str, Any] = {"model_key": model_key, "path": journal, "about": {"chunk": journal.stem}}
            # Whose job it is, job.json says.
            put = functools.partial(ask, **how, replaces=True, advance=progress.advance)
            yield number, list(labeller.label(rows, self.languages, put))

    def join(self, out_format: str) -> dict[str, Any]:
        """Writes output and sidecar and takes the parts away; the sidecar's content."""
        job, labeller, table = self.job, self.labeller, self.table
        languages: Counter[str] = Counter()
        labels: dict[str, Counter[str]] = {}
        reasons: Counter[str] = Counter()
        prefix, choices = labeller.how.prefix, bool(labeller.task.choice_names)

        def rows() -> Iterator[Mapping[str, Any]]:
            for number, chunk in self.chunks():
                if (labelled := self.done(number, len(chunk))) is None:
                    raise Problem(f"{job.part} was altered while it was being written. Start the command again.")
                for row, added in zip(chunk, labelled, strict=True):
                    code, reason = added.pop(""), added[prefix + REASON]
                    languages[code] += 1
                    reasons[reason.partition(":")[0]] += bool(reason)
                    if choices and (label := added[f"{prefix}label"]):
                        labels.setdefault(code, Counter())[label] += 1
                    yield {**row, **added}

        numbers = (f"{prefix}p_", f"{prefix}margin")
        added = {name: "number" if name.startswith(numbers) else "text" for name in labeller.added}
        fresh = job.part / f"out{''.join(job.out.suffixes[-2:])}"
        tables.write(fresh, out_format, table, added, rows())
        with open(fresh, "rb") as file:
            os.fsync(file.fileno())
        content = {
            "run": str(labeller.asked.folder),
            "data": job.data,
            "out": str(job.out),
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
            if labeller.is_chosen
            else None,
            "calibration": to_plain(labeller.calibration) if labeller.calibration else None,
            "options": {**dataclasses.asdict(job.how), "columns": dict(job.how.columns)},
            "decided_by": self.decided,
        }
        write_json(job.part / "job.json", {"job_sha256": self.wanted, "joined": True})
        write_json(job.sidecar, content)
        fresh.replace(job.out)
        for name in ("asked", "done"):
            shutil.rmtree(job.part / name)
        shutil.rmtree(job.part)  # now, so that what says whose the files are goes last
        return content
