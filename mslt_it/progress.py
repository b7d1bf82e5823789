"""How far a long job is: a bar in a terminal, elsewhere a line now and then on stderr; lines in the run's log as well.

    with Progress("Scoring", total=num_items, noun="item", log=run.folder / "log.txt") as progress:
        progress.update(done, "th (5 of 12)")

writes, at most every thirty seconds, ``Scoring: item 800 of 4,800, 35 items/s, 1 min 54 s left; th (5 of 12)``.
Where nothing can be counted, `working` says what goes on, and for how long.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from mslt_it.problems import plain

INTERVAL = 30.0  # seconds between two lines
LONG = 300.0  # seconds after which an estimate is told, however little is done
REDRAWN = 1.0  # seconds after which a terminal shows a job of which nothing is counted, and shows it anew
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


def _is_first() -> bool:
    """Of processes that a launcher started together; the others tell nothing."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Within it, ``what`` ("Reading de.tsv") and how long it has taken stand in a terminal, from the second on, or in a
    line now and then. Nothing else that shows how far it is should begin in it."""
    if _hidden or not _is_first():
        yield
        return
    over, began = threading.Event(), time.monotonic()

    def show() -> None:
        bar = None
        while not over.wait(REDRAWN if _in_terminal() else INTERVAL):
            spent = duration(time.monotonic() - began)
            if _in_terminal():
                bar = tqdm(bar_format="{desc}", leave=False) if bar is None else bar
                bar.set_description_str(plain(f"{what} ... {spent}"))
            else:
                tqdm.write(plain(f"{what}: {spent} so far"), file=sys.stderr)
        if bar is not None:
            bar.close()

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _in_terminal() -> bool:
    """Whether a bar would be seen: one without width (of `script`, some containers) shows none."""
    if not sys.stderr.isatty():
        return False
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except OSError:  # it cannot say
        return True


def tell(text: str) -> None:
    """A line on stdout, at once."""
    print(plain(text), flush=True)


class Progress(contextlib.AbstractContextManager["Progress"]):
    """One job, ``title`` ("Training"), of ``total`` things, each a ``noun`` ("step").

    Args:
        start: how many were done before, by a run that was interrupted.
        rows: (name, number) of what each is made of, where the rate is better told so: ("rows", 16).
        log: the file that lines are appended to.
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
    ) -> None:
        self.title, self.total, self.noun, self.start = title, total, noun, start
        self.unit, self.unit_size = rows or (f"{noun}s", 1)
        self.log, self.shown = (log, not _hidden) if _is_first() else (None, False)
        self.done: float = start
        self.began, self.detail = time.monotonic(), ""
        self._told = self.began
        # tqdm itself asks whether stderr is a terminal where disable is None, but then writes nothing to the log.
        self._bar = (
            tqdm(desc=title, total=total, initial=start, unit=noun, dynamic_ncols=True, leave=False)
            if self.shown and _in_terminal()
            else None
        )

    @property
    def seconds_left(self) -> float | None:
        """None before something is done; of what are no steps, and come the longest first, before a twentieth or `LONG`
        seconds."""
        done, spent = self.done - self.start, time.monotonic() - self.began
        is_told = self.noun == "step" or spent > LONG or done >= (self.total - self.start) / 20
        return spent / done * (self.total - self.done) if done and is_told else None

    def update(self, done: float, detail: str = "") -> None:
        """``done`` of ``total`` are done, parts of one counted; ``detail`` is told beside it."""
        self.done, self.detail = done, detail
        if self._bar is not None:
            self._bar.total = self.total
            self._bar.set_postfix_str(plain(detail), refresh=False)
            self._bar.update(self._whole - self._bar.n)
        now = time.monotonic()
        if now - self._told >= INTERVAL and done < self.total:
            self._told = now
            self._write(self._line(detail), stderr=self._bar is None)

    def advance(self, number: float = 1, is_new: bool = True) -> None:
        """``is_new``: False for what was done before, which says nothing of how long the rest takes."""
        if not is_new:
            self.start += int(number)
            if self._bar is not None:
                self._bar.initial = self.start
        self.update(self.done + number, self.detail)

    @property
    def _whole(self) -> int:
        return int(self.done + 1e-6)  # parts do not add up to the last bit

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
        parts = [
            f"{self.noun} {self._whole:,} of {self.total:,}",
            f"{rate:,.0f} {self.unit}/s" if rate >= 100 else f"{rate:.3g} {self.unit}/s",
        ]
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
