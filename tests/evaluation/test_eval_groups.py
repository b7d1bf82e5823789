"""Means over families, scripts, tasks and seeds, and what texts say: tokens for a word, languages of answers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tiny_eval import call, make_run, results

from mslt_it import cli
from mslt_it.config.compose import load_recipe
from mslt_it.evaluation.answered import Answered
from mslt_it.evaluation.answers.language import found_language, language_share
from mslt_it.evaluation.estimates import Difference, Settings, macro
from mslt_it.evaluation.groups import families, language_groups
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import ACCURACY
from mslt_it.evaluation.scores import Figures, ScoreRow, answer_languages, token_figures
from mslt_it.evaluation.seeds import SeedMean, seed_means
from mslt_it.evaluation.tables import task_means_table
from mslt_it.evaluation.task_means import task_means
from mslt_it.records import Message, PromptedExample

SETTINGS = Settings(0.95, 300, 0)


def cell(language: str, right: np.ndarray) -> Cell:
    ids = tuple(f"item{number}" for number in range(len(right)))
    return Cell(language, ids, np.stack([right, np.ones(len(right))], axis=1).astype(float))


# ---------------------------------------------------------------- families and scripts


def test_means_of_the_families_and_scripts_that_have_several_languages() -> None:
    right = np.arange(40) % 4 > 0
    numbers = {"de": 40, "hi": 20, "ur": 10, "tr": 30, "eu": 15}
    cells = [cell(code, right & (np.arange(40) < n)) for code, n in numbers.items()]
    found = language_groups("xnli", ACCURACY, {("a", "direct"): cells}, SETTINGS)
    assert [(one.kind, one.group, one.languages, one.n) for one in found] == [
        ("family", "Indo-European", ("de", "hi", "ur"), 120),
        ("script", "Latin", ("de", "tr", "eu"), 120),
    ]  # Arabic and Devanagari have one language each, and Basque is of no family
    assert found[0].value == pytest.approx(np.mean([one.counts[:, 0].mean() for one in cells[:3]]))
    own = macro(ACCURACY, [cells[0], *cells[3:]], settings=SETTINGS)
    assert (found[1].value, found[1].low, found[1].high) == (own.value, own.low, own.high)


def test_families_that_uriel_knows_by_another_code() -> None:
    """nob and twi have no family there, nor and aka have one; Basque is alone."""
    assert families(["nb", "tw", "de", "eu"]) == ["Indo-European", "Atlantic-Congo", "Indo-European", None]


def test_a_group_of_all_languages_is_the_mean_itself() -> None:
    cells = [cell(code, np.arange(20) % 2 > 0) for code in ("de", "fr", "it")]
    assert language_groups("xnli", ACCURACY, {("a", "direct"): cells}, SETTINGS) == []


# ---------------------------------------------------------------- tasks


def of_task(task: str, value: float, half: float, gain: float) -> Figures:
    row = ScoreRow(task, "a", "direct", "mean of unseen", "target", "accuracy", 100, value, value - half, value + half)
    seen = dataclasses.replace(row, language="de", value=0.99)
    ends = (gain - half, gain + half)
    names = ("a / direct", "base / direct")
    difference = Difference(*names, value, value - gain, gain, *ends, *ends, 0.1, 0.1, 100, 2, 50)
    return Figures((seen, row, dataclasses.replace(row, metric="macro_f1", value=0.1)), (difference,))


def test_the_mean_over_tasks_has_the_weights_and_the_errors_of_both() -> None:
    of_tasks = {"xnli": of_task("xnli", 0.8, 0.03, 0.2), "pawsx": of_task("pawsx", 0.5, 0.04, 0.0)}
    mean, difference = task_means(of_tasks, {})
    assert mean.value == pytest.approx(0.65) and mean.weights == {"xnli": 0.5, "pawsx": 0.5}
    assert mean.high - mean.value == pytest.approx(np.hypot(0.5 * 0.03, 0.5 * 0.04))
    assert (difference.name, difference.minus) == ("a / direct", "base / direct")
    assert difference.value == pytest.approx(0.1)
    weighted = task_means(of_tasks, {"xnli": 3})[0]
    assert weighted.value == pytest.approx(0.75 * 0.8 + 0.25 * 0.5)
    head, first, second = task_means_table([mean, difference], 0.95)
    assert head == ("", "", "xnli x 0.50", "pawsx x 0.50", "mean", "95 % interval")
    assert first[:2] == ("direct", "a") and first[2:5] == ("80.0", "50.0", "65.0")
    assert second == ("direct", "a - base", "+20.0", "+0.0", "+10.0", "+7.5 to +12.5")


def test_what_is_not_valid_in_a_task_has_no_mean_over_them() -> None:
    without = of_task("pawsx", 0.5, 0.04, 0.0)
    without = dataclasses.replace(without, rows=without.rows[:1], differences=())
    whole = of_task("xnli", 0.8, 0.03, 0.2)
    assert task_means({"xnli": whole, "pawsx": without}, {}) == []
    others = [dataclasses.replace(whole.rows[1], system="b", task=task) for task in ("xnli", "pawsx")]  # valid in both
    both = [dataclasses.replace(one, rows=(*one.rows, b)) for one, b in zip((whole, without), others, strict=True)]
    assert [one.name for one in task_means(dict(zip(("xnli", "pawsx"), both, strict=True)), {})] == ["b / direct"]
    assert task_means({"xnli": of_task("xnli", 0.8, 0.03, 0.2)}, {}) == []


def test_tasks_with_weights_by_the_command(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = "premise\thypothesis\tsentence1\tsentence2\tlabel\n"
    for code, name in (("de", "Boot"), ("fr", "bateau"), ("tr", "tekne")):
        rows = [f"{name} {n}\t{n} {name}\tEin {name} {n}\t{n} {name}\t{n % 2}\n" for n in range(6)]
        (tmp_path / "data" / code).mkdir(parents=True)
        (tmp_path / "data" / code / "test.tsv").write_text(head + "".join(rows), encoding="utf-8")
    out = tmp_path / "out"
    arguments = [f"model={base}", "task=[xnli,pawsx]", "languages=all", f"task.data={tmp_path / 'data'}", f"out={out}"]
    assert call(*arguments, "weights={xnlo:3}") == 2
    assert "weights names xnlo: weights are for the scored tasks, if there are several. Did you mean 'xnli'?" in (
        capsys.readouterr().err
    )
    assert call(*arguments, "weights={xnli:3}") == 0
    printed, content = capsys.readouterr().out, results(out)
    [mean] = content["task_means"]
    means = {row["task"]: row["value"] for row in content["results"] if row["language"] == "mean"}
    assert mean["weights"] == {"xnli": 0.75, "pawsx": 0.25} and mean["values"].keys() == means.keys()
    assert mean["value"] == pytest.approx(0.75 * mean["values"]["xnli"] + 0.25 * mean["values"]["pawsx"])
    assert "xnli x 0.75  pawsx x 0.25" in printed and "family Indo-European  de fr" in printed
    assert {(one["kind"], one["group"]) for one in content["groups"]} == {("family", "Indo-European")}
    assert cli.main(["report", f"run={out}", f"out={tmp_path / 'report'}"]) == 0
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "pawsx x 0.25" in page and "family Indo-European" in page and "per character" in page


# ---------------------------------------------------------------- seeds


def pool(rng: np.random.Generator, seeds: int, level: float, seed_sd: float, hard: np.ndarray) -> list[list[Cell]]:
    """Per seed its cells in two languages; ``hard`` items are so in all."""
    found = []
    for _ in range(seeds):
        moved = level + rng.normal(scale=seed_sd)
        found.append([cell(code, rng.normal(size=len(hard)) + moved > hard) for code in ("el", "tr")])
    return found


def test_runs_that_differ_by_seed_are_one_with_both_noises() -> None:
    rng = np.random.default_rng(1)
    hard = rng.normal(size=200)
    runs = pool(rng, 3, 1.0, 0.3, hard)
    systems = {("base", "direct"): pool(rng, 1, 0.0, 0.0, hard)[0]}
    systems |= {(f"run{seed}", "direct"): cells for seed, cells in enumerate(runs)}
    pools = {f"run{seed}": ("de, 3 seeds", seed) for seed in range(3)}
    *languages, mean, difference = seed_means("xnli", ACCURACY, systems, pools, SETTINGS)
    of_seeds = [np.mean([one.counts[:, 0].mean() for one in cells]) for cells in runs]
    assert [one.language for one in languages] == ["el", "tr"] and mean.seeds == (0, 1, 2) and mean.n == 400
    assert mean.value == pytest.approx(np.mean(of_seeds)) and mean.seed_sd == pytest.approx(np.std(of_seeds, ddof=1))
    alone = macro(ACCURACY, runs[0], settings=SETTINGS)
    assert mean.high - mean.low > 1.3 * (alone.high - alone.low)  # of that very seed
    assert (difference.name, difference.minus, difference.seeds) == ("de, 3 seeds", "base", (0, 1, 2))
    assert difference.value > 0.1 and difference.p is not None and difference.p == difference.p_adjusted < 0.1
    assert seed_means("xnli", ACCURACY, systems, {}, SETTINGS) == []


def test_intervals_of_two_seeds_far_apart_are_of_shares() -> None:
    """One has all right, the other three in ten: Student's t of one degree of freedom reaches beyond both ends."""
    runs = [[cell(code, np.arange(50) < number) for code in ("el", "tr")] for number in (50, 15, 20)]
    systems = dict(zip([("run0", "direct"), ("run1", "direct"), ("base", "direct")], runs, strict=True))
    *_, mean, difference = seed_means(
        "xnli", ACCURACY, systems, {f"run{seed}": ("de", seed) for seed in (0, 1)}, SETTINGS
    )
    assert (mean.value, mean.low, mean.high) == (pytest.approx(0.65), 0.0, 1.0)
    assert (difference.value, difference.low, difference.high) == (pytest.approx(-0.25), -1.0, 1.0)


def test_intervals_of_pooled_seeds_hold_the_truth() -> None:
    """60 times three seeds: other items, and other seeds with an SD of some five points."""
    rng, held, level, sd = np.random.default_rng(0), 0, 0.5, 0.3
    truth = np.mean(rng.normal(size=100_000) + level + rng.normal(scale=sd, size=100_000) > rng.normal(size=100_000))
    for _ in range(60):
        runs = pool(rng, 3, level, sd, rng.normal(size=100))
        systems = {(f"run{seed}", "direct"): cells for seed, cells in enumerate(runs)}
        pools = {f"run{seed}": ("a", seed) for seed in range(3)}
        mean: SeedMean = seed_means("xnli", ACCURACY, systems, pools, SETTINGS)[-1]
        held += mean.low <= truth <= mean.high
    assert held > 0.9 * 60


def test_the_command_pools_runs_of_one_recipe(run: Path, base: Path, other_run: Path, tmp_path: Path) -> None:
    again = make_run(tmp_path / "again", base, "seed=1")
    out = tmp_path / "out"
    assert call(f"run=[{run},{again},{other_run}]", "languages=[en,sw]", "examples=8", f"out={out}") == 0
    found = results(out)["seed_means"]
    assert {one["name"] for one in found} == {"de, 2 seeds", "run_tr"}
    means = [one for one in found if not one["minus"]]
    assert [(one["name"], one["language"], one["seeds"]) for one in means] == [
        ("de, 2 seeds", code, [0, 1]) for code in ("en", "sw", "")
    ]
    of_runs = {row["system"]: row for row in reversed(results(out)["results"]) if row["language"].startswith("mean")}
    by_run = {name: row["value"] for name, row in of_runs.items()}  # of each its first metric
    assert means[-1]["value"] == pytest.approx((by_run["run_de"] + by_run["again"]) / 2)
    assert [(one["name"], one["minus"]) for one in found if one["minus"]] == [
        ("de, 2 seeds", "base"), ("run_tr", "de, 2 seeds"),
    ]  # fmt: skip
    assert "de, 2 seeds - base" in (out / "results.txt").read_text(encoding="utf-8")


# ---------------------------------------------------------------- texts


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("The boat is in the harbour.", "de", "en"),
        ("Das Boot liegt in dem Hafen.", "de", "de"),
        ("Лодка и это в порту, не на море", "el", "ru"),
        ("これは大きな船だと思います。", "tr", "ja"),
        ("გემი ნავსადგურშია", "ka", "ka"),  # no other language here has its script
        ("გემი ნავსადგურშია", "de", "Geor"),
        ("lorem ipsum dolor amet", "th", "Latn"),
        ("המחיר עלה בעשרים אחוז", "iw", "he"),  # an older code of Hebrew
        ("18", "de", None),
        ("km", "th", None),
    ],
)
def test_the_language_that_is_found(text: str, wanted: str, found: str | None) -> None:
    assert found_language(text, wanted) == found


def answered(texts: list[str], language: str = "de", variant: str = "direct", samples: int = 1) -> Answered:
    message = (Message("user", "Wie heißt das Boot dort?"),)
    items = tuple(
        PromptedExample(f"i{n}", language, message, "x", (), "x", (), True) for n in range(len(texts) // samples)
    )
    rows = tuple({"id": f"i{n // samples}", "text": text} for n, text in enumerate(texts))
    return Answered("t", "a", variant, language, "target", items, rows, 30 * len(texts), 5 * len(texts))


def test_free_text_says_in_which_languages_it_came() -> None:
    texts = ["Das Boot ist im Hafen.", "The boat is in the harbour.", "Because of that it is late.", "18"]
    task = load_recipe("bactrian_3src").task
    assert task.metric == "chrf"
    found = answer_languages(task, answered(texts))
    assert found == {"language_share": 1 / 3, "num_language_undecided": 1, "other_languages": {"en": 2}}
    assert answer_languages(load_recipe("mgsm_3src").task, answered(texts)) == {}  # a number is in no language
    assert answer_languages(task, answered(texts, "nl")) == {}  # cannot be told from others
    assert language_share(texts, "de").others == {"en": 2}
    assert language_share(["这是一个问题"], "cmn").share == 1.0  # another code of Chinese


def test_tokens_for_a_word_and_a_character() -> None:
    """Five words in 24 characters are 30 tokens here, whatever the number of samples."""
    expected = {"tokens_per_word": 6.0, "tokens_per_character": 30 / 24}
    assert token_figures(answered(["a"] * 4)) == token_figures(answered(["a"] * 4, samples=2)) == expected
    assert set(token_figures(answered(["a"], "th"))) == {"tokens_per_character"}
    assert token_figures(answered(["a"], variant="translate_solve")) == {}
