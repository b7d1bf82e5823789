"""The SLURM executor without a cluster: what it submits, and what it makes of what comes back."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pool_cells
import pytest
from tiny_study import ROOT

from mslt_it.problems import Problem
from mslt_it.study import executors
from mslt_it.study.executors import make_executor
from mslt_it.study.jobs import Job, Outcome

submitit = pytest.importorskip("submitit", reason="pip install -e '.[slurm]'")

# In the place of SLURM's own: keeps the script, says a number; every job of the array is done.
SBATCH = '#!/bin/sh\ncp "$1" "{folder}/submitted.sh"\necho "Submitted batch job 4711"\n'
SACCT = "#!/bin/sh\necho 'JobID|State|NodeList'\nfor i in 0 1 2; do echo \"4711_$i|{state}|n1\"; done\n"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    for name, text in (("sbatch", SBATCH), ("sacct", SACCT), ("srun", "#!/bin/sh\n"), ("scancel", "#!/bin/sh\n")):
        path = tmp_path / "bin" / name
        path.write_text(text.replace("{folder}", str(tmp_path)).replace("{state}", "COMPLETED"))
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(executors, "POLL_SECONDS", 0.05)
    return tmp_path


def test_the_script_asks_for_what_the_settings_say(cluster: Path) -> None:
    settings = {"partition": "gpu", "timeout_min": "30", "cpus_per_task": "8", "slurm_account": "me"}
    executor = make_executor("slurm", 2, settings, str(cluster))
    assert isinstance(executor, executors.SlurmArray)
    executor.executor.map_array(executors.Resumable(pool_cells.ended), pool_cells.jobs(cluster, "a", "b", "c"))
    script = (cluster / "submitted.sh").read_text()
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script, re.MULTILINE))
    wanted = {"partition": "gpu", "time": "30", "cpus-per-task": "8", "account": "me", "array": "0-2%2"}
    assert {name: options[name] for name in wanted} == wanted
    assert options["gpus-per-node"] == "1" and options["mem"] == "32GB" and options["job-name"] == "mslt-study"
    assert "submitit.core._submit" in script and str(cluster / "logs" / "slurm") in script


@pytest.mark.slow  # submitit waits for the files of a job that has ended
def test_outcomes_come_back_and_lost_jobs_are_failures(cluster: Path) -> None:
    """The jobs run here, as their nodes would run them, when the script has been handed in."""
    executor = make_executor("slurm", None, {}, str(cluster))
    assert isinstance(executor, executors.SlurmArray)
    original = executor.executor.map_array

    def map_array(function: Any, jobs: list[Job]) -> Any:
        submitted = original(function, jobs)
        command = [sys.executable, "-u", "-m", "submitit.core._submit", str(cluster / "logs" / "slurm")]
        for number in range(2):  # the third is lost
            own = {"SLURM_JOB_ID": f"9{number}", "SLURM_ARRAY_JOB_ID": "4711", "SLURM_ARRAY_TASK_ID": str(number)}
            own |= {"SUBMITIT_EXECUTOR": "slurm", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NTASKS": "1"}
            own |= {"SLURM_NNODES": "1", "SLURM_NODEID": "0", "SLURM_JOB_NODELIST": "n1"}
            own |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)])}
            subprocess.run(command, env=os.environ | own, check=True, timeout=120)
        return submitted

    executor.executor.map_array = map_array
    found: dict[str, Outcome] = {}
    executor.run(pool_cells.jobs(cluster, "a", "b", "lost"), pool_cells.ended, lambda o: found.update({o.cell: o}))
    assert {cell: outcome.status for cell, outcome in found.items()} == {"a": "ok", "b": "ok", "lost": "failed"}
    assert found["lost"].reason.startswith("SLURM job 4711_2 ended without a result: ")
    assert (cluster / "failed" / "lost.txt").is_file()


def test_a_preempted_cell_goes_back_to_the_queue(tmp_path: Path) -> None:
    [job] = pool_cells.jobs(tmp_path, "a")
    delayed = executors.Resumable(pool_cells.ended).checkpoint(job)
    assert isinstance(delayed, submitit.helpers.DelayedSubmission)
    assert delayed.function.run_cell is pool_cells.ended and delayed.args == (job,)


def test_wrong_settings_are_named(cluster: Path) -> None:
    with pytest.raises(Problem, match=r"settings: submitit refuses .*timeout_minn"):
        make_executor("slurm", None, {"timeout_minn": "3"}, str(cluster))
