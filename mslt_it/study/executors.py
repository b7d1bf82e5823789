"""Who runs the cells: this machine's processes, a SLURM cluster, or Ray.

An executor gets all cells that are to be done and calls ``on_done`` once for each, in the order in which they end. How
it groups them is its own affair.
"""

from __future__ import annotations

from collections.abc import Mapping

from mslt_it.problems import Problem, nearest
from mslt_it.study.local_pool import LocalPool
from mslt_it.study.ray_tasks import RayTasks
from mslt_it.study.slurm import SlurmArray
from mslt_it.study.together import Together

# name -> what it is
EXECUTORS = {
    "local": "processes on this machine; a GPU each where there are GPUs",
    "together": "a process on this machine, or one for each GPU, that trains several cells in one pass over the base",
    "slurm": "job arrays of a SLURM cluster (pip install -e '.[slurm]')",
    "ray": "tasks of a Ray cluster, or of a local one (pip install -e '.[ray]')",
}


def make_executor(
    name: str, workers: int | None, settings: Mapping[str, str], study: str
) -> LocalPool | Together | SlurmArray | RayTasks:
    """The executor of that name, with its settings; a Problem where it, or what it needs, is not there.

    Args:
        workers: cells at a time; None: as many as make sense there.
        settings: of SLURM and Ray, by their own names.
        study: the study's folder.
    """
    if name not in EXECUTORS:
        raise Problem(f"executor={name} is unknown. {nearest(name, EXECUTORS)}")
    if name == "slurm":
        return SlurmArray(study, workers, settings)
    if name == "ray":
        return RayTasks(workers, settings)
    if settings:
        raise Problem(f"settings={dict(settings)} has no effect with executor={name}. Leave it out.")
    return Together(study, workers) if name == "together" else LocalPool(study, workers)
