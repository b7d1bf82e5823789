"""Who has only the card gets the run's own answers: its code is run as it stands, its prompts are the encoder's."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from exported import exported
from finished_run import make_tokenizer
from forked import forget, start, wait_for
from transformers import AutoTokenizer

from mslt_it import cli, predict
from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import FrozenDict
from mslt_it.data.build import scored_examples
from mslt_it.data.encoding import Encoder
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.evaluation.generation import Prompt, TextGenerator
from mslt_it.models.base_model import load_adapter
from mslt_it.models.finished_run import read_run
from mslt_it.models.identity import load_trained_base
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.places import PROMPTS
from mslt_it.publish.model_card import Publication, model_card
from mslt_it.publish.prompt_record import CALIBRATION, adapter_usage, prompt_record, usage, write_prompts
from mslt_it.records import Example, Message
from mslt_it.store import write_json

LANGUAGES = ("de", "th")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    small = ["data.num_examples_total=24", "training.max_steps=2", "scoring.num_examples_per_language=20"]
    arguments = [f"sources=[{LANGUAGES[0]}]", f"targets=[{LANGUAGES[1]}]", *small, "scoring.num_bootstrap=200"]
    assert cli.main(["train", "recipe=xnli_3src", *arguments, f"output_dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def exports(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Form -> folder; "run" is the run's own adapter."""
    made = exported(trained, tmp_path_factory.mktemp("out"), "safetensors", "vllm", dtype="float32")
    return {"run": trained / "adapter", **{one.record["format"]: one.folder for one in made}}


def card_of(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def code_of(card: str, folder: Path | str = "THIS_FOLDER") -> str:
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    return str(code).replace("THIS_FOLDER", str(folder))


def examples_of(recipe: Recipe) -> dict[str, list[Example]]:
    return {code: scored_examples(recipe, code) for code in recipe.languages}


def run_code(
    code: str, call: str, rows: dict[str, list[Any]], folder: Path, *, alone: bool = False
) -> dict[str, list[Any]]:
    """What ``call`` of the card's function gives for each row; ``alone``: in a process that has none of our modules and
    begins with others as they are."""
    (folder / "rows.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    ends = f"""
rows = json.load(open({str(folder / "rows.json")!r}, encoding="utf-8"))
print("ANSWERS", json.dumps({{code: [{call}(code, row) for row in of] for code, of in rows.items()}}))
"""
    if alone and not torch.cuda.is_available():

        def work() -> int:
            forget(("finished_run", "mslt_it", "peft", "transformers", "accelerate", "huggingface_hub"))
            sys.modules["mslt_it"] = None  # type: ignore[assignment]  # no longer found
            exec(code + ends, {})
            return 0

        assert wait_for(start(work, folder / "said.txt")) == 0, (folder / "said.txt").read_text(encoding="utf-8")
        said = (folder / "said.txt").read_text(encoding="utf-8")
    else:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code + ends, {})
        said = out.getvalue()
    printed, _, answers = said.partition("ANSWERS ")
    assert printed.strip(), "the block prints its example"
    return dict(json.loads(answers))


@pytest.mark.parametrize("form", ["run", "safetensors", "vllm"])
def test_the_code_gives_the_runs_labels(form: str, exports: dict[str, Path], trained: Path, tmp_path: Path) -> None:
    examples = examples_of(read_run(trained).recipe)
    rows = {code: [dict(one.fields) for one in of] for code, of in examples.items()}
    found = run_code(
        code_of(card_of(exports[form]), exports[form]), "probabilities", rows, tmp_path, alone=form == "run"
    )
    said = set()
    for code in LANGUAGES:
        lines = (trained / "predictions" / f"{code}.jsonl").read_text(encoding="utf-8").splitlines()
        predictions = {line["id"]: line for line in map(json.loads, lines)}
        assert len(predictions) == len(found[code]) == 20
        for example, shares in zip(examples[code], found[code], strict=True):
            expected = predictions[example.id]
            assert max(shares, key=shares.get) == expected["adapter_prediction"]
            likelihoods = dict(zip(shares, expected["adapter_log_likelihoods"], strict=True))
            first = next(iter(shares))
            for label in shares:  # shares tell the difference of two log-likelihoods
                difference = likelihoods[label] - likelihoods[first]
                assert shares[label] / shares[first] == pytest.approx(2.718281828**difference, rel=1e-3)
            assert sum(shares.values()) == pytest.approx(1)
            said.add(expected["adapter_prediction"])
    assert len(said) > 1


def test_the_code_reads_control_tokens_as_text(exports: dict[str, Path], trained: Path, tmp_path: Path) -> None:
    code, folder = code_of(card_of(exports["run"]), exports["run"]), trained / "adapter"
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code.replace("THIS_FOLDER", str(folder)), names)
    encoder = Encoder(load_tokenizer(read_run(trained).recipe.model), 500)
    row = {"premise": "Der <|end|> Apfel<|assistant|>ja<|end|>", "hypothesis": "<|user|><|<|end|>end|>Ein Apfel"}
    assert sum(one in encoder.control.values() for one in names["prompt_ids"]("de", row)) == 3  # the template's own
    for text in (*row.values(), "<|pad|>", "x<|end|>y", "<|end|> <|begin|>", "Ein Apfel"):
        [ids] = encoder.user_ids([text])
        assert names["text_ids"](text) == ids and encoder.decode(ids) == text
    [said] = predict(trained, [row], language="de")
    shares = names["probabilities"]("de", row)
    assert [said[f"p_{label}"] for label in shares] == pytest.approx(list(shares.values()), abs=1e-4)


def test_the_code_loads_the_base_as_it_was_rounded_in_training(tmp_path: Path) -> None:
    """QLoRA: the block of the card alone, against `mslt predict`. With one line more, since on some CPUs bitsandbytes
    multiplies in bfloat16 unless it is told not to (`mslt_it.models.quantization.keep_as_packed`): 0.01 of a share."""
    pytest.importorskip("bitsandbytes", reason="pip install -e '.[quantization]'")
    small = ["data.num_examples_total=24", "training.max_steps=2", "adapter.quantization=nf4", "targets=[th]"]
    arguments = ["recipe=xnli_3src", "sources=[de]", *small, "scoring.num_examples_per_language=20"]
    run = tmp_path / "run"
    assert cli.main(["train", *arguments, "scoring.num_bootstrap=200", f"output_dir={run}"]) == 0
    code = code_of(card_of(run / "adapter"), run / "adapter")
    assert "BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4'" in code
    loaded = "model = PeftModel.from_pretrained(model, FOLDER).eval()\n"
    assert code.count(loaded) == 1
    keeping = "for module in model.modules():\n    module.support_avx512bf16_for_cpu = False\n"
    code = code.replace(loaded, loaded + keeping)
    rows = {one: [dict(e.fields) for e in of] for one, of in examples_of(read_run(run).recipe).items()}
    found = run_code(code, "probabilities", rows, tmp_path)
    for language, of in rows.items():
        expected = list(predict(run, of, language=language))
        assert len(expected) == 20
        for row, shares in zip(expected, found[language], strict=True):
            assert max(shares, key=shares.get) == row["label"]
            assert [row[f"p_{label}"] for label in shares] == pytest.approx(list(shares.values()), abs=1e-4)
        assert max(row["p_neutral"] for row in expected) > 2 * min(row["p_neutral"] for row in expected)  # rows differ


def test_the_request_is_the_encoders_prompt(exports: dict[str, Path], trained: Path) -> None:
    recipe = read_run(trained).recipe
    tokenizer = load_tokenizer(recipe.model)
    encoder = Encoder(tokenizer, 512)
    [body] = re.findall(r"v1/completions.*?\n  -d (.*?)\n```", card_of(exports["vllm"]), re.DOTALL)
    request = json.loads(shlex.split(body)[0])
    assert request["stop_token_ids"] == [encoder.end_id] and request["add_special_tokens"] is False
    assert f"```text\n{request['prompt']}\n```" in card_of(exports["vllm"])
    examples = scored_examples(recipe, "de")
    assert len(examples) == 20
    for example in examples:
        ids = encoder.prompt_ids(prompted(example, recipe.task, recipe.prompt).messages)
        text = request["prompt"].format_map(example.fields)
        assert text == encoder.decode(ids)
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids


def test_written_answers_end_where_training_did(run_of: Callable[..., Path], tmp_path: Path) -> None:
    own = ("task.shape=free_text", "task.metric=chrf", "task.instruction.en=Go on:", "task.label_names=[]")
    run = read_run(run_of("chat", *own, "task.max_answer_tokens=5"))
    [made] = exported(run.folder, tmp_path / "out", "vllm")
    examples = examples_of(run.recipe)
    rows = {code: [dict(one.fields) for one in of] for code, of in examples.items()}
    card = card_of(made.folder)
    found = run_code(code_of(card, made.folder), "answer", rows, tmp_path)
    tokenizer, base, _ = load_trained_base(run)
    encoder, live = Encoder(tokenizer, 512), load_adapter(base, run.adapter)
    for code, of in examples.items():
        asked = [encoder.prompt_ids(prompted(one, run.recipe.task, run.recipe.prompt).messages) for one in of]
        live_writer = TextGenerator(
            live, [Prompt(tuple(ids), 5) for ids in asked],
            end_id=encoder.end_id, pad_id=0, batch_tokens=4096, decode=encoder.decode_text,
        )  # fmt: skip
        expected = [answer.text for answer in live_writer.generate(range(len(asked)))]
        assert found[code] == expected and any(expected)
    assert "The labels' words" not in card


# ---------------------------------------------------------------- every task's prompts, without a model

TASKS = {
    "xnli_3src": ["prompt.num_shots=2"],
    "pawsx_3src": ["prompt.template=1", "prompt.language=english"],
    "xcopa_3src": ["sources=[it]"],  # shows a phrase for a value
    "belebele_3src": ["task.choices=cloze"],  # shows no options
    "tydiqa_3src": [],
    "wikiann_3src": [],
    "mgsm_3src": ["prompt.variant=cot_native", "prompt.num_shots=2"],
    "xwinograd_3src": [],
    "xstorycloze_3src": ["prompt.language=english"],
    "bactrian_3src": [],  # has a field that may be empty
}


def card_functions(recipe: Recipe, encoder: Encoder, folder: Path) -> tuple[str, dict[str, Any]]:
    """(card, names that its code up to the model's part defines)."""
    write_json(folder / PROMPTS, prompt_record(recipe, encoder))
    use = adapter_usage(folder, recipe, "float32", None)
    card = model_card(recipe, [], {"adapter_sha256": "a", "base_sha256": "b"}, Publication("x", usage=use))
    code = code_of(card)
    code = code[code.index("def text_ids") : re.search(r"^(def (answer|probabilities))", code, re.MULTILINE).start()]  # type: ignore[union-attr]
    names = {"tokenizer": encoder.tokenizer, "asked": json.loads((folder / PROMPTS).read_text(encoding="utf-8"))}
    exec(code, names)
    return card, names


@pytest.mark.parametrize("recipe", TASKS)
@pytest.mark.parametrize("chat", [True, False])
def test_the_codes_prompt_is_the_encoders(recipe: str, chat: bool, tmp_path: Path) -> None:
    from finished_run import TEMPLATE

    made = load_recipe(recipe, [*TASKS[recipe], "targets=[tr]"])
    encoder = Encoder(make_tokenizer(TEMPLATE if chat else None), 512)
    card, names = card_functions(made, encoder, tmp_path)
    for code in made.languages:
        wording = prompt_file(made.task, code, made.prompt).wording
        texts = iter(["{hypothesis} <|end|> é", "b", "c\n\nd", "e", "f", "g"])
        fields = {
            name: next(iter(wording[name])) if name in wording else next(texts) for name in made.task.input_fields
        }
        for empty in [{}, {name: " " for name in made.task.optional_fields}]:
            row = {**fields, **empty}
            example = Example("1", code, made.task.name, "", row, next(iter(made.task.choice_names), ""))
            expected = encoder.prompt_ids(prompted(example, made.task, made.prompt).messages)
            assert names["prompt_ids"](code, row) == expected, code
    assert ("the line break at its end belongs to it" in card) is not chat


@pytest.mark.parametrize("space", ["", " "])
def test_a_prompt_that_is_other_tokens_as_one_text_is_told(space: str, tmp_path: Path) -> None:
    """Programs that are sent the text would ask another thing than training did: " it" is one token."""
    from finished_run import TEMPLATE

    own = ["task.input=text", "task.label_names=[a,b]", "sources=[en]", "targets=[tr]", "task.data=x.csv"]
    recipe = load_recipe("custom", [*own, "task.instruction.en=it follow"])
    tokenizer = make_tokenizer(TEMPLATE.replace("m.content", f"'{space}' + m.content"))
    encoder = Encoder(tokenizer, 512)
    prompt = encoder.prompt_ids([Message("user", "it follow")])
    is_other = prompt != tokenizer(tokenizer.decode(prompt), add_special_tokens=False)["input_ids"]
    assert is_other is bool(space)
    write_prompts(tmp_path, recipe, encoder)
    asked = usage(tmp_path, serve="vllm serve x", request="'{}'")
    card = model_card(recipe, (), {"adapter_sha256": "a", "base_sha256": "b"}, usage=asked)
    assert ("As one text this prompt is other tokens than in training" in card) is is_other


def test_a_label_that_begins_another_ends_with_the_end_token(tmp_path: Path) -> None:
    own = ["task.input=text", "task.label_names=[pay,pay later]", "sources=[en]", "targets=[tr]", "task.data=x.csv"]
    recipe = load_recipe("custom", own)
    encoder = Encoder(make_tokenizer(), 512)
    card, names = card_functions(recipe, encoder, tmp_path)
    assert names["asked"]["languages"]["tr"]["end_after_label"] and "word_ids = text_ids(word) + end" in card
    assert "end_after_label" not in prompt_record(load_recipe("xnli_3src"), encoder)["languages"]["de"]


def test_empty_lines_and_fences_of_a_prompt_stay(tmp_path: Path) -> None:
    own = ["task.input=text", "task.label_names=[a,b]", "sources=[en]", "targets=[tr]", "task.data=x.csv"]
    recipe = load_recipe("custom", own)
    recipe = dataclasses.replace(
        recipe, task=dataclasses.replace(recipe.task, instruction=FrozenDict({"en": "Which?\n\n\n\n```{text}```"}))
    )
    card, _ = card_functions(recipe, Encoder(make_tokenizer(), 512), tmp_path)
    assert "````text\nWhich?\n\n\n\n```{text}```\na / b\n\n````" in card


def test_templates_that_are_drawn_are_told(tmp_path: Path) -> None:
    recipe = load_recipe("pawsx_3src", ["prompt.template=mixed", "sources=[en]", "targets=[de]"])
    card, _ = card_functions(recipe, Encoder(make_tokenizer(), 512), tmp_path)
    assert "one of 3 templates was drawn for each row, and this is the first" in card


def test_prompts_come_along_without_the_run(trained: Path, exports: dict[str, Path], tmp_path: Path) -> None:
    assert cli.main(["merge", f"run={trained}", f"out={tmp_path / 'merged'}", "prompts=2"]) == 0
    of_run = exports["safetensors"]
    assert (tmp_path / "merged" / PROMPTS).read_bytes() == (of_run / PROMPTS).read_bytes()
    exported, own = (json.loads((folder / PROMPTS).read_bytes()) for folder in (of_run, exports["run"]))
    assert exported.pop(CALIBRATION) and exported == own  # a run is calibrated by its own rows, when asked
    assert AutoTokenizer.from_pretrained(of_run).chat_template
