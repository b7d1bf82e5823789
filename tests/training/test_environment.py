from __future__ import annotations

import json

import torch

from mslt_it.models.environment import environment, git_commit


def test_environment_is_json_and_names_versions():
    found = json.loads(json.dumps(environment()))
    assert found["packages"]["torch"] == torch.__version__
    assert found["num_threads"] == torch.get_num_threads()


def test_a_folder_without_a_checkout_has_no_commit(tmp_path):
    assert git_commit(tmp_path) is None
