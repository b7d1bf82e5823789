"""Fault 14: a wrong or damaged adapter or base. Seven kinds, each refused by name before anything is merged."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "publish"))
from exported import merged_run
from finished_run import TEMPLATE, change_adapter, make_base, make_run, reseal

from mslt_it.models import identity
from mslt_it.models.finished_run import read_run
from mslt_it.models.identity import template_hash, tokenizer_hash
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.problems import Problem


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """base/ and run/, which merge as they are."""
    folder = tmp_path_factory.mktemp("whole")
    make_base(folder / "base", template=TEMPLATE)
    make_run(folder / "run", folder / "base")
    merged_run(folder / "run", folder / "out")
    shutil.rmtree(folder / "out")
    return folder


def other_base(run: Path, base: Path) -> None:
    """Another model in the same folder: same shapes, other weights."""
    make_base(base, seed=6, template=TEMPLATE)


def other_revision(run: Path, base: Path) -> None:
    """The results are of a pinned revision, the recipe of none."""
    reseal(run, model_revision="0123456789abcdef0123456789abcdef01234567")


def damaged(run: Path, base: Path) -> None:
    file = run / "adapter" / "adapter_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-9] ^= 1  # one bit of one weight
    file.write_bytes(content)


def not_a_number(run: Path, base: Path) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors[sorted(tensors)[3]][0, 0] = torch.nan

    change_adapter(run, spoil)


def missing_keys(run: Path, base: Path) -> None:
    def drop(tensors: dict[str, torch.Tensor]) -> None:
        del tensors[sorted(tensors)[3]]

    change_adapter(run, drop)


def other_template(run: Path, base: Path) -> None:
    tokenizer = load_tokenizer(read_run(run).recipe.model)
    tokenizer.chat_template = TEMPLATE.replace("<|end|>", "<|end|> ")
    tokenizer.save_pretrained(base)


def resized(run: Path, base: Path) -> None:
    """Two more tokens than there were: base and tokenizer fit each other, the adapter neither."""
    reseal(run, tokenizer_sha256=_with_tokens(run, base))


def _with_tokens(run: Path, base: Path) -> str:
    tokenizer = load_tokenizer(read_run(run).recipe.model)
    tokenizer.add_tokens(["<|a|>", "<|b|>"])
    tokenizer.save_pretrained(base)
    return tokenizer_hash(load_tokenizer(read_run(run).recipe.model))


KINDS: list[tuple[Callable[[Path, Path], None], str]] = [
    (
        other_base,
        r"base .*base: its weights are not those the adapter was trained on \(sha256 \w{12}, the run recorded",
    ),
    (other_revision, r"config\.yaml names the base .*base, its results are of .*base@0123456789abcdef"),
    (
        damaged,
        r"adapter/adapter_model\.safetensors is not what was saved \(\d+ bytes\)\. Start its command again",
    ),
    (not_a_number, r"'base_model\..*lora_\w\.weight' holds values that are not finite; train it again"),
    (missing_keys, r"made for another base model or configuration: 1 tensor missing \(first: \['base_model\."),
    (
        other_template,
        r"the chat template is not the one the adapter was trained with \(sha256 \w{12}, the run recorded",
    ),
    (resized, r"the vocabulary was resized: the adapter was trained with 295 embedding rows, .* have 297 now"),
]
refused: set[str] = set()


@pytest.mark.parametrize(("spoil", "said"), KINDS, ids=[spoil.__name__ for spoil, _ in KINDS])
def test_it_is_refused_by_name(
    spoil: Callable[[Path, Path], None], said: str, whole: Path, tmp_path: Path, survived: Any
) -> None:
    survived("wrong or damaged adapter or base")
    shutil.copytree(whole / "run", tmp_path / "run")
    base = whole / "base"
    kept = tmp_path / "kept"
    shutil.copytree(base, kept)
    try:
        spoil(tmp_path / "run", base)
        with pytest.raises(Problem, match=said):
            merged_run(tmp_path / "run", tmp_path / "out")
    finally:
        shutil.rmtree(base)
        kept.rename(base)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]
    refused.add(spoil.__name__)


def test_the_number(request: pytest.FixtureRequest) -> None:
    if len(refused) < len(KINDS) and request.config.option.keyword:
        pytest.skip("only some kinds were run")
    print(f"fault 14: wrong or damaged adapters and bases refused: {len(refused)} of {len(KINDS)}")
    assert len(refused) == len(KINDS) == 7


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("other tokenizer", r"the tokenizer is not the one the adapter was trained with"),
        ("alpha changed", r"adapter/adapter_config\.json is not what was saved"),
        ("halved and sealed", r"missing or damaged"),
        ("adapter gone", r"adapter/adapter_model\.safetensors is missing"),
        ("adapter of another run", r"its results are not those of its adapter"),
        ("not finished", r"there is no COMPLETE\.json, so the run has not finished"),
        ("seal cut", r"its records cannot be read"),
        ("no run", r"nowhere: there is no such folder"),
        ("the adapter's folder", r"this is an adapter\. Give the run folder it lies in: run=.*run\."),
    ],
)
def test_more_of_the_kind(how: str, said: str, whole: Path, tmp_path: Path, survived: Any) -> None:
    survived("wrong or damaged adapter or base")
    run = shutil.copytree(whole / "run", tmp_path / "run")
    weights, config = run / "adapter" / "adapter_model.safetensors", run / "adapter" / "adapter_config.json"
    if how == "other tokenizer":
        reseal(run, tokenizer_sha256="0" * 64)
    elif how == "alpha changed":
        content = json.loads(config.read_text(encoding="utf-8")) | {"lora_alpha": 99}
        config.write_text(json.dumps(content), encoding="utf-8")
    elif how == "halved and sealed":
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
        reseal(run)
    elif how == "adapter gone":
        weights.unlink()
    elif how == "adapter of another run":
        change_adapter(run, lambda tensors: tensors[sorted(tensors)[0]].add_(1))
        reseal(run, adapter_sha256="0" * 64)
    elif how == "not finished":
        (run / "COMPLETE.json").unlink()
    elif how == "seal cut":
        (run / "COMPLETE.json").write_text('{"files": {', encoding="utf-8")
    given = {"no run": tmp_path / "nowhere", "the adapter's folder": run / "adapter"}.get(how, run)
    with pytest.raises(Problem, match=said):
        merged_run(given, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_hashes_are_of_what_a_tokenizer_does(whole: Path) -> None:
    model = read_run(whole / "run").recipe.model
    tokenizer = load_tokenizer(model)
    first = tokenizer_hash(tokenizer), template_hash(tokenizer)
    tokenizer(["one", "two words"], padding=True, truncation=True, max_length=3)  # leaves settings behind
    assert (tokenizer_hash(tokenizer), template_hash(tokenizer)) == first
    tokenizer.chat_template = None
    assert template_hash(tokenizer) is None and tokenizer_hash(tokenizer) == first[0]
    tokenizer.eos_token = "<|end|>"
    assert tokenizer_hash(tokenizer) != first[0]
    more = load_tokenizer(model)
    more.add_tokens(["harbours"])
    assert tokenizer_hash(more) != first[0]


def test_a_revision_that_moved_to_another_commit_is_refused(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(whole / "run", tmp_path / "run")
    reseal(run, model_commit="a" * 40)
    real = identity.load_base

    def from_a_hub(*arguments: Any, **named: Any) -> Any:
        base = real(*arguments, **named)
        base.config._commit_hash = "b" * 40
        return base

    monkeypatch.setattr(identity, "load_base", from_a_hub)
    with pytest.raises(
        Problem, match=r"at commit b{12} now, the adapter was trained on a{12}\..*model\.revision=a{40}"
    ):
        merged_run(run, tmp_path / "out")
