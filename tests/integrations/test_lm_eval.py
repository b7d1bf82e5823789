"""Our log-likelihoods inside lm-eval: the same answers and result dictionary as lm-eval's own loop."""

from __future__ import annotations

import copy
import importlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BloomConfig,
    CohereConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
)

from mslt_it.config.compose import load_recipe
from mslt_it.data.encoding import Encoder
from mslt_it.evaluation import likelihood
from mslt_it.evaluation.headers import encode_header
from mslt_it.evaluation.likelihood import choice_log_likelihoods
from mslt_it.evaluation.shared_rows import Request
from mslt_it.integrations.lm_eval_tasks import local_task_file, task_file, write_scored_set
from mslt_it.problems import Problem

pytest.importorskip("lm_eval")

from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from mslt_it.integrations import lm_eval as bridge
from mslt_it.integrations.lm_eval import SharedPromptLM, group_by_context, main, refuse_broken, refuse_code_in

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "mslt_it" / "world" / "weights"
TEMPLATE = (
    "<s>{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
ROWS = [
    ("Bir kedi uyuyor.", "Bir hayvan uyuyor.", 0),
    ("Üç kuş uçuyor.", "Kuşlar sarı.", 1),
    ("Okul açık {{ 7 * 7 }}.", "Okul kapalı.", 2),
    ("Ali okula gitti.", "Ali evde.", 2),
    ("Yağmur yağıyor ve hava çok soğuk, kimse dışarı çıkmıyor.", "Yağmur yağıyor.", 0),
    ("Bir kedi uyuyor.", "Kedi siyah.", 1),
    ("Kapı.", "Pencere.", 1),
]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token per byte, so that labels have several; a chat template that ends in a line break."""
    control = ["<pad>", "<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE({token: i for i, token in enumerate([*control, *letters])}, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    tokenizer.add_special_tokens({"additional_special_tokens": control[3:]})
    tokenizer.chat_template = TEMPLATE
    return tokenizer


TOKENIZER = make_tokenizer()


def make_model(kind: str = "llama") -> Any:
    shape: dict[str, Any] = {"vocab_size": len(TOKENIZER), "hidden_size": 32, "pad_token_id": 0, "eos_token_id": 2}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48}
    # A wide initialisation: with the usual 0.02 a random model gives everything nearly the same score.
    if kind == "bloom":
        config: Any = BloomConfig(**shape, n_layer=2, n_head=4, initializer_range=0.3)
    else:
        kinds = {"llama": LlamaConfig, "cohere": CohereConfig}  # Cohere scales its logits
        config = kinds[kind](**shape, **layers, max_position_embeddings=512, initializer_range=0.3)
    torch.manual_seed(5)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def make_lm(cls: Any, model: Any, **arguments: Any) -> Any:
    return cls(pretrained=model, tokenizer=make_tokenizer(), device="cpu", **{"batch_size": 3, **arguments})


def both(kind: str = "llama", **arguments: Any) -> tuple[SharedPromptLM, HFLM]:
    model = make_model(kind)
    return make_lm(SharedPromptLM, model, **arguments), make_lm(HFLM, model, **arguments)


def make_pairs(model: Any, number: int = 10) -> list[tuple[Any, list[int], list[int]]]:
    """Contexts of 1 to 30 tokens with 1 to 5 continuations each: some begin alike, some are twice there, one is what
    greedy decoding gives; a few contexts are another's beginning."""
    draw = random.Random(3)

    def tokens(size: int) -> list[int]:
        return [draw.randrange(6, len(TOKENIZER)) for _ in range(size)]

    pairs: list[tuple[Any, list[int], list[int]]] = []
    for i in range(number):
        context = tokens(1 if i == 0 else draw.randint(2, 30)) if i % 4 != 3 else pairs[-1][1][:-1] + tokens(1)
        shared = tokens(draw.randint(0, 2))
        found = [shared + tokens(draw.randint(1, 6 if i % 3 else 1)) for _ in range(draw.randint(1, 4))]
        ids = list(context)
        for _ in range(draw.randint(1, 4)):
            with torch.no_grad():
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        found += [ids[len(context) :], found[0]]
        pairs += [((f"context {i}", f"continuation {j}"), context, c) for j, c in enumerate(found)]
    draw.shuffle(pairs)
    return pairs


def assert_equal(ours: list[tuple[float, bool]], stock: list[tuple[float, bool]]) -> None:
    assert len(ours) == len(stock) and all(type(a) is float and type(b) is bool for a, b in ours)
    np.testing.assert_allclose([a for a, _ in ours], [a for a, _ in stock], atol=1e-4, rtol=1e-6)
    assert [flag for _, flag in ours] == [flag for _, flag in stock]


@pytest.mark.parametrize("kind", ["llama", "bloom", "cohere"])
@pytest.mark.parametrize("batch_size", [1, 3, 8, "auto"])
def test_log_likelihoods_and_greedy_flags_are_lm_evals(kind: str, batch_size: Any) -> None:
    ours, stock = both(kind)
    pairs = make_pairs(ours.model)
    expected = stock._loglikelihood_tokens(pairs, disable_tqdm=True)
    flags = [flag for _, flag in expected]
    assert 10 <= sum(flags) < len(flags) - 10  # both kinds are there
    ours.batch_size_per_gpu = batch_size
    assert_equal(ours._loglikelihood_tokens(pairs, disable_tqdm=True), expected)
    assert ours.why_stock() == ""


def test_an_adapter_is_scored_with_its_base() -> None:
    model = make_model()
    torch.manual_seed(1)
    tuned = get_peft_model(make_model(), LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)).eval()
    pairs = make_pairs(model)
    ours = make_lm(SharedPromptLM, tuned)._loglikelihood_tokens(pairs, disable_tqdm=True)
    assert_equal(ours, make_lm(HFLM, tuned)._loglikelihood_tokens(pairs, disable_tqdm=True))
    plain = make_lm(SharedPromptLM, model)._loglikelihood_tokens(pairs, disable_tqdm=True)
    assert max(abs(a[0] - b[0]) for a, b in zip(ours, plain, strict=True)) > 0.1


def test_long_contexts_are_cut_where_lm_eval_cuts_them(caplog: pytest.LogCaptureFixture) -> None:
    ours, stock = both(max_length=12)
    pairs = make_pairs(ours.model)
    assert sum(len(p[1]) + len(p[2]) > 13 for p in pairs) > 10
    assert_equal(
        ours._loglikelihood_tokens(pairs, disable_tqdm=True), stock._loglikelihood_tokens(pairs, disable_tqdm=True)
    )
    assert "prompts were cut at the left: longer than 12 tokens with their answer" in caplog.text


def test_texts_empty_contexts_and_rolling_windows() -> None:
    ours, stock = both(max_length=20)
    texts = ["", "Kedi ", "Soru: kedi nerede?\n", "x"]
    answers = ["evde", " evde", "Evet", "evdeyken", "e"]
    requests = [Instance("loglikelihood", {}, (c, a), 0) for c in texts for a in answers]
    assert_equal(ours.loglikelihood(requests, disable_tqdm=True), stock.loglikelihood(requests, disable_tqdm=True))
    rolling = [
        Instance("loglikelihood_rolling", {}, (text,), 0) for text in ("Kedi", "Bir kedi uyuyor ve kuşlar uçuyor.")
    ]
    found, expected = (lm.loglikelihood_rolling(rolling, disable_tqdm=True) for lm in (ours, stock))
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-6)


def test_an_answer_longer_than_the_model_takes_is_a_problem() -> None:
    ours, _ = both(max_length=4)
    with pytest.raises(Problem, match=r"Request 1 has 2 tokens of context and 5 to score; .* at most 4 \(the model's"):
        ours._loglikelihood_tokens([(None, [7], [8]), (None, [7, 7], [8] * 5)], disable_tqdm=True)


def test_a_prompt_is_encoded_once_and_the_head_applied_where_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mslt_it.evaluation.likelihood.last_feed_forward", lambda base: None)  # no trial is counted
    ours, stock = both()
    prompt = list(range(10, 50))
    pairs: list[Any] = [(("p", str(i)), prompt, [60, 61 + i, 70, 71]) for i in range(3)]
    counted: dict[str, int] = {}
    body, head = ours.model.model, ours.model.lm_head

    def count_tokens(module: Any, args: Any, kwargs: Any) -> None:
        counted["tokens"] = counted.get("tokens", 0) + (kwargs.get("input_ids", args[0] if args else None)).numel()

    def count_places(module: Any, args: Any) -> None:
        counted["places"] = counted.get("places", 0) + args[0].shape[:-1].numel()

    assert ours.why_stock() == ""
    body.register_forward_pre_hook(count_tokens, with_kwargs=True)
    head.register_forward_pre_hook(count_places)
    stock._loglikelihood_tokens(pairs, disable_tqdm=True)
    assert counted == {"tokens": 3 * 43, "places": 3 * 43}
    counted.clear()
    groups, members = group_by_context(pairs, 512)
    choice_log_likelihoods(ours.model, groups, batch_tokens=1000, pad_id=0, tree=True)
    # The token that all answers begin with joins the prompt; their last ones are predicted, not read.
    assert counted == {"tokens": 41 + 3 * 2, "places": 2 + 3 * 2}
    assert groups == [Request((*prompt, 60), ((61, 70, 71), (62, 70, 71), (63, 70, 71)), 1)]
    assert members == [[(0, 0), (1, 1), (2, 2)]]


@pytest.mark.parametrize("kind", ["llama", "bloom", "cohere"])
def test_what_contexts_begin_with_is_encoded_once(kind: str) -> None:
    ours, stock = both(kind)
    draw = random.Random(4)
    shots = [draw.randrange(6, len(TOKENIZER)) for _ in range(60)]
    pairs = [(label, shots + context, answer) for label, context, answer in make_pairs(ours.model)]
    expected = stock._loglikelihood_tokens(pairs, disable_tqdm=True)
    shapes: list[tuple[int, int]] = []
    assert ours.why_stock() == ""

    def record(module: Any, args: Any, kwargs: Any) -> None:
        shapes.append(tuple(kwargs["input_ids"].shape))

    ours.model.base_model.register_forward_pre_hook(record, with_kwargs=True)
    for batch_size in (1, 3, 8):
        shapes.clear()
        ours.batch_size_per_gpu = batch_size
        assert_equal(ours._loglikelihood_tokens(pairs, disable_tqdm=True), expected)
        assert [shape for shape in shapes if shape[1] >= 60] == [(1, 60)]  # the header, and nothing else as long


def test_grouping_keeps_rows_short_and_finds_equal_answers_once() -> None:
    draw = random.Random(1)
    many: list[Any] = [(None, [9], [draw.randrange(6, 99) for _ in range(20)]) for _ in range(60)]
    groups, members = group_by_context([*many, many[0]], 512)
    assert len(groups) > 3 and all(group.num_tokens() <= 1 + bridge.MIN_CHOICE_TOKENS for group in groups)
    assert sorted(index for group in members for index, _ in group) == list(range(61))
    assert sum(len(group.choices) for group in groups) == 60


def test_batches_hold_no_more_tokens_than_lm_evals_largest() -> None:
    groups = [Request(tuple(range(10)), ((1, 2, 3), (4,))), Request(tuple(range(30)), ((1,),))]
    model = make_model()
    assert make_lm(SharedPromptLM, model, batch_size=4)._budget(groups, None) == 4 * 30
    assert make_lm(SharedPromptLM, model, batch_size=4)._budget(groups, 2) == 2 * 30
    assert make_lm(SharedPromptLM, model, batch_size="auto")._budget(groups, None) == 1536
    assert make_lm(SharedPromptLM, model, batch_size=4, batch_tokens=77)._budget(groups, None) == 77
    with pytest.raises(
        Problem, match=r"batch_tokens='many' in --model_args must be a whole number of tokens from 1 up"
    ):
        make_lm(SharedPromptLM, model, batch_tokens="many")


def prompt_tuned(model: Any) -> Any:
    torch.manual_seed(2)
    return get_peft_model(model, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)).eval()


STOCK: list[tuple[Callable[[Any], Any], dict[str, Any], str]] = [
    (prompt_tuned, {}, "virtual tokens"),
    (lambda model: model, {"softmax_dtype": "bfloat16"}, "softmax_dtype=torch.bfloat16"),
    (lambda model: model, {"mixed_precision_dtype": "bfloat16"}, "mixed_precision_dtype is set"),
]


@pytest.mark.parametrize(("change", "arguments", "reason"), STOCK, ids=[case[2] for case in STOCK])
def test_what_we_cannot_do_goes_lm_evals_way(
    change: Callable[[Any], Any], arguments: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = change(make_model())
    ours, stock = make_lm(SharedPromptLM, model, **arguments), make_lm(HFLM, model, **arguments)
    pairs = make_pairs(make_model(), 3)
    assert reason in ours.why_stock()
    assert "log-likelihoods in lm-eval's own loop" in caplog.text
    found, expected = (lm._loglikelihood_tokens(pairs, disable_tqdm=True) for lm in (ours, stock))
    assert found == expected


def test_a_head_that_is_not_all_goes_lm_evals_way() -> None:
    model = make_model()
    forward = model.forward

    def louder(*args: Any, **kwargs: Any) -> Any:
        result = forward(*args, **kwargs)
        result.logits = result.logits * 2
        return result

    model.forward = louder
    assert "not its output head" in make_lm(SharedPromptLM, model).why_stock()


def test_softmax_in_float32_is_ours() -> None:
    model = make_model().to(torch.bfloat16)
    ours = make_lm(SharedPromptLM, model, softmax_dtype="float32")
    stock = make_lm(HFLM, model, softmax_dtype="float32")
    pairs = make_pairs(make_model(), 4)
    assert ours.why_stock() == ""
    found, expected = (lm._loglikelihood_tokens(pairs, disable_tqdm=True) for lm in (ours, stock))
    np.testing.assert_allclose([a for a, _ in found], [a for a, _ in expected], rtol=0.02)


def test_answers_go_to_lm_evals_cache() -> None:
    ours, stock = both()
    pairs = make_pairs(ours.model, 4)
    stored: list[dict[Any, Any]] = []
    for lm in (ours, stock):
        kept: dict[Any, Any] = {}

        class Hook:
            def add_partial(self, name: str, request: Any, answer: Any, kept: dict[Any, Any] = kept) -> None:
                kept[name, request] = answer

        lm.cache_hook = Hook()
        lm._loglikelihood_tokens([*pairs, (None, [7, 8], [9])], disable_tqdm=True)
        stored.append(kept)
    assert stored[0].keys() == stored[1].keys() and len(stored[0]) == len({pair[0] for pair in pairs})
    for key, answer in stored[0].items():
        assert_equal([answer], [stored[1][key]])


def test_a_broken_model_has_no_score() -> None:
    model = make_model()
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    ours = make_lm(SharedPromptLM, model)
    ours._why_stock = ""  # NaN is not equal to itself, so the trial of the head fails too
    found = ours._loglikelihood_tokens(make_pairs(make_model(), 2), disable_tqdm=True)
    assert all(np.isnan(value) and not flag for value, flag in found)


# ---------------------------------------------------------------- tasks and result dictionaries


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No list of the machine's parts in the results (it starts a dozen programs); data sets are cached per test."""
    monkeypatch.setattr("lm_eval.evaluator.add_env_info", lambda results: None)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Our XNLI task in Turkish, reading rows of ours in the Hub's columns."""
    rows = tmp_path / "rows.jsonl"
    lines = [{"premise": p, "hypothesis": h, "label": label} for p, h, label in ROWS]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    content = task_file(load_recipe("xnli_3src", ["task.data=facebook/xnli"]).task, "tr")
    del content["dataset_name"]
    content |= {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(rows)}}}
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "mslt_xnli_tr.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def evaluate(lm: Any, folder: Path, name: str = "mslt_xnli_tr", **arguments: Any) -> dict[str, Any]:
    return simple_evaluate(
        model=lm,
        tasks=[name],
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
        **arguments,
    )


def plain(results: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from run to run (dates, seconds) and the log-likelihoods, which are compared apart."""
    found = copy.deepcopy({k: v for k, v in results.items() if k not in ("date", "total_evaluation_time_seconds")})
    for sample in found["samples"]["mslt_xnli_tr"]:
        for key in ("resps", "filtered_resps"):
            sample.pop(key)
    return json.loads(json.dumps(found, default=str, sort_keys=True))


@pytest.mark.parametrize("chat", [True, False])
def test_the_result_dictionary_is_lm_evals(tasks: Path, chat: bool) -> None:
    ours, stock = both()
    expected = evaluate(stock, tasks, apply_chat_template=chat)
    samples = expected["samples"]["mslt_xnli_tr"]
    assert [sample["target"] for sample in samples] == [label for _, _, label in ROWS]
    for batch_size in (1, 3, 8):
        ours.batch_size_per_gpu = stock.batch_size_per_gpu = batch_size
        found = evaluate(ours, tasks, apply_chat_template=chat)
        assert plain(found) == plain(expected)
        for a, b in zip(found["samples"]["mslt_xnli_tr"], samples, strict=True):
            assert_equal([r[0] for r in a["resps"]], [r[0] for r in b["resps"]])


def test_the_result_dictionary_of_the_embedded_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights that come with the package on the task made for a recipe, bare and behind a system text."""
    recipe = load_recipe("xnli_3src", ["targets=[tr]", "scoring.num_examples_per_language=12"])
    write_scored_set(recipe, "tr", tmp_path / "tasks")
    loaded = AutoModelForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    ours, stock = (
        cls(pretrained=loaded, tokenizer=tokenizer, device="cpu", batch_size=8) for cls in (SharedPromptLM, HFLM)
    )
    encoded: list[int] = []
    monkeypatch.setattr(
        likelihood, "encode_header", lambda base, header: encoded.append(len(header)) or encode_header(base, header)
    )
    for text in (None, "A teacher reads two sentences to the children and asks what follows. " * 4):
        found, expected = (
            evaluate(lm, tmp_path / "tasks", apply_chat_template=True, system_instruction=text) for lm in (ours, stock)
        )
        assert plain(found) == plain(expected)
        for a, b in zip(*(results["samples"]["mslt_xnli_tr"] for results in (found, expected)), strict=True):
            assert_equal([r[0] for r in a["resps"]], [r[0] for r in b["resps"]])
        assert bool(encoded) is (text is not None)
    assert max(encoded) > 40


def test_lm_eval_scores_what_we_train_on(tasks: Path, monkeypatch: Any) -> None:
    """With its chat template the model sees the very tokens that our encoder makes of the same rows."""
    ours, _ = both()
    seen: list[Any] = []
    original = ours._loglikelihood_tokens

    def watched(requests: Any, **kwargs: Any) -> Any:
        seen.extend(requests)
        return original(requests, **kwargs)

    monkeypatch.setattr(ours, "_loglikelihood_tokens", watched)
    evaluate(ours, tasks, apply_chat_template=True)
    encoder = Encoder(make_tokenizer(), 512)
    from mslt_it.config.recipe import PromptConfig
    from mslt_it.data.prompts import prompted
    from mslt_it.records import Example

    task = load_recipe("xnli_3src").task
    wanted = []
    for premise, hypothesis, label in ROWS:
        fields = {"premise": premise, "hypothesis": hypothesis}
        row = prompted(Example("test:1", "tr", "xnli", "test", fields, task.label_names[label]), task, PromptConfig())
        wanted += [[*encoder.prompt_ids(row.messages), *encoder.user_ids([choice])[0]] for choice in row.choices]
    assert [context + continuation for _, context, continuation in seen] == wanted


SHARED = ROOT.parent / "shared" / "data"
REAL = [
    ("xnli", "xnli", "sw", ["task.score_split=dev"]),
    ("pawsx", "pawsx", "zh", ["task.score_split=dev"]),
    ("xcopa", "xcopa", "th", ["task.score_split=val", "task.train_split=train"]),
    ("xwinograd", "xwinograd", "fr", []),
]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the benchmarks' own files are not here")
@pytest.mark.parametrize(("task", "folder", "language", "more"), REAL, ids=[case[0] for case in REAL])
def test_the_benchmarks_own_rows(task: str, folder: str, language: str, more: list[str], tmp_path: Path) -> None:
    rows = [f"task.data={SHARED / folder}", "scoring.num_examples_per_language=12", *more]
    recipe = load_recipe(f"{task}_3src", [*rows, f"targets=[{language}]", "supervised=true"])
    write_scored_set(recipe, language, tmp_path / "tasks")
    ours, stock = both()
    found, expected = (
        evaluate(lm, tmp_path / "tasks", name=f"mslt_{task}_{language}", apply_chat_template=True)
        for lm in (ours, stock)
    )
    samples = [results["samples"][f"mslt_{task}_{language}"] for results in (found, expected)]
    assert len(samples[0]) == len(samples[1]) == 12
    for a, b in zip(*samples, strict=True):
        assert a["acc"] == b["acc"]
        assert_equal([r[0] for r in a["resps"]], [r[0] for r in b["resps"]])


WRITTEN = [  # question, right answer, generated text, is it right
    ("1", "2125", "That makes 3 times 700, so 2,125.", 1.0),
    ("2", "2,125", "2125", 1.0),
    ("3", "18", "$18.00", 1.0),
    ("4", "-4", "x = -4", 1.0),
    ("5", "18", "18 of 20", 0.0),  # the last number counts
    ("6", "18", "eighteen", 0.0),
    ("7", "180", "18.0", 0.0),
]


def test_numbers_in_generated_answers(tmp_path: Path, monkeypatch: Any) -> None:
    rows = tmp_path / "rows.jsonl"
    lines = [{"prompt": question, "gold": gold} for question, gold, _, _ in WRITTEN]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (tmp_path / "tasks").mkdir()
    content = local_task_file(load_recipe("mgsm_3src").task, "en", (), rows)
    (tmp_path / "tasks" / "mslt_mgsm_en.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    ours, _ = both()
    asked: list[Any] = []

    def generate(requests: Any, **kwargs: Any) -> list[str]:
        asked.extend(request.args for request in requests)
        return [WRITTEN[int(request.args[0]) - 1][2] for request in requests]

    monkeypatch.setattr(ours, "generate_until", generate)
    results = evaluate(ours, tmp_path / "tasks", name="mslt_mgsm_en")
    samples = sorted(results["samples"]["mslt_mgsm_en"], key=lambda sample: int(sample["doc"]["prompt"]))
    assert [sample["exact_match"] for sample in samples] == [right for _, _, _, right in WRITTEN]
    assert results["results"]["mslt_mgsm_en"]["exact_match,last_number"] == pytest.approx(4 / 7)
    assert asked[0][1] == {"until": ["\n\n"], "do_sample": False, "max_gen_toks": 16}


def test_generation_is_lm_evals(tmp_path: Path) -> None:
    ours, stock = both()
    requests = [
        Instance("generate_until", {}, (t, {"until": ["\n\n"], "max_gen_toks": 6}), 0) for t in ("Kedi", "Bir kuş")
    ]
    assert ours.generate_until(requests, disable_tqdm=True) == stock.generate_until(requests, disable_tqdm=True)


# ---------------------------------------------------------------- the command


def test_another_model_is_refused(tasks: Path) -> None:
    with pytest.raises(Problem, match=r"--model hf: this command runs --model mslt; others are for `lm_eval`"):
        main(["--model", "hf", "--model_args", "pretrained=x", "--tasks", "mslt_xnli_tr"])


@pytest.mark.parametrize("how", [["--include_path", "FOLDER"], ["--include", "FOLDER"], ["--tasks", "FOLDER/bad.yaml"]])
def test_task_files_with_code_are_refused_before_anything_is_read(tmp_path: Path, how: list[str]) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "utils.py").write_text(f"open({str(marker)!r}, 'w')\ndef run(doc): return ''\n", encoding="utf-8")
    (tmp_path / "bad.yaml").write_text("task: bad\ndoc_to_text: !function utils.run\n", encoding="utf-8")
    arguments = [part.replace("FOLDER", str(tmp_path)) for part in how]
    if "--tasks" not in arguments:
        arguments += ["--tasks", "bad"]
    with pytest.raises(Problem, match=r"bad\.yaml is not plain YAML, reading it could run code"):
        main([*arguments, "--model_args", "pretrained=x"])
    assert not marker.exists()


def test_without_lm_eval_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval._cli", None)
    monkeypatch.delitem(sys.modules, "mslt_it.integrations.lm_eval")
    with pytest.raises(Problem, match=r"lm-eval is not installed \(.*\)\. Remedy: pip install -e '\.\[eval\]'"):
        importlib.import_module("mslt_it.integrations.lm_eval")


def test_lm_evals_own_tasks_have_names() -> None:
    refuse_code_in(None, ["xnli_tr,pawsx"])


@pytest.mark.slow
def test_both_commands_agree_item_by_item(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(tmp_path / "c"),
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments], env=environment, capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    rows = str(tmp_path / "tasks")
    run(
        "mslt_it.integrations.lm_eval_tasks",
        rows,
        "recipe=xnli_3src",
        "targets=[tr]",
        "scoring.num_examples_per_language=60",
    )
    common = ["--model_args", f"pretrained={WEIGHTS},dtype=float32", "--device", "cpu", "--include_path", rows]
    common += ["--tasks", "mslt_xnli_tr", "--apply_chat_template", "--batch_size", "8", "--log_samples"]
    scores = []
    for name, command in (("stock", ("lm_eval", "--model", "hf")), ("ours", ("mslt_it.integrations.lm_eval",))):
        assert "mslt_xnli_tr" in run(*command, *common, "--output_path", str(tmp_path / name))
        [path] = (tmp_path / name).rglob("samples_*.jsonl")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        scores.append([(line["doc_id"], line["acc"], [r[0][1] for r in line["resps"]]) for line in lines])
        scores.append(np.array([[float(r[0][0]) for r in line["resps"]] for line in lines]))
    assert scores[0] == scores[2] and scores[1].shape == (60, 3)
    np.testing.assert_allclose(scores[3], scores[1], atol=1e-4, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([-1.0, float("nan"), -2.0, -3.0], "1 of 2 items have a score that is NaN or infinite"),
        ([-1.0, float("-inf"), float("inf"), -3.0], "2 of 2 items have a score that is NaN or infinite"),
        ([-1.0, -1.0, -2.0, -2.0], "every item has the same score for all its choices"),
    ],
)
def test_scores_of_a_broken_model_are_never_counted(values: list[float], reason: str) -> None:
    with pytest.raises(Problem, match=f"The results are invalid: {reason}"):
        refuse_broken(["a", "a", "b", "b"], values)


def test_sound_scores_pass() -> None:
    refuse_broken(["a", "a", "b", "b"], [-1.0, -1.0, -2.0, -2.5])
    refuse_broken(["a", "b"], [-1.0, -1.0])  # one choice each: nothing to choose from
    refuse_broken([], [])
