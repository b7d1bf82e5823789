"""Study files: their keys, what the command line may change, and the texts of their errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny_study import write_study

from mslt_it.problems import Problem
from mslt_it.study.config import Expected, load_study, study_files
from mslt_it.study.grid import base_recipe


def test_every_study_of_the_package_loads() -> None:
    found = study_files()
    papers = ["paper_bactrian", "paper_pawsx", "paper_tydiqa", "paper_wikiann", "paper_xnli"]
    assert sorted(found) == ["intents", "mini", *papers]
    for name, path in found.items():
        config = load_study(name)
        assert not set(config.pool) & set(config.targets)
        assert config.expected.origin
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith(f"# mslt study study={name}")


def test_a_family_of_models_adds_to_the_study_and_replaces_its_keys(tmp_path: Path) -> None:
    families = "{decoder: {}, encoder: {overrides: [scale=mbert], budgets: [12], seeds: [4]}}"
    file = write_study(tmp_path, families=families)
    first = load_study("tiny", [], file)
    assert (first.name, first.family) == ("tiny", "decoder") and first.overrides == load_study(
        "tiny", ["family=decoder"], file
    ).overrides
    other = load_study("tiny", ["family=encoder", "seeds=[5]", "training.num_epochs=2"], file)
    assert (other.name, other.family, other.budgets, other.seeds) == ("tiny_encoder", "encoder", (12,), (5,))
    assert other.overrides == (*first.overrides, "scale=mbert", "training.num_epochs=2")
    with pytest.raises(Problem, match=r"tiny\.yaml: family=encodr is not among its families\. Did you mean 'encoder'"):
        load_study("tiny", ["family=encodr"], file)
    with pytest.raises(Problem, match=r"families\.decoder\.seed is not a study's key\. Did you mean 'seeds'"):
        load_study("tiny", [], write_study(tmp_path, families="{decoder: {seed: [1]}}"))
    with pytest.raises(Problem, match=r"families must hold FAMILY: \{KEY: VALUE\}"):
        load_study("tiny", [], write_study(tmp_path, families="[encoder]"))
    with pytest.raises(Problem, match=r"family=encoder is not among its families\. Leave family out"):
        load_study("tiny", ["family=encoder"], write_study(tmp_path))
    for more, said in (
        (
            {"families": "{encoder: {overrides: scale=mbert}}"},
            "families.encoder.overrides: 'scale=mbert' is not a list",
        ),
        ({"families": "{encoder: {overrides: }}"}, "families.encoder.overrides: null is not a valid value"),
        ({"families": "{encoder: {1: 2}}"}, "families.encoder.1 is not a study's key"),
        ({"families": "{encoder: {}}", "family": "[encoder]"}, "family=['encoder'] is not among its families"),
    ):
        with pytest.raises(Problem, match=re.escape(said)):
            load_study("tiny", [], write_study(tmp_path, **more))


def test_a_key_is_given_once(tmp_path: Path) -> None:
    """A value beside a sweep of the same key would be dropped without a word."""
    sweep, value = "training.learning_rate=[1e-4,3e-4]", "training.learning_rate=3e-4"
    for twice in ([sweep, value], [value, sweep], [sweep, sweep]):
        with pytest.raises(Problem, match=r"training\.learning_rate is given twice: .* Keep one\."):
            load_study("tiny", twice, write_study(tmp_path))
    with pytest.raises(Problem, match=r"seeds is given twice"):
        load_study("tiny", ["seeds=[0]", "seeds=[1]"], write_study(tmp_path))


@pytest.mark.parametrize("name", ["paper_xnli", "paper_pawsx", "paper_wikiann", "paper_tydiqa"])
def test_studies_of_the_paper_take_every_family(name: str) -> None:
    scales = {"decoder": "small", "encoder": "xlmr_base", "text_to_text": "mt5_base"}
    found = {family: load_study(name, [f"family={family}"]) for family in scales}
    assert {family: base_recipe(one).scale for family, one in found.items()} == scales
    assert len({(one.pool, one.targets, one.set_sizes, one.seeds) for one in found.values()}) == 1


def test_keys_and_overrides_of_the_command_line(tmp_path: Path) -> None:
    arguments = ["seeds=[3, 4]", "sample=2", "training.num_epochs=2", "scale=small", "set_sizes=[2]", "pool=paper"]
    config = load_study("tiny", arguments, write_study(tmp_path))
    assert (config.seeds, config.sample, config.set_sizes) == ((3, 4), 2, (2,))
    assert config.overrides[-2:] == ("training.num_epochs=2", "scale=small")
    assert config.overrides[0] == "training.max_steps=6"  # of the file, before those
    assert config.pool == ("ar", "de", "en", "es", "fr", "ru", "zh")
    assert load_study("tiny", ["sample=null"], write_study(tmp_path)).sample is None


def test_expected_times_say_where_they_come_from(tmp_path: Path) -> None:
    file = write_study(tmp_path, expected="{seconds_per_step: 0.1, seconds_per_item: 1, origin: a guess}")
    assert load_study("tiny", [], file).expected == Expected(0.1, 1, "a guess")
    with pytest.raises(Problem, match=r"tiny.yaml: expected: origin is missing. Say where the seconds were measured"):
        load_study("tiny", [], write_study(tmp_path, expected="{seconds_per_step: 0.1}"))
    with pytest.raises(Problem, match=r"tiny.yaml: expected.seconds_per_step=-1 is out of range. It must be above 0"):
        load_study("tiny", [], write_study(tmp_path, expected="{seconds_per_step: -1, origin: x}"))


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("seed=[0]", "Unknown key 'seed'. Did you mean 'seeds'?"),
        ("seeds=0", "seeds=0 is not a list. Write seeds=[0, 1, 2], quoted"),
        ("seeds=[0,0]", "seeds=[0,0]: '0' is listed twice"),
        ("seeds=[true]", "seeds=true is not a whole number"),
        ("seeds=[]", "seeds=[] is empty. Write seeds=[0, 1, 2]."),
        ("seeds=[1", "seeds=[1 is not a list. Write seeds=[0, 1, 2], quoted"),
        ("predict={a", "Cannot read 'predict={a'. Write it as in the file: 'predict={A: B}'."),
        ("set_sizes=[0]", "set_sizes: '0' is out of range. It must be at least 1."),
        ("set_sizes=[4]", "set_sizes holds 4, the pool only 3 languages (de, en, zh). Sizes go from 1 to 3"),
        ("sample=0", "sample=0 is out of range. It must be at least 1."),
        ("targets=[tr, zh]", "none may be in the pool. sources and targets overlap: zh"),
        ("pool=[de, jp]", "pool: Unknown language code 'jp'. Did you mean 'ja'"),
        ("variants=[cot_nativ]", "variants: 'cot_nativ' is unknown. Did you mean 'cot_native'?"),
        ("criteria=[l2v_syntx]", "criteria: 'l2v_syntx' is unknown. Did you mean 'l2v_syntax'?"),
        ("also_score=[xcopy]", "also_score holds 'xcopy'. Did you mean 'xcopa'?"),
        ("recipe=", "recipe= has no value. Recipe of every cell."),
        ("data.num_examples_total=5", "data.num_examples_total is set for each cell. Use the study's budgets"),
        ("prompt.variant=xlt", "prompt.variant is set for each cell. Use the study's variants"),
    ],
)
def test_mistakes_are_named(argument: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        load_study("tiny", [argument], write_study(tmp_path))
    assert said in str(caught.value)


def test_mistakes_in_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"Unknown study 'minni'. Did you mean 'mini'\?"):
        load_study("minni")
    with pytest.raises(Problem, match=r"Unknown key 'seeeds' in .*tiny.yaml. Did you mean 'seeds'\?"):
        load_study("tiny", [], write_study(tmp_path, seeeds="[1]"))
    (tmp_path / "study" / "tiny.yaml").write_text("pool: [de")
    with pytest.raises(Problem, match=r"tiny.yaml is not valid YAML: "):
        load_study("tiny", [], tmp_path)
    (tmp_path / "study" / "tiny.yaml").write_text("pool: [de]\nrecipe: xnli_3src")
    with pytest.raises(Problem, match=r"tiny.yaml: targets is missing. Add a line 'targets: ...'"):
        load_study("tiny", [], tmp_path)
    (tmp_path / "study" / "mini.yaml").write_text("pool: [de]")
    with pytest.raises(Problem, match=r"has the name of a study of the package. Rename yours"):
        study_files(tmp_path)
    with pytest.raises(Problem, match=r"--config-dir: '.*nowhere' is not a folder"):
        study_files(tmp_path / "nowhere")


def test_a_typed_key_may_leave_one_of_the_file_without_effect_but_none_that_is_typed() -> None:
    typed = ["training.max_steps=1"]  # the file says training.num_epochs=8
    base = base_recipe(load_study("mini", typed), None, typed)
    assert (base.training.max_steps, base.training.num_epochs) == (1, 8)
    typed.append("training.num_epochs=3")
    with pytest.raises(Problem, match=r"training\.num_epochs=3 has no effect: training\.max_steps is used instead"):
        base_recipe(load_study("mini", typed), None, typed)
    of_other_cells = ["variants=[direct,cot_english]", "scoring.max_chain_tokens=64"]
    assert base_recipe(load_study("mini", of_other_cells), None, of_other_cells).scoring.max_chain_tokens == 64
