"""Mingling measured on models whose languages lie as we put them."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from mslt_it.config.recipe import ModelConfig, Recipe, ScoringConfig, TaskConfig
from mslt_it.models.base_model import load_adapter, load_base
from mslt_it.models.finished_run import read_run
from mslt_it.problems import Problem
from mslt_it.representations import measuring
from mslt_it.representations.alikeness import centred, cka_pairs, grams, mixing, retrieval, unit
from mslt_it.representations.measuring import ModelInState, measure
from mslt_it.representations.runs import measure_runs, parallel_texts, systems_of_runs
from mslt_it.representations.settings import Settings
from mslt_it.representations.states import hidden_states, tokenise

sys.path.insert(0, str(Path(__file__).parents[1] / "publish"))
from finished_run import change_adapter, make_base, make_run

LANGUAGES = ("en", "de", "zh", "sw")
CONCEPTS = 12
NUM_ITEMS = 24
WIDTH = 32
QUICK = Settings(num_bootstrap=200, map="none")


def word(language: str, concept: int) -> str:
    return f"{language}{concept}"


def tokenizer() -> Any:
    words = ["<pad>", "</s>", "<unk>", *(word(code, c) for code in LANGUAGES for c in range(CONCEPTS))]
    raw = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def texts(languages: tuple[str, ...] = LANGUAGES, num: int = NUM_ITEMS) -> dict[str, list[str]]:
    """The same sentences of five concepts in each language."""
    draw = random.Random(0)
    items = [draw.sample(range(CONCEPTS), 5) for _ in range(num)]
    return {code: [" ".join(word(code, c) for c in item) for item in items] for code in languages}


def model_of(aligned: tuple[str, ...], apart: float = 0.0, seed: int = 1) -> Any:
    """A two-layer model in which the words of the ``aligned`` languages have one vector per concept, other languages'
    words their own; each language is moved by ``apart`` in a direction of its own."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=3 + len(LANGUAGES) * CONCEPTS,
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    shared = torch.randn(CONCEPTS, WIDTH)
    with torch.no_grad():
        for number, code in enumerate(LANGUAGES):
            vectors = shared.clone() if code in aligned else torch.randn(CONCEPTS, WIDTH)
            vectors[:, number] += apart
            start = 3 + number * CONCEPTS
            model.get_input_embeddings().weight[start : start + CONCEPTS] = vectors
    return model.eval()


def cka(x: np.ndarray, y: np.ndarray) -> float:
    return float(cka_pairs(grams(np.stack([x, y]).astype(float)))[0][0, 1])


def pair(result: dict[str, Any], system: str, name: str, layer: int, one: str, other: str) -> float:
    codes = result["languages"]
    return result["systems"][system]["pairs"][name][layer][codes.index(one)][codes.index(other)]


def test_aligned_languages_are_told_from_others() -> None:
    result = measure({"base": ModelInState.of(model_of(("en", "de", "zh")))}, texts(), tokenizer(), settings=QUICK)
    assert (result["num_items"], result["num_layers"]) == (24, 3)
    assert result["chance"]["retrieval"] == 1 / 24
    for layer in range(3):
        assert pair(result, "base", "cka", layer, "en", "de") == pytest.approx(1, abs=1e-5)
        assert pair(result, "base", "retrieval", layer, "de", "zh") == 1
        assert pair(result, "base", "cka", layer, "en", "sw") < 0.8
        assert pair(result, "base", "retrieval", layer, "en", "sw") < 0.5
        assert pair(result, "base", "cka", layer, "en", "en") is None
    by_language = dict(zip(LANGUAGES, result["systems"]["base"]["languages"]["centred_mixing"][0], strict=True))
    assert by_language["en"] > 0.8 > by_language["sw"]


def test_figures_are_those_of_the_measures() -> None:
    model, of_language, words = model_of(("en", "de"), apart=1.0), texts(), tokenizer()
    settings = dataclasses.replace(QUICK, neighbours=4)
    result = measure({"base": ModelInState.of(model)}, of_language, words, settings=settings)
    states = np.stack([hidden_states(model, tokenise(words, of_language[code])) for code in LANGUAGES], axis=1)
    for layer in range(3):
        en, sw = states[layer, 0], states[layer, 3]
        assert pair(result, "base", "cka", layer, "sw", "en") == pytest.approx(cka(en, sw), abs=2e-6)
        found = retrieval(*unit(centred(np.stack([en, sw]).astype(float), "language")))
        assert pair(result, "base", "retrieval", layer, "en", "sw") == pytest.approx(found[0].mean(), abs=2e-6)
        assert pair(result, "base", "retrieval", layer, "sw", "en") == pytest.approx(found[1].mean(), abs=2e-6)
        at = states[layer].astype(float)
        shares = {
            "mixing": mixing(at - at.mean(axis=(0, 1)), neighbours=4),
            "centred_mixing": mixing(at - at.mean(axis=1, keepdims=True), neighbours=4),
        }
        for name, share in shares.items():
            assert result["systems"]["base"]["languages"][name][layer] == pytest.approx(share.mean(axis=1), abs=2e-6)
    # Groups are plain means of their pairs, and the last figure is the mean of layers 1 and 2.
    values = np.array(result["systems"]["base"]["pairs"]["cka"], dtype=float)
    group = result["systems"]["base"]["groups"]["cka"]["all"]
    assert [x["value"] for x in group["layers"]] == pytest.approx(np.nanmean(values, axis=(1, 2)), abs=2e-6)
    assert group["mean"]["value"] == pytest.approx(np.nanmean(values[1:]), abs=2e-6)


def test_pairs_are_grouped_by_what_was_seen() -> None:
    systems = {
        "base": ModelInState.of(model_of(())),
        "SSLT": ModelInState.of(model_of(("en", "de")), sources=["en"]),
        "MSLT": ModelInState.of(model_of(("en", "de", "zh")), sources=["en", "zh"]),
    }
    done: list[str] = []
    result = measure(systems, texts(), tokenizer(), settings=QUICK, advance=done.append)
    assert done == ["base", "SSLT", "MSLT"]
    assert (result["seen"], result["unseen"]) == (["en", "zh"], ["de", "sw"])
    assert result["systems"]["MSLT"]["sources"] == ["en", "zh"]
    groups = result["systems"]["MSLT"]["groups"]["retrieval"]
    assert list(groups) == ["all", "seen-seen", "seen-unseen", "unseen-unseen"]
    assert groups["seen-seen"]["layers"][1]["value"] == pytest.approx(
        (pair(result, "MSLT", "retrieval", 1, "en", "zh") + pair(result, "MSLT", "retrieval", 1, "zh", "en")) / 2
    )
    crossed = [("en", "de"), ("en", "sw"), ("zh", "de"), ("zh", "sw")]
    expected = np.mean([pair(result, "MSLT", "cka", 2, *both) for both in crossed])
    assert result["systems"]["MSLT"]["groups"]["cka"]["seen-unseen"]["layers"][2]["value"] == pytest.approx(
        expected, abs=2e-6
    )
    mixed = result["systems"]["MSLT"]["languages"]["centred_mixing"][1]
    assert result["systems"]["MSLT"]["groups"]["centred_mixing"]["unseen"]["layers"][1]["value"] == pytest.approx(
        (mixed[1] + mixed[3]) / 2, abs=2e-6
    )
    # Differences: later minus earlier, paired over the same items.
    assert [(d["of"], d["minus"]) for d in result["differences"]] == [
        ("SSLT", "base"),
        ("MSLT", "base"),
        ("MSLT", "SSLT"),
    ]
    gained = result["differences"][1]["groups"]["cka"]["seen-seen"]["mean"]
    values = [result["systems"][s]["groups"]["cka"]["seen-seen"]["mean"]["value"] for s in ("MSLT", "base")]
    assert gained["value"] == pytest.approx(values[0] - values[1], abs=2e-6)
    assert 0 < gained["low"] < gained["value"] < gained["high"]


def test_a_group_without_members_is_left_out() -> None:
    systems = {"SSLT": ModelInState.of(model_of(()), sources=("en",))}
    result = measure(systems, texts(), tokenizer(), settings=QUICK)
    assert list(result["systems"]["SSLT"]["groups"]["cka"]) == ["all", "seen-unseen", "unseen-unseen"]
    untrained = measure({"base": ModelInState.of(model_of(()))}, texts(), tokenizer(), settings=QUICK)
    assert list(untrained["systems"]["base"]["groups"]["mixing"]) == ["all", "unseen"]


def test_equal_systems_differ_by_nothing_at_all() -> None:
    model = model_of(("en",))
    systems = {"base": ModelInState.of(model), "MSLT": ModelInState.of(model, sources=("en", "de"))}
    result = measure(systems, texts(), tokenizer(), settings=QUICK)
    assert result["systems"]["base"]["pairs"] == result["systems"]["MSLT"]["pairs"]
    alone = result["systems"]["base"]["groups"]["cka"]["all"]["mean"]
    assert alone["high"] - alone["low"] > 0.01
    for of_measure in result["differences"][0]["groups"].values():
        for group in of_measure.values():
            for figure in (*group["layers"], group["mean"]):
                assert figure == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_one_system_at_a_time_is_open() -> None:
    events: list[str] = []

    def opener(name: str) -> Any:
        @contextlib.contextmanager
        def opened() -> Iterator[Any]:
            events.append(f"+{name}")
            yield model_of(())
            events.append(f"-{name}")

        return opened

    systems = {name: ModelInState(opener(name)) for name in ("base", "MSLT")}
    measure(systems, texts(), tokenizer(), settings=QUICK)
    assert events == ["+base", "-base", "+MSLT", "-MSLT"]


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Retrieval and CKA of synthetic states of a known law, against the value over very many items."""
    groups = measuring._groups(("en", "de"), ())
    settings = Settings(num_bootstrap=300, neighbours=3)
    rng = np.random.default_rng(5)

    def states(num: int) -> np.ndarray:
        shared = rng.normal(size=(num, 6))
        return np.stack([shared + rng.normal(size=(num, 6)) for _ in range(2)])[None].repeat(2, axis=0)

    truth = cka(*states(2000)[1])
    held = 0
    for _ in range(60):
        _, found = measuring._found(states(40), groups, settings)
        figure = measuring._intervals(found, measuring._draws(40, settings))["cka"]["all"]["mean"]
        held += figure["low"] <= truth <= figure["high"]
    assert 53 <= held <= 60


def test_all_equal_states_give_null_and_no_invalid_json() -> None:
    orders = list(itertools.permutations(range(4)))  # the same words in another order: equal embeddings on average
    same = {code: [" ".join(word(code, c) for c in order) for order in orders] for code in LANGUAGES}
    result = measure({"base": ModelInState.of(model_of(()))}, same, tokenizer(), settings=QUICK)
    assert pair(result, "base", "cka", 0, "en", "de") is None
    assert result["systems"]["base"]["groups"]["cka"]["all"]["layers"][0] == {"value": None, "low": None, "high": None}
    assert pair(result, "base", "retrieval", 0, "en", "de") == pytest.approx(1 / 24, abs=1e-6)
    assert pair(result, "base", "cka", 2, "en", "de") is not None
    json.dumps(result, allow_nan=False)


def test_the_map_shows_the_same_items_of_every_system() -> None:
    systems = {
        "base": ModelInState.of(model_of(("en", "de"), apart=20.0)),
        "MSLT": ModelInState.of(model_of(("en", "de"), apart=0.0), sources=("en", "de")),
    }
    settings = Settings(num_bootstrap=100, map_items=20)
    result = measure(systems, texts(("en", "de")), tokenizer(), settings=settings)
    points = result["points"]
    assert (points["map"], points["layer"]) == ("tsne", 0)  # where the base finds most translations
    assert points["languages"] == ["en"] * 20 + ["de"] * 20
    assert points["items"] == [*range(20), *range(20)]
    apart, together = (np.array(points["systems"][name]).reshape(40, 2) for name in ("base", "MSLT"))

    def nearest(xy: np.ndarray) -> np.ndarray:
        """Positions of each point's nearest other point."""
        distance = np.linalg.norm(xy[:, None] - xy[None], axis=2)
        return (distance + np.diag(np.full(40, np.inf))).argmin(axis=1)

    assert (nearest(together) % 20 == np.arange(40) % 20).all()  # its translation
    assert (nearest(apart) // 20 == np.arange(40) // 20).all()  # another item of its language


def test_texts_are_counted_and_cut() -> None:
    of_language = texts()
    of_language["de"][3] = of_language["de"][2]
    of_language["zh"][5] *= 200
    result = measure({"base": ModelInState.of(model_of(()))}, of_language, tokenizer(), settings=QUICK)
    assert result["texts"]["num_repeated"] == {"en": 0, "de": 1, "zh": 0, "sw": 0}
    assert result["texts"]["num_cut"] == {"en": 0, "de": 0, "zh": 1, "sw": 0}
    again = measure({"base": ModelInState.of(model_of(()))}, texts(), tokenizer(), settings=QUICK)
    assert again["texts"]["sha256"] != result["texts"]["sha256"]


def test_settings_beyond_the_items_are_refused() -> None:
    systems, words = {"base": ModelInState.of(model_of(()))}, tokenizer()
    with pytest.raises(Problem, match=r"mingling\.neighbours=93 is out of range: there are only 92 items"):
        measure(systems, texts(), words, settings=Settings(neighbours=93))


def test_a_missing_package_is_missed_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    systems = {"base": ModelInState(lambda: pytest.fail("a model was opened"))}
    with pytest.raises(Problem, match="needs the package umap-learn"):
        measure(systems, texts(), tokenizer(), settings=Settings(map="umap"))


def test_runs_share_one_base_that_stays_as_it_was(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    runs = {"SSLT": make_run(tmp_path / "one", base), "MSLT": make_run(tmp_path / "three", base)}
    change_adapter(runs["MSLT"], lambda tensors: [tensor.mul_(1.5) for tensor in tensors.values()])
    words, systems = systems_of_runs({name: read_run(folder) for name, folder in runs.items()})
    assert list(systems) == ["base", "SSLT", "MSLT"]
    assert [system.sources for system in systems.values()] == [(), ("de",), ("de",)]
    of_text = tokenise(words, ["a boat behind the harbour", "one more"])
    found = {}
    for name in ("base", "SSLT", "MSLT", "base", "SSLT"):  # once more at the end
        with systems[name].open() as model:
            states = hidden_states(model, of_text)
        assert np.array_equal(found.setdefault(name, states), states)
    assert np.abs(found["SSLT"][2] - found["base"][2]).max() > 0.01
    for name, run in runs.items():
        alone = load_adapter(load_base(ModelConfig(path=str(base), dtype="float32")), run / "adapter")
        assert np.array_equal(hidden_states(alone, of_text), found[name])


@pytest.mark.slow  # building the world's rows takes about five seconds
def test_runs_are_measured_on_their_own_tasks_rows(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    runs = {"SSLT": make_run(tmp_path / "one", base), "MSLT": make_run(tmp_path / "three", base)}
    change_adapter(runs["MSLT"], lambda tensors: [tensor.mul_(1.5) for tensor in tensors.values()])
    few = dataclasses.replace(QUICK, max_items=15)
    result = measure_runs(runs, languages=["de", "tr", "en"], settings=few)
    assert (result["languages"], result["seen"], result["num_items"]) == (["de", "tr", "en"], ["de"], 15)
    assert list(result["systems"]) == ["base", "SSLT", "MSLT"]
    assert result["differences"][2]["groups"]["cka"]["all"]["mean"]["value"] != 0
    assert measure_runs(runs, languages=["tr", "en"], settings=QUICK)["languages"] == ["tr", "en"]


def test_runs_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "one", make_base(tmp_path / "base"))
    other = make_run(tmp_path / "other", make_base(tmp_path / "other_base", seed=6))
    with pytest.raises(Problem, match="do not share a base model: base_sha256"):
        systems_of_runs({"SSLT": read_run(run), "MSLT": read_run(other)})


def write_rows(root: Path, code: str, rows: list[tuple[str, str]]) -> None:
    folder = root / code
    folder.mkdir(parents=True)
    labels = ("neutral", "entailment", "contradiction")
    lines = ["id\tpremise\thypothesis\tlabel"]
    lines += [f"{i}\t{text}\t{text} too\t{labels[int(i) % 3]}" for i, text in rows]
    for split in ("train", "test"):
        (folder / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_texts_of_a_task_are_the_same_items_in_every_language(tmp_path: Path) -> None:
    numbers = list(range(20))
    write_rows(tmp_path, "en", [(str(i), f"Sentence {i}.") for i in numbers])
    # German lacks item 3, and says items 5 and 6 in the same words; its rows come in another order.
    write_rows(tmp_path, "de", [(str(i), f"Satz {5 if i == 6 else i}.") for i in reversed(numbers) if i != 3])
    recipe = Recipe(
        name="own",
        sources=("en",),
        targets=("de",),
        task=TaskConfig(name="toy", data=str(tmp_path), is_parallel=True),
        scoring=ScoringConfig(num_examples_per_language=4),
    )
    found = parallel_texts(recipe, ("en", "de"))
    assert len(found["en"]) == len(found["de"]) == 18
    for english, german in zip(found["en"], found["de"], strict=True):
        assert english.split()[1] in (german.split()[1], "6." if german == "Satz 5." else "")
    assert "Sentence 3." not in found["en"] and len(set(found["de"])) == 18
    assert parallel_texts(recipe, ("en", "de"), max_items=12)["en"] == found["en"][:12]


def test_too_few_common_items_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path, "en", [(str(i), f"Sentence {i}.") for i in range(20)])
    write_rows(tmp_path, "de", [(str(i), f"Satz {i}.") for i in range(14, 34)])
    recipe = Recipe(
        name="own", sources=("en",), targets=("de",), task=TaskConfig(name="toy", data=str(tmp_path), is_parallel=True)
    )
    with pytest.raises(Problem, match="Only 6 items of task=toy have a 'premise' of their own in all of en, de"):
        parallel_texts(recipe, ("en", "de"))


@pytest.mark.slow  # building the world's rows takes about five seconds
def test_the_embedded_worlds_rows_are_parallel() -> None:
    recipe = Recipe(name="xnli", sources=("en",), targets=("fi",))
    found = parallel_texts(recipe, ("en", "fi"), max_items=30)
    assert [len(set(found[code])) for code in ("en", "fi")] == [30, 30]
