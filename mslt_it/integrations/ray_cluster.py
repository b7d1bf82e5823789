"""A Ray cluster to work on: the one that RAY_ADDRESS names, else a local one that is there while it is used.

Settings: num_cpus and num_gpus of a worker (settings={num_gpus:1,num_cpus:4}).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from mslt_it.problems import Problem, nearest

SETTINGS = ("num_cpus", "num_gpus")


class RayCluster:
    """``workers``: at a time; None: as many as the cluster has room for."""

    def __init__(self, workers: int | None, settings: Mapping[str, str]) -> None:
        try:
            import ray
        except ImportError as error:
            raise Problem(
                "executor=ray needs the package ray, which is not installed: pip install -e '.[ray]', or use "
                "executor=local."
            ) from error
        self.ray: Any = ray
        self.workers = workers
        self.resources: dict[str, float] = {"num_cpus": 1.0}
        for name, value in settings.items():
            if name not in SETTINGS:
                raise Problem(f"settings: executor=ray has no '{name}'. {nearest(name, SETTINGS)}")
            try:
                self.resources[name] = float(value)
            except ValueError:
                raise Problem(f"settings: {name}={value} is not a number.") from None

    @contextlib.contextmanager
    def connected(self) -> Iterator[Any]:
        """The module ``ray``, connected; a local cluster has room for the workers, and goes at the end."""
        ray = self.ray
        started = not ray.is_initialized()
        if started:
            options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}
            if "RAY_ADDRESS" not in os.environ:
                local = self.workers or len(os.sched_getaffinity(0))
                options["num_cpus"] = max(1, round(local * self.resources["num_cpus"]))
            ray.init(**options)
        try:
            yield ray
        finally:
            if started:
                ray.shutdown()
