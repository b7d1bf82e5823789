"""Two processes, each with its share, or both asking a model that lies in parts on both: the answers of one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_eval import answers, call

HERE = Path(__file__).parent


def two_processes(run: Path, out: Path, how: str) -> list[dict[str, int]]:
    """What both tell of it."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    arguments = [str(HERE / "two_processes.py"), str(run), str(out), how]
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((out / f"rank{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]


@pytest.mark.slow
def test_two_processes_give_the_answers_of_one(run: Path, tmp_path: Path) -> None:
    assert call(f"run={run}", f"out={tmp_path / 'one'}", "cache=none") == 0
    expected = answers(tmp_path / "one")
    items = 2 * 3 * 6  # systems, languages, items
    first, second = two_processes(run, tmp_path / "apart", "apart")
    assert answers(tmp_path / "apart") == expected
    assert first["asked"] + second["asked"] == items and (first["found"], second["found"]) == (6, 0)

    out = tmp_path / "together"
    assert [told["asked"] for told in two_processes(run, out, "together")] == [items, items]
    assert answers(out) == expected
    # Killed between two batches: both go on from where the main process was.
    journal = out / "items/xnli/direct/run_de/tr.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(b"".join(whole.splitlines(keepends=True)[:1]))
    assert [told["asked"] for told in two_processes(run, out, "together")] == [6, 6]
    assert journal.read_bytes() == whole
