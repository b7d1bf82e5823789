from __future__ import annotations

import json
import os

import pytest
import torch

from mslt_it.models.environment import environment, git_commit, idle_cores


def test_environment_is_json_and_names_versions():
    found = json.loads(json.dumps(environment()))
    assert torch.__version__.startswith(found["packages"]["torch"])  # its files may not name the CUDA it is for
    assert found["num_threads"] == torch.get_num_threads()


def test_a_folder_without_a_checkout_has_no_commit(tmp_path):
    assert git_commit(tmp_path) is None


@pytest.mark.parametrize(("threads", "by_launcher", "is_told"), [(1, True, True), (8, True, False), (1, False, False)])
def test_cores_that_a_launcher_left_unused_are_told(
    threads: int, by_launcher: bool, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if by_launcher:
        monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "NO")
    else:
        monkeypatch.delenv("ACCELERATE_DYNAMO_BACKEND", raising=False)
    note = idle_cores()
    assert (note is not None) == is_told
    assert note is None or ("1 of 8 cores" in note and "--num_cpu_threads_per_process 8" in note)
