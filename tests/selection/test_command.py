"""mslt select: the arguments, the tables, the figure, and sources=auto in a recipe."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mslt_it import cli
from mslt_it.command import help_text
from mslt_it.command import parse as parse_command
from mslt_it.commands.select import COMMAND, Options
from mslt_it.config.compose import load_recipe as composed
from mslt_it.config.compose import resolved_yaml
from mslt_it.config.recipe import CRITERIA as NAMES
from mslt_it.config.recipe import Recipe, SelectConfig
from mslt_it.config.schema import keys
from mslt_it.problems import Problem
from mslt_it.publish.model_card import model_card
from mslt_it.selection.auto import choose_sources
from mslt_it.selection.criteria import CRITERIA, POOLS, Request
from mslt_it.selection.ranking import hangs_on_seed, rank_source_sets
from mslt_it.selection.report import check_path, write_figure

load_recipe = functools.partial(composed, choose=choose_sources)


def parse(arguments: list[str]) -> tuple[dict[str, object], bool]:
    call = parse_command(COMMAND, arguments)
    return {name: getattr(call.options, name) for name in call.given}, call.as_json


QUICK = "criteria=[l2v_syntax,l2v_family,scripts,l2v_typology,mean_reciprocal_rank,target_coverage]"


def test_arguments() -> None:
    options, as_json = parse(
        [
            *("pool=[ar, de,'no']", "k=2", "must=[ar]", "exclude=[]", "cost={ar:2,de: 1.5}", "max_cost=3.5", "--json"),
            *("text=some/folder", "uriel={ar:arb}", "seed=4", "figure=map.svg"),
        ]
    )
    assert as_json and options == {
        "pool": ("ar", "de", "no"),
        "k": 2,
        "must": ("ar",),
        "exclude": (),
        "cost": {"ar": 2.0, "de": 1.5},
        "max_cost": 3.5,
        "text": "some/folder",
        "uriel": {"ar": "arb"},
        "seed": 4,
        "figure": "map.svg",
    }
    assert parse(["pool=xnli"]) == ({"pool": ("xnli",)}, False)


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("pol=[ar]", "Unknown key 'pol'. Did you mean 'pool'? Known: "),
        ("pool", "Argument 'pool' is not KEY=VALUE. Write 'pool=[a,b]'."),
        ("pool=ar,de", "pool=ar,de is not a list or a name (paper, xnli, world). Write pool=[ar,de], quoted"),
        ("pool=papr", "pool=papr is not a list or a name (paper, xnli, world). Write pool=[papr]"),
        ("targets=sw", "targets=sw is not a list. Write targets=[sw], quoted for the shell."),
        ("pool=[ar,,de]", "pool: an item is empty. Remove the extra comma."),
        ("k=three", "k=three is not a whole number."),
        ("k=", "k= has no value. Leave it out for the default (3)."),
        ("max_cost=nan", "max_cost=nan is not a finite number."),
        ("cost=ar:2", "cost=ar:2 is not a mapping. Write cost={ar:2,zh:1.5}, quoted for the shell."),
        ("cost={ar}", "cost={ar} is not a mapping. Write cost={ar:2,zh:1.5}, quoted for the shell."),
        ("cost={ar:x}", "cost of ar=x is not a number."),
        ("cost={ar:1,ar:2}", "cost: 'ar' is given twice. Remove one."),
        ("--jsn", "Unknown option '--jsn'. Did you mean '--json'?"),
    ],
)
def test_mistakes_in_arguments(argument: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["select", argument]) == 2
    assert capsys.readouterr().err.startswith(f"error: {text}")


def test_a_key_twice() -> None:
    with pytest.raises(Problem, match=r"^k is given twice: '2' and '3'\. Keep one\.$"):
        parse(["k=2", "k=3"])


def test_help_names_everything_and_imports_nothing_heavy() -> None:
    words = {line.split()[0].partition("=")[0] for line in help_text(COMMAND).splitlines() if line.split()}
    assert {*keys(Options), *CRITERIA, *POOLS, "--json"} <= words
    code = (
        "import sys; from mslt_it import cli; code = cli.main(['select', '--help']); "
        "print('LOADED', [m for m in ('torch', 'numpy', 'rich', 'matplotlib', 'langcodes') if m in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED [] 0"


def test_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["select", "pool=paper", "k=3", QUICK, "top=2"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "all 35 allowed sets of 3 out of 7 languages, ranked exactly",
        "lang2vec codes: ar=ara, de=deu, en=eng, es=spa, fr=fra, ru=rus, zh=zho",
        "│    1 │ ar de zh │ 1.1962 │        0.3987 │         0.0993 │",
        "First: ar de zh, least alike ar-zh (0.457)",
        "13 sets share rank 1.",
        "l2v_typology (beyond the paper): ",
        "Note: with zh as cmn the first set is ar, de, zh (1.0864).",
        "target_coverage: No targets are given. Give the languages to transfer to: targets=[sw,th].",
        "ar de zh: 3 scripts (Arabic: ar, Latin: de, Han: zh)",
        "By chance each would be in 43% of the sets.",
    ):
        assert part in shown


def test_where_all_sets_tie_no_table_of_ties_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["pool=[de,en,fr]", "k=2", "must=[en]", "criteria=[scripts,l2v_syntax]"]
    assert cli.main(["select", *given]) == 0
    scripts, syntax = capsys.readouterr().out.partition("l2v_syntax:")[::2]
    assert "Note: All sets tie: this criterion says nothing here." in scripts and "│" not in scripts
    assert "│    1 │" in syntax and "rank 1 to 5" in syntax
    assert "By chance" not in syntax  # English is in every set, German in half of them


def test_costs_have_a_column(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["select", "pool=paper", "k=2", "criteria=[scripts]", "cost={ar:2.5}", "must=[ar]", "top=1"]) == 0
    shown = capsys.readouterr().out
    assert "cost" in shown and "3.5" in shown


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["select", "pool=paper", "k=3", "criteria=[l2v_syntax]", "top=1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    [one] = found["criteria"]["l2v_syntax"]
    assert one["set"] == ["ar", "de", "zh"] and one["rank"] == 1 and round(one["score"], 4) == 1.1962


def test_the_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "map.svg"
    arguments = ["select", "pool=paper", "k=3", "targets=[tr]", "criteria=[l2v_syntax]", f"figure={path}"]
    assert cli.main(arguments) == 0
    assert f"Figure: {path}" in capsys.readouterr().out
    text = path.read_text(encoding="utf-8")
    for code in (*POOLS["paper"], "tr"):
        assert f">{code}</text>" in text
    assert "chosen by l2v_syntax: ar, de, zh" in text
    selection = rank_source_sets("paper", 3, targets=["tr"], criteria=["l2v_syntax"])
    assert write_figure(selection, tmp_path / "again.svg").read_text(encoding="utf-8") == text
    write_figure(selection, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_mistakes_in_the_figures_path(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"unknown format '\.jpeg'\. .*Known: \.pdf, \.png, \.svg\.$"):
        check_path(tmp_path / "map.jpeg")
    with pytest.raises(Problem, match=r"the folder .*nowhere is not there\. Make it, or write elsewhere\.$"):
        check_path(tmp_path / "nowhere" / "map.svg")


# ---------------------------------------------------------------- sources=auto


def test_sources_are_not_chosen_where_nothing_is_trained() -> None:
    with pytest.raises(Problem, match=r"sources=auto: nothing is trained here, so none are chosen\. List them"):
        composed("xnli_3src", ["sources=auto"])


TARGETS = "targets=[tr,th,sw]"


def test_sources_chosen_by_a_criterion() -> None:
    recipe = load_recipe("xnli_3src", ["sources=auto", TARGETS, "select.criterion=l2v_syntax"])
    assert recipe.sources == ("ar", "de", "zh")
    assert recipe.select.note == (
        "ar, de, zh: first of 35 sets of 3 from ar, de, en, es, fr, ru, zh by l2v_syntax (score 1.1962), ranked "
        "exactly, seed 0; next ar, fr, zh (1.0969)."
    )
    other = load_recipe("xnli_3src", ["sources=auto", TARGETS, "select.criterion=l2v_typology", "select.k=2"])
    assert other.sources == ("ar", "zh") and len(other.sources) == 2


def test_constraints_of_the_choice() -> None:
    recipe = load_recipe(
        "xnli_3src",
        ["sources=auto", TARGETS, "select.must=[en]", "select.exclude=[zh]", "select.pool=[paper,ja]", "select.k=2"],
    )
    assert "en" in recipe.sources and "zh" not in recipe.sources and len(recipe.sources) == 2


def test_targets_are_left_out_with_a_note() -> None:
    recipe = load_recipe("xnli_3src", ["sources=auto"])
    assert recipe.sources == ("ar", "de", "zh")  # the recipe's targets are all the others
    assert "the only set of 3" in recipe.select.note
    assert "Left out of the pool because they are targets: en, es, fr, ru." in recipe.select.note


def test_ties_are_said_in_the_note() -> None:
    note = load_recipe("xnli_3src", ["sources=auto", TARGETS, "select.criterion=scripts"]).select.note
    assert "13 sets tie, the first in the order of the pool was taken" in note


def test_a_choice_that_hangs_on_a_code_is_said_in_the_note() -> None:
    note = load_recipe("xnli_3src", ["sources=auto", TARGETS, "select.criterion=l2v_typology"]).select.note
    assert note.startswith("ar, es, zh: ") and "with zh read as cmn it would be ar, de, zh" in note


def test_the_base_models_sizes_choose() -> None:
    overrides = ["sources=auto", TARGETS, "scale=paper", "select.criterion=pretraining_size"]
    assert load_recipe("xnli_3src", overrides).sources == ("en", "fr", "zh")


def test_the_resolved_recipe_keeps_sources_and_note(tmp_path: Path) -> None:
    recipe = load_recipe("xnli_3src", ["sources=auto", TARGETS])
    text = resolved_yaml(recipe)
    assert yaml.safe_load(text)["sources"] == ["ar", "de", "zh"]
    (tmp_path / "again.yaml").write_text(text, encoding="utf-8")
    again = load_recipe("again", [], tmp_path)
    assert again == recipe and again.select.note
    changed = load_recipe("again", ["sources=[en,ar,zh]"], tmp_path)
    assert changed.sources == ("en", "ar", "zh") and changed.select.note == ""


def test_a_recipes_file_may_say_auto(tmp_path: Path) -> None:
    start = "defaults:\n  - recipe_schema\n  - scale: mini\n  - task: xnli\n  - _self_\ntargets: [tr]\n"
    (tmp_path / "own.yaml").write_text(f"{start}sources: [auto]\nselect:\n  k: 2\n", encoding="utf-8")
    assert load_recipe("own", [], tmp_path).sources == ("ar", "zh")
    (tmp_path / "own.yaml").write_text(f"{start}sources: auto\n", encoding="utf-8")
    assert load_recipe("own", [], tmp_path).sources == ("ar", "de", "zh")


def test_the_run_is_another_when_sources_were_chosen() -> None:
    chosen, listed = load_recipe("xnli_3src", ["sources=auto", TARGETS]), load_recipe("xnli_3src", [TARGETS])
    assert chosen.sources == listed.sources and listed.select.note == ""
    assert chosen.training_fingerprint() == listed.training_fingerprint()
    assert chosen.run_fingerprint() != listed.run_fingerprint()  # its model card says something else


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["select.criterion=l2v_syntx"], "select.criterion=l2v_syntx is unknown. Did you mean 'l2v_syntax'?"),
        (["select.k=0"], "select.k=0 is out of range. It must be above 0."),
        (["select.kk=0"], "Unknown key 'select.kk'. Did you mean 'select.k'?"),
        (["sources=auto", "select.criterion=l2v_syntx"], "select.criterion=l2v_syntx is unknown. Did you mean"),
        (["sources=auto", "select.k=8"], "sources=auto: The pool has 7 languages (ar, de, en, es, fr, ru, zh), fewer"),
        (["sources=auto", "select.must=[tr]"], "sources=auto: must: 'tr' is not in the pool."),
        (["sources=auto", "select.pool=[ar,jp]"], "sources=auto: pool: Unknown language code 'jp'. Did you mean 'ja'"),
        (
            ["sources=auto", "select.criterion=embedding", "model.path=Qwen/Qwen3-0.6B-Base"],
            "sources=auto: select.criterion=embedding needs text of the candidates, which a recipe does not name for ",
        ),
        (
            ["sources=auto", "select.criterion=pretraining_size", "model.path=Qwen/Qwen3-0.6B-Base"],
            "sources=auto: No criterion could be computed. pretraining_size: No pretraining sizes per language are",
        ),
    ],
)
def test_mistakes_in_the_choice(overrides: list[str], text: str) -> None:
    with pytest.raises(Problem) as caught:
        load_recipe("xnli_3src", [TARGETS, *overrides])
    assert str(caught.value).startswith(text)


def test_the_recipes_criteria_are_the_commands() -> None:
    assert set(NAMES) == set(CRITERIA)


def test_the_model_card_says_how_sources_were_chosen() -> None:
    provenance = {"num_examples": 1500, "adapter_sha256": "a" * 64, "base_sha256": "b" * 64}
    select = SelectConfig(note="ar, zh: first of 21 sets of 2.")
    card = model_card(Recipe("x", ("ar", "zh"), ("tr",), select=select), [], provenance)
    assert "\nHow the source languages were chosen (`sources=auto`): ar, zh: first of 21 sets of 2.\n" in card
    assert "were chosen" not in model_card(Recipe("x", ("ar", "zh"), ("tr",)), [], provenance)


@pytest.mark.parametrize(
    ("more", "is_drawn"),
    [
        ({}, False),
        ({"criteria": ()}, True),
        ({"criteria": ("scripts", "random")}, True),
        ({"criteria": ("vocabulary_coverage",)}, True),  # of the world's sentences
        ({"criteria": ("vocabulary_coverage",), "text": "own"}, False),
        ({"pool": ("world", "af", "am", "az", "ca", "da", "eu"), "k": 9}, True),  # 3.1 million sets: a greedy search
    ],
)
def test_what_hangs_on_the_seed(more: dict[str, Any], is_drawn: bool) -> None:
    assert hangs_on_seed(Request(**{"criteria": ("scripts",), **more})) == is_drawn
