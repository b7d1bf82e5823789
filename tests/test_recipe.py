"""Recipes: every file loads, every mistake is a Problem that says what would be right."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from mslt_it.config import compose
from mslt_it.config.compose import load_recipe, resolved_yaml
from mslt_it.config.decides import deciding
from mslt_it.config.files import share_dir
from mslt_it.config.recipe import (
    AdapterConfig,
    DataConfig,
    ModelConfig,
    PromptConfig,
    Recipe,
    ScoringConfig,
    TrainingConfig,
)
from mslt_it.problems import Problem

RECIPES = sorted(path.stem for path in share_dir("recipes").glob("*.yaml"))
SCALES = sorted(path.stem for path in (share_dir("recipes") / "scale").glob("*.yaml"))
KNOWN_SCALES = "encoder_small, large, mbert, mini, mt5_base, paper, small, tiny, xlmr_base, xlmr_large"
TASKS = sorted(path.stem for path in (share_dir("recipes") / "task").glob("*.yaml"))


def test_number_of_recipes_seen() -> None:
    assert (len(RECIPES), len(SCALES), len(TASKS)) == (26, 10, 27)


# Each recipe with its own task and others, so that each task meets a foreign recipe and each scale several tasks.
PAIRS = [
    (name, task, SCALES[(2 * i + j) % len(SCALES)])
    for i, name in enumerate(RECIPES)
    for j, task in enumerate(TASKS)
    if (i + j) % 20 == 0 or name.split("_")[0] == task
]


@pytest.mark.parametrize(("name", "task", "scale"), PAIRS)
def test_every_recipe_loads_with_its_task_and_others_and_at_every_scale(name: str, task: str, scale: str) -> None:
    own = (
        ["sources=[de,fr]", "targets=[en]", "task.data=my.csv"]
        if {"custom", "afrisenti", "kornli"} & {name.removesuffix("_3src"), task}
        else []
    )
    if "combined" in name and scale in ("encoder_small", "mbert", "mt5_base", "xlmr_base", "xlmr_large"):
        own += ["adapter.method=lora"]  # what is combined are adapters
    recipe = load_recipe(name, [f"scale={scale}", f"task={task}", *own])
    assert (recipe.name, recipe.scale, recipe.task.name) == (name, scale, task)
    assert not set(recipe.sources) & set(recipe.targets)
    assert isinstance(recipe.sources, tuple) and isinstance(recipe.task.label_names, tuple)
    hash(recipe)  # frozen all the way down


@pytest.mark.parametrize("path", sorted(share_dir("recipes").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_starts_with_the_command_that_runs_it(path: Path) -> None:
    comments = [line for line in path.read_text(encoding="utf-8").splitlines()[:2] if "@package" not in line]
    assert comments[0].startswith(
        ("# mslt train recipe=", "# accelerate launch ", "# mslt study study=", "# mslt eval model=")
    )


def test_default_is_the_embedded_world_with_the_defaults_of_the_dataclasses() -> None:
    recipe = load_recipe("xnli_3src")
    assert recipe.scale == "mini"
    assert recipe.data == DataConfig() and recipe.model == ModelConfig() and recipe.adapter == AdapterConfig()
    assert recipe.training == TrainingConfig() and recipe.prompt == PromptConfig() and recipe.scoring == ScoringConfig()
    assert recipe.task.label_names == ("entailment", "neutral", "contradiction")
    assert recipe.sources == ("ar", "de", "zh") and len(recipe.targets) == 17


def test_one_and_three_sources_compare_on_sixteen_targets_at_one_budget() -> None:
    one, three = load_recipe("xnli_1src"), load_recipe("xnli_3src")
    assert [t for t in three.targets if t in one.targets] == list(one.targets)
    assert set(three.targets) - set(one.targets) == {"en"}
    assert one.data.num_examples_total == three.data.num_examples_total
    assert one.targets[:8] == three.targets[:8] == ("el", "fi", "he", "id", "ja", "ko", "th", "tr")


def test_the_papers_settings() -> None:
    recipe = load_recipe("xnli_3src", ["scale=paper"])
    assert recipe.model.path == "bigscience/bloom-7b1"
    assert (recipe.adapter.rank, recipe.adapter.alpha, recipe.adapter.quantization) == (64, 16, "nf4")
    assert recipe.adapter.target_modules == ("query_key_value",)
    training = recipe.training
    assert (training.learning_rate, training.batch_size, training.gradient_accumulation_steps) == (3e-4, 16, 3)
    assert (training.max_steps, recipe.data.max_length_tokens) == (5000, 512)


def test_overrides_after_the_recipe() -> None:
    overrides = [
        "scale=paper",
        "sources=[en,ar,zh]",
        "targets=[tr]",
        "training.learning_rate=1e-4",
        "data.items=parallel",
    ]
    recipe = load_recipe("xnli_3src", overrides)
    assert (recipe.sources, recipe.targets, recipe.scale) == (("en", "ar", "zh"), ("tr",), "paper")
    assert (recipe.training.learning_rate, recipe.data.items) == (1e-4, "parallel")


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("scale=papr", f"Unknown scale 'papr'. Did you mean 'paper'? Known: {KNOWN_SCALES}."),
        (
            "task=xnlii",
            "Unknown task 'xnlii'. Did you mean 'xnli'? Known: afrisenti, afrixnli, americasnli, bactrian,",
        ),
        (
            "training.lr=1",
            "Unknown key 'training.lr'. Did you mean 'training.learning_rate'? Known: training.average_checkpoints",
        ),
        ("training.batchsize=1", "Unknown key 'training.batchsize'. Did you mean 'training.batch_size'?"),
        ("+training.batchsize=1", "Unknown key '+training.batchsize'. Did you mean 'training.batch_size'?"),
        ("learning_rate=1", "Unknown key 'learning_rate'. Did you mean 'training.learning_rate'?"),
        ("sclae=paper", "Unknown key 'sclae'. Did you mean 'scale'?"),
        ("training.learning_rate=abc", "training.learning_rate=abc is not a number."),
        ("data.num_examples_total=2.5", "data.num_examples_total=2.5 is not a whole number. It may also be max."),
        ("data.num_examples_total=2", "data.num_examples_total=2 is fewer than the 3 sources."),
        (
            "data.num_examples={ar:9}",
            "data.num_examples={ar:9} does not mention the source de. Add data.num_exa",
        ),
        (
            "data.num_examples={ar:9,de:5,zh:3,en:2}",
            "data.num_examples: 'en' is not among the sources (ar, de, zh). Write data.num_examples={ar:9,de:5,zh:3}",
        ),
        ("data.num_examples={ar:9,de:0,zh:3}", "data.num_examples.de=0 is out of range. It must be above 0."),
        ("data.num_examples={ar:9,de:x,zh:3}", "data.num_examples of de=x is not a whole number."),
        ("data.items=paralel", "data.items=paralel is unknown. Did you mean 'parallel'? Known: disjoint, parallel."),
        ("prompt.language=nativ", "prompt.language=nativ is unknown. Did you mean 'native'?"),
        ("prompt.template=first", "prompt.template=first must be a template's index"),
        ("adapter.quantization=nf", "adapter.quantization=nf is unknown. Did you mean 'nf4'? Known: int8, nf4, none."),
        ("training.learning_rate=0", "training.learning_rate=0 is out of range. It must be above 0."),
        ("training.learning_rate=nan", "training.learning_rate=nan is not a finite number."),
        ("training.max_steps=0", "training.max_steps=0 is out of range. It must be above 0, or -1 (by num_epochs)."),
        ("scoring.confidence=1", "scoring.confidence=1 is out of range. It must be above 0 and below 1"),
        ("seed=-1", "seed=-1 is out of range."),
        ("sources=en", "sources=en is not a list or a name (auto). Write sources=[ar,de], quoted for the shell."),
        ("sources=[]", "sources=[] is empty. Write sources=[ar,de]."),
        ("sources=[jp]", "sources: Unknown language code 'jp'. Did you mean 'ja' (Japanese)?"),
        ("sources=[false]", "sources: Unknown language code 'false'."),
        ("sources=[ar,tr]", "sources and targets overlap: tr."),
        ("sources=[en,", "sources=[en, is not a list or a name (auto). Write sources=[ar,de], quoted"),
        ("task.label_names=[a]", "task.label_names=['a'] must be a list of at least 2 different names."),
        ("model.path=null", "model.path=null: null is not a valid value. Leave model.path out for the default;"),
        (
            "training.batch_size=1,2",
            "training.batch_size=1,2 is not a whole number. It may also be auto. A run has one value "
            "of training.batch_size; for several values see mslt study --help.",
        ),
        ("seed=range(1,3)", "seed=range(1,3) is not a whole number. A run has one value of seed;"),
        ("scale=mini,small", "Unknown scale 'mini,small'. Did you mean 'small'?"),
        ("supervised=yes", "supervised=yes is neither true nor false."),
        ("task.configs=x", "task.configs=x is not a mapping. Write task.configs={ko:kr}, quoted for the shell,"),
        (
            "seed=${oc.env:SEED}",
            "seed=${oc.env:SEED}: ${...} is not filled in; a recipe means the same everywhere. Wri",
        ),
        ("task.data=${oc.env:HOME}/a.csv", "task.data=${oc.env:HOME}/a.csv: ${...} is not filled in"),
        ("scale=${oc.env:SCALE}", "scale=${oc.env:SCALE}: ${...} is not filled in"),
        ("task@x=xnli", "Unknown key 'task@x'."),
        ("hydra/launcher=x", "Unknown key 'hydra/launcher'."),
        ("~scale=mini", "Unknown key '~scale'. Did you mean 'scale'?"),
        ("name=a/b", "name=a/b: use letters"),
        ("scale=null", f"Unknown scale 'null'. Known: {KNOWN_SCALES}."),
        ("~training.batch_size", "Argument '~training.batch_size' is not KEY=VALUE."),
        ("hydra.run.dir=x", "Unknown key 'hydra.run.dir'."),
    ],
)
def test_mistakes_in_overrides(override: str, text: str) -> None:
    with pytest.raises(Problem) as caught:
        load_recipe("xnli_3src", [override])
    assert str(caught.value).startswith(text)


def test_unknown_recipe() -> None:
    with pytest.raises(
        Problem, match=r"^Unknown recipe 'xnli_3scr'\. Did you mean 'xnli_3src'\? Known: afrisenti_3src, "
    ):
        load_recipe("xnli_3scr")
    with pytest.raises(Problem, match="Unknown recipe"):
        load_recipe("../recipes/xnli_3src")


@pytest.mark.parametrize("overrides", [[], ["scale=paper", "seed=3"], ["sources=['no']", "output_dir=null"]])
def test_resolved_yaml_is_a_recipe_again(tmp_path: Path, overrides: list[str]) -> None:
    recipe = load_recipe("xnli_3src", overrides)
    text = resolved_yaml(recipe)
    assert yaml.safe_load(text)["sources"] == list(recipe.sources)
    (tmp_path / "again.yaml").write_text(text, encoding="utf-8")
    assert load_recipe("again", [], tmp_path) == recipe


@pytest.mark.parametrize(
    ("written", "edited"),
    [
        ("", ""),
        ("learning_rate: 0.002", "learning_rate: 2e-3"),
        ("license: CC BY-NC 4.0", "license: 2024-01-01"),
        ("seed: 0", "seed: 0\nseed: 1"),
        ("seed: 0\n", ""),
        ("seed: 0", "seed: 0\nsede: 1"),
        ("seed: 0", "seed: [0"),
    ],
)
def test_a_runs_recipe_is_read_without_hydra_as_hydra_composes_it(
    written: str, edited: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = resolved_yaml(load_recipe("xnli_3src"))
    assert written in text
    file = tmp_path / "config.yaml"
    file.write_text(text.replace(written, edited, 1), encoding="utf-8")
    if not edited and not written:
        assert compose._as_written(file) == compose._composed("config", {}, tmp_path)

    def read() -> Recipe | str:
        try:
            return load_recipe("config", config_dir=tmp_path)
        except Problem as problem:
            return str(problem)

    found = read()
    monkeypatch.setattr(compose, "_as_written", lambda path: None)
    assert found == read()


def test_fingerprints_are_stable() -> None:
    first, second = load_recipe("xnli_3src"), load_recipe("xnli_3src")
    for method in ("data_fingerprint", "training_fingerprint", "run_fingerprint"):
        assert getattr(first, method)() == getattr(second, method)()
    assert first.data_fingerprint() == load_recipe("xnli_3src", ["name=other"]).data_fingerprint()


@pytest.mark.parametrize(
    ("override", "data", "training", "run"),
    [
        ("sources=[de,ar,zh]", True, True, True),
        ("seed=1", True, True, True),
        ("data.items=parallel", True, True, True),
        ("prompt.language=english", True, True, True),
        ("training.learning_rate=1e-3", False, True, True),
        ("adapter.rank=4", False, True, True),
        ("targets=[tr]", False, False, True),
        ("scoring.num_bootstrap=100", False, False, True),
        ("training.logging_steps=5", False, False, False),
        ("output_dir=elsewhere", False, False, False),
    ],
)
def test_fingerprints_change_with_what_they_cover(override: str, data: bool, training: bool, run: bool) -> None:
    base, other = load_recipe("xnli_3src"), load_recipe("xnli_3src", [override])
    assert (base.data_fingerprint() != other.data_fingerprint()) is data
    assert (base.training_fingerprint() != other.training_fingerprint()) is training
    assert (base.run_fingerprint() != other.run_fingerprint()) is run


def test_a_key_that_came_later_and_changes_nothing_makes_no_other_run() -> None:
    plain, frozen = load_recipe("xnli_3src"), load_recipe("xnli_3src", ["training.freeze_layers=1"])
    later = {"freeze_layers", "layer_lr_decay", "label_smoothing", "class_weights", "average_checkpoints"}
    assert "learning_rate" in deciding(plain.training) and not later & set(deciding(plain.training))
    assert later & set(deciding(frozen.training)) == {"freeze_layers"}
    assert "method" not in deciding(plain.adapter) and "assignment_seed" not in deciding(plain.data)
    whole = dataclasses.replace(plain.adapter, method="full", rank=3)  # of which nothing follows
    assert deciding(whole) == {"method": "full"}


def test_a_resolved_recipe_with_mappings_is_a_recipe_again(tmp_path: Path) -> None:
    recipe = load_recipe("tydiqa_3src")
    (tmp_path / "again.yaml").write_text(resolved_yaml(recipe), encoding="utf-8")
    assert load_recipe("again", config_dir=tmp_path).task == recipe.task
