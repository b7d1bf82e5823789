"""The table, the sentence under it and the adapter's card say what the numbers say."""

from __future__ import annotations

import dataclasses
import html
import re
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt  # which rich brings along

from mslt_it.config.recipe import Recipe, TaskConfig
from mslt_it.evaluation.label_reports import LabelReport, LabelScore
from mslt_it.evaluation.remarks import run_remarks, verdict
from mslt_it.evaluation.scores import ScoreRow
from mslt_it.evaluation.tables import Cells, as_markdown, as_text, in_markdown, label_table, language_table
from mslt_it.publish.model_card import model_card

TASK = TaskConfig()


def result(language: str, value: float | None = 0.6, role: str = "target", **changes: Any) -> ScoreRow:
    values: dict[str, Any] = {
        "task": "xnli", "system": "adapter", "language": language, "role": role, "variant": "direct",
        "metric": "accuracy", "n": 400, "value": value,
        "low": None if value is None else value - 0.05, "high": None if value is None else value + 0.05,
        "base_value": 0.333, "gain": 0.267, "gain_low": 0.2, "gain_high": 0.33,
    }  # fmt: skip
    return ScoreRow(**(values | changes))


def rows(found: list[ScoreRow], confidence: float = 0.95) -> Cells:
    return language_table(found, confidence, with_base=True)


INVALID = result(
    "th", None, base_value=None, gain=None, gain_low=None, gain_high=None, status="invalid", reason="no items"
)
MEAN = result("mean of unseen", 0.5, n=800)


def test_the_cells() -> None:
    cells = rows([result("en", 0.8126, "source"), result("sw", gain=-0.012, gain_low=-0.05, gain_high=0.03), MEAN])
    assert cells[0] == ("language", "", "n", "accuracy", "95 % interval", "base", "gain", "95 % interval")
    assert cells[1] == ("en English", "seen", "400", "81.3", "76.3 to 86.3", "33.3", "+26.7", "+20.0 to +33.0")
    assert cells[2][:2] == ("sw Swahili", "unseen") and cells[2][6:] == ("-1.2", "-5.0 to +3.0")
    assert cells[3][:4] == ("mean of unseen", "unseen", "800", "50.0")
    assert rows([], 0.9)[0][4] == "90 % interval"


def test_an_invalid_row_gives_its_reason_and_no_figure() -> None:
    assert rows([INVALID])[1] == ("th Thai", "unseen", "400", "invalid", "no items", "", "", "")
    no_base = result("sw", base_value=None, gain=None, gain_low=None, gain_high=None)
    assert rows([result("en"), no_base])[2][5:] == ("n/a", "n/a", "")


def test_the_text_is_aligned() -> None:
    lines = as_text(rows([result("en", 0.8, "source"), result("sw", 1.0), INVALID])).split("\n")
    assert len(lines) == 5 and lines[1] == "-" * len(lines[0])
    assert not any(line.endswith(" ") for line in lines)
    # Figures end in the same column, names start in the first.
    assert [line.index("400") for line in lines[2:]] == [lines[2].index("400")] * 3
    end = lines[0].index("accuracy") + len("accuracy")
    assert [line[:end].split()[-1] for line in lines[2:]] == ["80.0", "100.0", "invalid"]
    assert lines[2].startswith("en English  seen")


def test_the_markdown_has_as_many_cells_in_every_line() -> None:
    cells = rows([result("en", 0.8, "source"), INVALID])
    lines = as_markdown(cells).split("\n")
    assert len(lines) == 4 and {line.count("|") for line in lines} == {9}
    assert lines[1] == "|" + "---|" * 8


@pytest.mark.parametrize(
    "label",
    [
        "a|b",
        r"a\|b",
        "<script>1</script>",
        "<!-- x -->",
        "**x**",
        "_x_",
        "__x__",
        "`x`",
        "$x$",
        "~~x~~",
        "[x](y)",
        "&lt;",
    ],
)
def test_what_a_label_is_called_is_shown_as_it_is(label: str) -> None:
    """As CommonMark with tables and strikethrough reads it, in a cell and in a sentence."""
    read = MarkdownIt("gfm-like", {"linkify": False})
    table = read.render(as_markdown([("label", label), (label, "1")]))
    assert [html.unescape(cell) for cell in re.findall("<t[hd]>(.*?)</t[hd]>", table)] == ["label", label, label, "1"]
    assert html.unescape(read.render(f"It says '{in_markdown(label)}'.")) == f"<p>It says '{label}'.</p>\n"
    assert in_markdown("p < 0.05 by l2v_syntax, 5 %") == "p < 0.05 by l2v_syntax, 5 %"


BAR = "above chance (the larger of 1/3 and the majority's share"


def test_figures_of_other_measures_and_the_majority_stand_beside() -> None:
    found = [result("sw", 0.6, majority_share=0.42), result("sw", 0.31, metric="macro_f1")]
    head, row = rows(found)
    assert head[3:8] == ("accuracy", "95 % interval", "macro-F1", "majority", "base")
    assert row[3:8] == ("60.0", "55.0 to 65.0", "31.0", "42.0", "33.3")
    assert rows([*found, INVALID])[2] == ("th Thai", "unseen", "400", "invalid", "no items", *[""] * 5)


def test_the_verdict_when_nothing_is_above_chance() -> None:
    found = verdict([result("en", 0.9, "source"), result("sw", 0.36), result("th", 0.33)], TASK)
    assert found.startswith(f"No unseen language is {BAR}, corrected for 2 languages)") and "No transfer" in found


def test_the_verdict_of_a_mean_that_shows_what_no_language_shows() -> None:
    labels = [result("sw", 0.4), result("th", 0.4, majority_share=0.36)]
    below = result("mean of unseen", 0.4, low=0.346, high=0.46)  # the bars: 0.333 and 0.36, in the mean 0.347
    assert "No transfer can be detected" in verdict([*labels, below], TASK)
    found = verdict([*labels, dataclasses.replace(below, low=0.348)], TASK)
    assert found.startswith(
        f"No unseen language alone is {BAR}, corrected for 2 languages). Their mean is above chance, "
    )
    written = dataclasses.replace(TASK, label_names=(), shape="question_answering", metric="qa_f1")
    figures = [result("sw", metric="qa_f1", gain_low=-0.1), result("th", metric="qa_f1", gain_low=-0.2)]
    mean = result("mean of unseen", metric="qa_f1", gain_low=0.01)
    assert "alone is better than the untuned base: every interval" in verdict([*figures, mean], written)
    assert "No transfer can be detected" in verdict([*figures, dataclasses.replace(mean, gain_low=-0.01)], written)


def test_the_verdict_when_some_are() -> None:
    found = verdict([result("en", 0.34, "source"), result("sw", is_above_chance=True), result("th"), MEAN], TASK)
    assert found == f"1 of 2 unseen languages are {BAR}, corrected for 2 languages); not above chance: th."
    of_f1 = [result(code, 0.3, metric="macro_f1") for code in ("sw", "th", "mean of unseen")]  # tells nothing of it
    assert verdict([result("sw", is_above_chance=True), result("th"), MEAN, *of_f1], TASK) == found


def test_the_verdict_of_one_language_is_not_corrected() -> None:
    assert verdict([result("sw", is_above_chance=True), MEAN], TASK) == f"1 of 1 unseen language is {BAR})."


def test_the_verdict_without_valid_scores() -> None:
    assert verdict([result("en", 0.9, "source"), INVALID], TASK) == "No unseen language has a valid score."


def test_what_is_said_beside_the_figures() -> None:
    mean = result(
        "mean of unseen", 0.5, n=800, num_shared=400, num_groups=134, languages_low=0.4, languages_high=0.6,
        train_majority_share=0.34,
    )  # fmt: skip
    said = run_remarks([result("sw", only_label="neutral"), result("th"), mean], TASK, 0.95)
    cut = run_remarks([result("sw", n=9, num_cut=2), result("th", n=9, num_cut=1), mean], TASK, 0.95)
    assert any(line.startswith("3 of 18 answers reached the token limit") for line in cut)
    assert not any("no end" in line for line in said)
    assert said[0] == (
        "mean of unseen: 50.0, 95 % interval 45.0 to 55.0 for these languages on other items like these, 40.0 to 60.0 "
        "for other languages like these; 800 rows, 400 items in every one of the languages, in 134 groups, each "
        "resampled as a unit. Baseline (the training rows' most frequent label): 34.0."
    )
    assert said[2] == "The adapter gave every item the same label, whatever its text: sw 'neutral' (400 of 400)."
    assert "items in every" not in run_remarks([result("sw"), result("mean of unseen", n=9)], TASK, 0.95)[0]


def test_labels_are_told_with_their_confusions() -> None:
    scores = (LabelScore("card", 1.0, 0.5, 2 / 3, 4, 2), LabelScore("trip", None, 0.0, 0.0, 1, 0))
    title, cells = label_table(LabelReport("adapter", "direct", "sw", scores, ((2, 0, 2), (0, 0, 1))))
    text = as_text(cells)
    assert title == "sw, adapter" and text.startswith("label")
    assert text.splitlines()[2].split() == ["card", "4", "2", "100.0", "50.0", "66.7", "2", "0", "2"]
    assert text.splitlines()[3].split() == ["trip", "1", "0", "n/a", "0.0", "0.0", "0", "0", "1"]


PROVENANCE = {"num_examples": 1500, "adapter_sha256": "a" * 64, "base_sha256": "b" * 64}


def test_the_model_card() -> None:
    recipe = Recipe(name="xnli_3src", sources=("zh", "ar", "de"), targets=("sw", "th"), seed=7)
    card = model_card(recipe, [result("zh", 0.8, "source"), result("sw", is_above_chance=True), INVALID], PROVENANCE)
    _, head, body = card.split("---\n", 2)
    fields = yaml.safe_load(head)
    assert fields["library_name"] == "peft" and fields["base_model"] == "world"
    assert fields["language"] == ["zh", "ar", "de"]
    assert body.strip().startswith("# xnli_3src")
    for part in ("1500 labelled rows in zh, ar, de together", "seed 7", "rank 8", "not the benchmark", "a" * 64):
        assert part in body
    assert "| sw Swahili | unseen |" in body and "| invalid | no items |" in body
    assert "1 of 1 unseen language is above chance" in body


def test_the_card_tells_what_became_of_each_label() -> None:
    scores = (LabelScore("yes", 0.5, 1.0, 2 / 3, 2, 4), LabelScore("no", None, 0.0, 0.0, 2, 0))
    found = [LabelReport(system, "direct", "sw", scores, ((2, 0, 0), (2, 0, 0))) for system in ("adapter", "base")]
    recipe = Recipe(name="x", sources=("en",), targets=("sw",))
    card = model_card(recipe, [result("sw")], PROVENANCE, labels=found)
    assert card.count("| yes |  | 2 | 4 | 50.0 | 100.0 | 66.7 | 2 | 0 | 0 |") == 1  # of the adapter alone
    assert "<details>" not in model_card(recipe, [result("sw")], PROVENANCE)
    assert r": sw '\<b>\*' (400 of 400)" in model_card(recipe, [result("sw", only_label="<b>*")], PROVENANCE)


def test_the_card_of_real_data_names_it() -> None:
    recipe = Recipe(name="x", sources=("en",), targets=("sw",), task=TaskConfig(data="facebook/xnli"))
    card = model_card(recipe, [result("sw")], PROVENANCE)
    assert "from facebook/xnli;" in card and "toy" not in card


def test_the_cards_languages_are_strings() -> None:
    """Unquoted, "no" (Norwegian) is a boolean in YAML."""
    recipe = Recipe(name="x", sources=("en", "no"), targets=("sw",))
    head = model_card(recipe, [result("sw")], PROVENANCE).split("---\n")[1]
    assert yaml.safe_load(head)["language"] == ["en", "no"]
