"""Keys that another one makes useless."""

import re
from pathlib import Path

import pytest

from mslt_it.command import parse
from mslt_it.commands import train
from mslt_it.config.compose import load_recipe
from mslt_it.problems import Problem


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["select.k=4"], "select.k=4 has no effect: sources are listed. Leave it out, or write sources=auto."),
        (["combine.weights=size"], "combine.method=none"),
        (["prompt.first_shot=1"], "prompt.num_shots=0"),
        (["scale=paper", "training.num_epochs=2"], "training.max_steps is used instead"),
        (["training.lr_scheduler=constant", "training.warmup_steps=50"], "constant has no warm-up"),
        (["adapter.method=full", "adapter.target_modules=[q_proj]"], "adapter.method=full trains all weights"),
        (["model.revision=abc"], "the model is on this machine"),
        (["task.configs.de=nonsense"], "task.data is not your own data"),
        (["task.repair_from=[en]"], "task.repair_field is empty"),
        (["task=mgsm", "task.label_names=[a,b]"], "answers are text without labels"),
        (["scoring.max_chain_tokens=64"], "answers are asked for without a chain of thought"),
        (["task.data=own/table.csv", "task.rationale_field=why"], "without a chain of thought"),
        (["task.instruction=Which?", "prompt.template=mixed"], "task.instruction replaces all prompt files"),
        (
            ["task.instruction=Which?", "task.prompts_from=pawsx"],
            "task.instruction replaces all prompt files",
        ),
        (["task.label_field=gold"], "task.data is not your own data"),
        (["task.held_out_share=0.5"], "its training and scored rows are separate sets"),
        ([f"task.data={Path(__file__).parent}", "task.revision=abc"], "the rows are on this machine"),
        ([f"task.data={__file__}", "task.file_names=de"], "task.data is one file"),
        ([f"task.data={__file__}", "task.score_split=dev"], "task.data is one file, whose rows are divided by item"),
        (
            ["task.label_names=[]", "task=custom", "task.data=a.csv", "task.first_label=1"],
            "labels are found in the rows",
        ),
    ],
)
def test_a_key_that_another_makes_useless_is_refused(given: list[str], why: str) -> None:
    """Of the command line alone: a file may hold what another choice leaves unused."""
    with pytest.raises(Problem, match=re.escape(f"{given[-1]} has no effect: ")) as caught:
        load_recipe("xnli_3src", given)
    assert why in str(caught.value)
    assert load_recipe("xnli_3src", given[:-1])


def test_keys_that_act_in_another_setting_are_taken() -> None:
    constant = ["training.lr_scheduler=constant_with_warmup", "training.warmup_steps=50", "combine.method=cat"]
    assert load_recipe("xnli_3src", [*constant, "combine.weights=size"]).combine.weights == "size"
    assert load_recipe("xnli_3src", ["scale=paper", "training.max_steps=-1", "training.num_epochs=2"])
    assert load_recipe("xnli_3src", ["task.instruction.tr=Hangi?", "prompt.template=mixed"])  # of the other languages
    assert load_recipe("xnli_3src", ["prompt.variant=direct", "scoring.max_chain_tokens=64"])  # as a study's cells
    assert load_recipe("xnli_3src", ["task.held_out_share=1"])
    assert load_recipe("xnli_3src", [f"task.data={__file__}", "task.split_field=part", "task.score_split=dev"])
    assert load_recipe("xnli_3src", ["task.data=rows", "task.configs.de=ger"]).task.configs["de"] == "ger"


@pytest.mark.parametrize(
    ("given", "twice"),
    [
        (["seed=1", "seed=2"], "seed"),
        (["scale=mini", "scale=mini"], "scale"),
        (["task.input=[text]", "task.input_fields=[text]"], "task.input_fields"),
        (["task.labels={a:neutral,b:neutral}", "task.labels.b=entailment"], "task.labels.b"),
        (["task.instruction=Which?", "task.instruction.default=Which?"], "task.instruction.default"),
    ],
)
def test_a_key_that_is_given_twice_is_refused(given: list[str], twice: str) -> None:
    told = f"{twice} is given twice: '{given[0]}' and '{given[1]}'. Keep one."
    with pytest.raises(Problem, match=re.escape(told)):
        parse(train.COMMAND, ["recipe=xnli_3src", *given])


def test_parts_of_one_mapping_are_no_key_given_twice() -> None:
    given = ["task.labels={a:neutral}", "task.labels.b=neutral", "task.instruction.tr=Hangi?", "task.instruction.en=A?"]
    assert parse(train.COMMAND, ["recipe=xnli_3src", *given]).rest == tuple(given)
