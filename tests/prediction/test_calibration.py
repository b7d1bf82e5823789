"""Calibration against values worked out by hand, and a run's own held-out rows."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from labelled_table import Trained
from scipy.special import softmax

from mslt_it import predict
from mslt_it.evaluation.calibration import Calibration, calibrated, calibration_error, fitted_temperature
from mslt_it.models.finished_run import read_run
from mslt_it.prediction import asked_model
from mslt_it.problems import Problem


def test_the_error_is_that_of_a_sum_by_hand() -> None:
    # Bins of width 0.5: [0.5, 1] holds all four, 3 of 4 right, mean confidence 0.75; of width 0.2: 0.6 apart.
    shares = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    right = np.array([0, 0, 1, 1])
    assert calibration_error(shares, right, num_bins=2) == pytest.approx(abs(3 / 4 - (0.9 + 0.8 + 0.7 + 0.6) / 4))
    # Of width 0.25: {0.9, 0.8} both right, mean 0.85; {0.7, 0.6} one right, mean 0.65.
    assert calibration_error(shares, right, num_bins=4) == pytest.approx((2 * 0.15 + 2 * 0.15) / 4)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0.0


def test_the_temperature_makes_shares_those_of_right_answers() -> None:
    # Odds of e^4 : 1, right in 3 of 4 rows: the likelihood is greatest where 4 / T = log 3.
    scores = np.tile([[4.0, 0.0]], (400, 1))
    right = np.array([0, 0, 0, 1] * 100)
    temperature = fitted_temperature(scores, right)
    assert temperature == pytest.approx(4 / np.log(3), rel=1e-3)
    assert softmax(scores / temperature, axis=1)[0] == pytest.approx([0.75, 0.25], rel=1e-3)
    assert calibration_error(softmax(scores, axis=1), right) == pytest.approx(1 / (1 + np.exp(-4)) - 0.75)
    assert calibration_error(softmax(scores / temperature, axis=1), right) < 1e-3


def test_a_run_is_calibrated_on_its_sources_held_out_rows(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = calibrated(read_run(trained.run))
    assert isinstance(found, Calibration)
    lines = [json.loads(line) for code in ("en", "de")
             for line in (trained.run / "predictions" / f"{code}.jsonl").read_text().splitlines()]  # fmt: skip
    assert found.num_rows == len(lines) and found.languages == ("en", "de")
    scores = np.array([line["adapter_log_likelihoods"] for line in lines])
    right = np.array([sorted({x["label"] for x in lines}).index(line["label"]) for line in lines])
    assert found.error_before == pytest.approx(calibration_error(softmax(scores, axis=1), right))
    assert found.temperature == pytest.approx(fitted_temperature(scores, right))
    assert found.any_fits == bool((scores.argmax(axis=1) == right).all())
    rows = [{"text": "The bus is late", "lang": "en"}]
    with monkeypatch.context() as patch:  # the run may be right in every row, which leaves shares of 0 and 1
        patch.setattr(asked_model, "calibrated", lambda run: dataclasses.replace(found, temperature=2.0))
        (before,), (after,) = (list(predict(trained.run, rows, calibration=how)) for how in ("none", "held_out"))
    assert before["label"] == after["label"]
    ratio = np.log(before["p_bus"] / before["p_food"]) / np.log(after["p_bus"] / after["p_food"])
    assert ratio == pytest.approx(2.0, rel=2e-2)
    shutil.copytree(trained.run, tmp_path / "run")
    (tmp_path / "run/predictions/de.jsonl").unlink()
    with pytest.raises(Problem, match=r"predictions/de\.jsonl is missing or altered"):
        predict(tmp_path / "run", rows, calibration="held_out")
