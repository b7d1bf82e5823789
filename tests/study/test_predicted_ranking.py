"""The predicted order: adapters combined are the mean of their changes, a kill changes nothing, effects are found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from finished_study import copy_of_finished
from synthetic_study import TARGETS
from synthetic_study import write_study as write_synthetic

from mslt_it.data.build import build_scored_set
from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.generation import Prompt, TextGenerator
from mslt_it.evaluation.likelihood import choice_log_likelihoods
from mslt_it.evaluation.measures import MEASURES
from mslt_it.evaluation.questions import choice_requests
from mslt_it.journal import Journal
from mslt_it.models.base_model import load_adapter
from mslt_it.models.finished_run import read_run
from mslt_it.models.identity import load_trained_base
from mslt_it.models.lora import read_lora
from mslt_it.problems import Problem
from mslt_it.study import predicted_ranking
from mslt_it.study.analyse.agreement import PREDICTORS
from mslt_it.study.analyse.further import predicted
from mslt_it.study.collect import collect
from mslt_it.study.config import Predict
from mslt_it.study.predicted_ranking import predict

OF_TIME = ("seconds", "time")
QUICK = Predict(set_size=2, num_items=8)


@pytest.fixture()
def out(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """A finished study, to be predicted from the start."""
    return copy_of_finished(tmp_path_factory, tmp_path)


def without_times(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in OF_TIME}


def answers(out: Path) -> dict[str, bytes]:
    journals = sorted((out / "predicted" / "items").rglob("*.jsonl"))
    assert len(journals) == 6  # three sets, two targets
    return {str(path.relative_to(out)): path.read_bytes() for path in journals}


def written_of(out: Path, task: str, name: str, code: str) -> dict[str, Any]:
    """Item -> what the combined adapter answered."""
    path = out / "predicted" / "items" / task / "direct" / name / f"{code}.jsonl"
    return {line["id"]: line for line in map(json.loads, path.read_text().split("\n")[1:-1])}


def test_answers_are_those_of_the_mean_of_the_changes(out: Path) -> None:
    result = predict(out, QUICK)
    assert [row["set"] for row in result["rows"]] == [["de", "en"], ["de", "zh"], ["en", "zh"]]
    runs = [read_run(out / "cells" / name) for name in ("de_s0", "zh_s0")]
    tokenizer, base, _ = load_trained_base(runs[0])
    modules = dict(base.named_modules())
    moved = 0.0
    with torch.no_grad():
        for run in runs:
            for name, factors in read_lora(run.adapter).modules.items():
                change = factors.scaling * (factors.b @ factors.a) / 2
                modules[name].weight += change
                moved += float(change.norm())
    assert moved > 0.1
    recipe = runs[0].recipe
    encoder, shares = Encoder(tokenizer, recipe.data.max_length_tokens), []
    for code in ("tr", "sw"):
        items = build_scored_set(recipe, code)[:8]
        expected = choice_log_likelihoods(base, choice_requests(items, encoder), batch_tokens=2048, pad_id=0)
        written = written_of(out, "xnli", "de-zh_s0", code)
        assert len(written) == 8
        found = np.array([written[item.id]["log_likelihoods"] for item in items])
        np.testing.assert_allclose(found, expected, atol=2e-4)
        gold = [item.choices.index(item.answer) for item in items]
        shares.append(np.mean(expected.argmax(axis=1) == gold))
    row = result["rows"][1]
    assert row["predicted"] == pytest.approx(np.mean(shares))
    # beside it, what the cells of the singles and of the set say
    singles = [figure(out, name, slice(8)) for name in ("de_s0", "zh_s0")]
    assert row["singles_mean"] == pytest.approx(np.mean(singles))
    assert row["best_single"] == pytest.approx(max(singles))
    # the order is that of the other items; there is no other seed
    assert row["measured"] == pytest.approx(figure(out, "de-zh_s0", slice(8, 12)))
    assert result["items"]["tr"] == {"predictor": 8, "order": 4}
    assert result["seeds"] == {"predictor": [0], "order": [0]} and "the same seed" in result["order"]
    assert not (out / "predicted" / "adapter").exists()


def figure(out: Path, cell: str, items: slice) -> float:
    """Share that the cell's adapter had right of these items, mean over targets."""
    shares = []
    for code in ("tr", "sw"):
        lines = [
            json.loads(t) for t in (out / "cells" / cell / "predictions" / f"{code}.jsonl").read_text().split("\n")[:-1]
        ]
        shares.append(np.mean([line["adapter_prediction"] == line["label"] for line in lines[items]]))
    return float(np.mean(shares))


def test_killed_and_started_again_it_is_the_same(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, whole_answers = predict(out, QUICK), answers(out)
    shutil.rmtree(out / "predicted")
    original, written = Journal.append, []

    def killed(self: Journal, batch: int, rows: Sequence[Mapping[str, Any]]) -> None:
        if len(written) == 2:
            with self.path.open("ab") as file:
                file.write(b'{"batch":')  # torn
            raise KeyboardInterrupt
        written.append((str(self.path), batch))
        original(self, batch, rows)

    monkeypatch.setattr(Journal, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        predict(out, QUICK)
    assert len(written) == 2
    again: list[tuple[str, int]] = []

    def counted(self: Journal, batch: int, rows: Sequence[Mapping[str, Any]]) -> None:
        again.append((str(self.path), batch))
        original(self, batch, rows)

    monkeypatch.setattr(Journal, "append", counted)
    assert without_times(predict(out, QUICK)) == without_times(whole)
    assert answers(out) == whole_answers
    assert again and not set(again) & set(written)
    again.clear()
    assert without_times(predict(out, QUICK)) == without_times(whole)
    assert not again  # everything was in the journals


def test_written_answers_are_those_of_the_generator(tmp_path: Path) -> None:
    """Numbers are generated, here by adapters that were never trained."""
    from finished_run import change_adapter, make_base, make_run  # tests/publish; tiny_study knows the way

    data, base = tmp_path / "data", make_base(tmp_path / "base")
    for code, text in {"tr": "{n} elma ve {n} armut kaç eder?", "de": "{n} und {n}?", "en": "{n} and {n}?"}.items():
        (data / code).mkdir(parents=True)
        lines = "".join(f"{text.format(n=n)}\t{2 * n}\n" for n in range(3, 11))
        (data / code / "test.tsv").write_text(lines, encoding="utf-8")
    singles = {}
    for code, seed in (("de", 3), ("en", 4)):
        run = tmp_path / "cells" / f"{code}_s0"
        asked = ["task=mgsm", f"task.data={data}", "task.languages=[de,en,tr]", "targets=[tr]", f"sources=[{code}]"]
        make_run(run, base, *asked, "task.max_answer_tokens=5")
        generator = torch.Generator().manual_seed(seed)
        change_adapter(
            run,
            lambda own, g=generator: own.update({k: torch.randn(v.shape, generator=g) * 0.1 for k, v in own.items()}),
        )
        singles[code, 0] = SimpleNamespace(id=run.name)
    recipe = read_run(run).recipe
    items = build_scored_set(recipe, "tr")
    assert len(items) >= 3
    wanted = [[item.id for item in items[:3]]]
    asking = predicted_ranking._Asked.of(tmp_path, SimpleNamespace(targets=("tr",)), singles, wanted)
    counts = asking.score(("de", "en"), 0, MEASURES["number_accuracy"][0])
    assert counts.shape == (1, 3, 2) and (counts[:, :, 1] == 1).all()
    written = written_of(tmp_path, "mgsm", "de-en_s0", "tr")
    model = load_adapter(asking.loaded.base, tmp_path / "predicted" / "adapter")
    prompts = asking.encoder.prompt_ids_all([item.messages for item in items[:3]])
    end, decode = asking.encoder.end_id, asking.encoder.decode_text
    asked = [Prompt(tuple(ids), 5) for ids in prompts]
    writer = TextGenerator(model, asked, end_id=end, pad_id=0, batch_tokens=recipe.scoring.batch_tokens, decode=decode)
    expected = {
        i: answer.text for batch in writer.batches for i, answer in zip(batch, writer.generate(batch), strict=True)
    }
    assert [written[item.id]["text"] for item in items[:3]] == [expected[i] for i in range(3)]
    assert any(expected.values())


def test_the_time_that_was_saved(out: Path) -> None:
    for name, seconds in (("de", 10), ("en", 20), ("zh", 30), ("de-en", 100), ("de-zh", 100), ("en-zh", 7)):
        content = {"seconds": seconds, "cpu_seconds": 1, "from_the_start": name != "en-zh"}
        (out / "timing" / f"{name}_s0.json").write_text(json.dumps(content))
    result = predict(out, QUICK)
    seconds, own = result["seconds"], result["seconds"]["combining_and_scoring"]
    assert 0 < own < 60
    # en-zh was interrupted: it counts as the median of the others
    assert (seconds["single_cells"], seconds["set_cells"]) == (60, 300)
    assert seconds["saved"] == pytest.approx(300 - 60 - own)
    assert result["time"].startswith("1 min 00 s for the cells of single sources and ")
    assert result["time"].endswith("instead of 5 min 00 s for the cells of the sets (each of one worker)")
    assert result["adapters"] == "3 trained per seed, one per language, instead of 3, one per set"
    for path in (out / "timing").iterdir():
        path.unlink()
    assert "not known" in predict(out, QUICK)["time"]


class Told:
    """Combined adapters whose figures are the truth and some noise."""

    def __init__(self) -> None:
        self.seeds: set[int] = set()

    def score(self, one: tuple[str, ...], seed: int, measure: Any) -> np.ndarray:
        self.seeds.add(seed)
        rng = np.random.default_rng([seed, *map(ord, "".join(one))])
        counts = np.ones((len(TARGETS), 50, 2), dtype=np.float32)
        counts[:, :, 0] = rng.random((len(TARGETS), 50)) < 0.3 + 0.25 * effect(one, "")
        return counts


def effect(sources: tuple[str, ...], target: str) -> float:
    """Alone all languages do alike; in a set of three, those with ar and zh are good, with both very good."""
    return 0.7 * len({"ar", "zh"} & set(sources)) + 0.1 * sources.count("ru") if len(sources) > 1 else 0.5


def test_an_order_that_is_there_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    monkeypatch.setattr(predicted_ranking._Asked, "of", lambda *_: told)
    out = write_synthetic(tmp_path / "synthetic", effect, num_items=200, seed_sd=0.05)
    result = predict(out, Predict(num_items=50))
    assert len(result["rows"]) == 35
    agreement, better = result["agreement"], result["better_than"]
    assert agreement.keys() == PREDICTORS.keys()
    rho = agreement["predicted"]["spearman"]
    assert rho["value"] > 0.8 and 0.5 < rho["low"] < rho["high"] <= 1
    assert agreement["predicted"]["p"] < 0.05  # 21 pairs of languages: the least is 0.048
    assert told.seeds == {0} and result["seeds"] == {"predictor": [0], "order": [1, 2]}
    assert "seeds 1, 2, not the predictor's" in result["order"]
    assert agreement["predicted"]["measured_rank"] <= 5
    assert "ar" in agreement["predicted"]["pick"] and "zh" in agreement["predicted"]["pick"]
    assert abs(agreement["singles_mean"]["spearman"]["value"]) < 0.6
    assert better["singles_mean"]["low"] > 0
    assert better["singles_mean"]["value"] == pytest.approx(
        rho["value"] - agreement["singles_mean"]["spearman"]["value"]
    )
    assert result["items"] == {key: {"predictor": 50, "order": 150} for key in TARGETS}
    (tmp_path / "predicted.json").write_text(json.dumps(result), encoding="utf-8")
    section = predicted(tmp_path / "predicted.json")
    table = section.tables[0]
    assert table.name == "predicted_by" and table.frame["by"].tolist() == list(PREDICTORS.values())
    assert table.frame["spearman"][0] == pytest.approx(rho["value"])
    assert table.frame["less_p"].isna().tolist() == [True, False, False, False]
    assert table.frame["less_p"][1] >= better["singles_mean"]["p"] and better["singles_mean"]["p"] < 0.1
    assert "items of both, and seeds of the measured sets, drawn again" in table.notes[0]  # one seed predicts
    assert table.frame["p_adjusted"][0] >= agreement["predicted"]["p"]
    assert not any("schema" in note for note in section.notes)
    assert any("7 trained per seed" in note for note in section.notes)
    (tmp_path / "predicted.json").write_text(json.dumps({"rows": result["rows"]}), encoding="utf-8")
    with pytest.raises(Problem, match=r"was not written by this version\. Remove it, and start `mslt study` again"):
        predicted(tmp_path / "predicted.json")


def test_what_hangs_together_is_on_one_side(tmp_path: Path) -> None:
    study = collect(write_synthetic(tmp_path / "grouped", pool=("ar", "de"), set_sizes=(1,), num_items=9, group_rows=3))
    used, rest = predicted_ranking._divided(study, 4)
    assert [of.tolist() for of in used] == [[0, 1, 2, 3]] * 3
    assert [of.tolist() for of in rest] == [[6, 7, 8]] * 3  # 4 and 5 are of the premise of 3
    assert [of.tolist() for of in predicted_ranking._divided(study, 0)[0]] == [[0, 1, 2, 3]] * 3
    with pytest.raises(Problem, match=r"num_items=9 leaves none of the 9 items of 'fi' to measure the order on"):
        predicted_ranking._divided(study, 9)
    with pytest.raises(Problem, match=r"all items of 'fi' are grouped with the 7 that the prediction is made on"):
        predicted_ranking._divided(study, 7)


def test_what_cannot_be_predicted_is_refused(out: Path, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"prediction: 0 sets of 3 sources are measured in .* an order needs 3 at least"):
        predict(out, Predict(set_size=3))
    lacking = write_synthetic(tmp_path / "lacking", pool=("ar", "de", "en"), set_sizes=(1, 2), skip=("ar_s1",))
    with pytest.raises(Problem, match=r"needs the adapter trained on ar alone with seed 1, which .*lacking lacks"):
        predict(lacking, Predict(set_size=2))
    from finished_run import reseal

    config = out / "cells" / "en_s0" / "adapter" / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"use_dora": True}))
    reseal(out / "cells" / "en_s0")
    with pytest.raises(Problem, match=r"en_s0/adapter: use_dora=True: DoRA's magnitudes do not add up"):
        predict(out, QUICK)
