"""How far a long job is: a bar in a terminal, elsewhere a line now and then on stderr; lines in the run's log as well.

    with Progress("Scoring", total=num_items, noun="item", log=run.folder / "log.txt") as progress:
        progress.update(done, "th (5 of 12)")

writes, at most every thirty seconds, ``Scoring: item 800 of 4,800, 35 items/s, 1 min 54 s left; th (5 of 12)``.
"""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from mslt_it.problems import plain

INTERVAL = 30.0  # seconds between two lines
_hidden = False


@contextlib.contextmanager
def only_in_logs() -> Iterator[None]:
    """Nothing is shown, of a job that is one of many at once; its log has the lines."""
    global _hidden
    before, _hidden = _hidden, True
    try:
        yield
    finally:
        _hidden = before


def tell(text: str) -> None:
    """A line on stdout, at once."""
    print(plain(text), flush=True)


class Progress(contextlib.AbstractContextManager["Progress"]):
    """One job, ``title`` ("Training"), of ``total`` things, each a ``noun`` ("step").

    Args:
        start: how many were done before, by a run that was interrupted.
        rows: (name, number) of what each is made of, where the rate is better told so: ("rows", 16).
        log: the file that lines are appended to.
        shown: False in all processes but one.
    """

    def __init__(
        self,
        title: str,
        total: int,
        noun: str,
        *,
        start: int = 0,
        rows: tuple[str, int] | None = None,
        log: Path | None = None,
        shown: bool = True,
    ) -> None:
        self.title, self.total, self.noun, self.start = title, total, noun, start
        self.unit, self.unit_size = rows or (f"{noun}s", 1)
        self.log, self.shown = log if shown else None, shown and not _hidden
        self.done, self.began, self.detail = start, time.monotonic(), ""
        self._told = self.began
        # tqdm itself asks whether stderr is a terminal where disable is None, but then writes nothing to the log.
        self._bar = (
            tqdm(desc=title, total=total, initial=start, unit=noun, dynamic_ncols=True, leave=False)
            if self.shown and sys.stderr.isatty()
            else None
        )

    @property
    def seconds_left(self) -> float | None:
        """None before the first step is done, or a twentieth of what are no steps, of which the longest come first."""
        done, least = self.done - self.start, 0 if self.noun == "step" else (self.total - self.start) / 20
        return (time.monotonic() - self.began) / done * (self.total - self.done) if done and done >= least else None

    def update(self, done: int, detail: str = "") -> None:
        """``done`` of ``total`` are done; ``detail`` is told beside it."""
        self.done, self.detail = done, detail
        if self._bar is not None:
            self._bar.total = self.total
            self._bar.set_postfix_str(plain(detail), refresh=False)
            self._bar.update(done - self._bar.n)
        now = time.monotonic()
        if now - self._told >= INTERVAL and done < self.total:
            self._told = now
            self._write(self._line(detail), stderr=self._bar is None)

    def advance(self, number: int = 1) -> None:
        self.update(self.done + number, self.detail)

    def say(self, text: str) -> None:
        """A line of its own, at once."""
        self._write(text, stderr=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self, detail: str) -> str:
        rate = (self.done - self.start) * self.unit_size / max(time.monotonic() - self.began, 1e-9)
        left = self.seconds_left
        parts = [f"{self.noun} {self.done:,} of {self.total:,}", f"{rate:.3g} {self.unit}/s"]
        parts += [f"{duration(left)} left"] if left is not None else []
        return f"{self.title}: {', '.join(parts)}" + f"; {detail}" * bool(detail)

    def _write(self, text: str, *, stderr: bool) -> None:
        text = plain(text)
        if self.shown and stderr:
            tqdm.write(text, file=sys.stderr)  # above the bar, where there is one
            sys.stderr.flush()
        if self.log is not None and self.log.parent.is_dir():
            with self.log.open("a", encoding="utf-8") as file:
                file.write(text + "\n")


def duration(seconds: float) -> str:
    """``40 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def peak_memory_bytes() -> int:
    """The most main memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
