"""Text per language, the tokens it uses, its script, and mean embeddings; all over text written here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mslt_it.languages import likely_script, script_name, script_of_text
from mslt_it.problems import Problem
from mslt_it.selection.corpus_statistics import Texts, no_text, read_texts, token_matrix, world_texts
from mslt_it.selection.criteria import NotComputed
from mslt_it.world.mini_model import weights_dir


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "en.txt").write_text("The dog sleeps.\n\n  A cat runs. \n", encoding="utf-8")
    (tmp_path / "de.txt").write_text("\ufeffDer Hund schläft.\n", encoding="utf-8")
    return tmp_path


def test_reading_a_folder(folder: Path) -> None:
    found = read_texts(folder, ["en", "de", "fi"])
    assert found.sentences == {"en": ("The dog sleeps.", "A cat runs."), "de": ("Der Hund schläft.",)}
    with pytest.raises(NotComputed, match=r"There is no text for fi in text=.*Add fi\.txt to the folder, or leave"):
        found.of(["en", "fi"])


def test_mistakes_in_a_folder(folder: Path) -> None:
    with pytest.raises(Problem, match=r"^text=/nowhere/at/all is not a folder\. Give one with a file CODE\.txt per"):
        read_texts("/nowhere/at/all", ["en"])
    with pytest.raises(Problem, match=r"has none of ja\.txt; it holds de\.txt, en\.txt\."):
        read_texts(folder, ["ja"])
    (folder / "en.txt").write_text(" \n\n", encoding="utf-8")
    with pytest.raises(Problem, match=r"en\.txt is empty\. Put text of 'en' there, a sentence a line, or remove the"):
        read_texts(folder, ["en", "de"])
    (folder / "en.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(Problem, match=r"en\.txt line 1 is not UTF-8 \(byte 0x"):
        read_texts(folder, ["en"])


def test_texts_of_different_size_are_pointed_out() -> None:
    [note] = Texts("here", {"en": ("a" * 300,), "de": ("b" * 600,), "fi": ("c" * 60, "d" * 40)}).notes()
    assert note.startswith("The texts differ in size (fi 100 characters, de 600)")
    assert Texts("here", {"en": ("a" * 400,), "de": ("b" * 100,)}).notes() == []


def test_no_text_for_a_real_model() -> None:
    with pytest.raises(NotComputed, match=r"in the input \(no text= was given for model=x\)\. Give text=DIR"):
        no_text("x").of(["ar"])


@pytest.mark.slow
def test_the_worlds_text_is_parallel_and_seeded() -> None:
    found = world_texts(["en", "cs", "sw"], seed=1, num=20)
    assert {code: len(lines) for code, lines in found.sentences.items()} == {"en": 20, "sw": 20}
    assert world_texts(["en"], seed=1, num=20).sentences["en"] == found.sentences["en"]
    assert world_texts(["en"], seed=2, num=20).sentences["en"] != found.sentences["en"]


def test_tokens_are_those_of_the_tokenizer() -> None:
    from tokenizers import Tokenizer

    path = str(weights_dir())
    texts = [("The dog sleeps.",), ("The dog sleeps.", "Hund")]
    found = token_matrix(texts, path)
    backend = Tokenizer.from_file(f"{path}/tokenizer.json")
    for row, lines in zip(found, texts, strict=True):
        ids = {i for line in lines for i in backend.encode(line, add_special_tokens=False).ids}
        assert set(np.flatnonzero(row)) == ids
    assert found.shape[0] == 2 and (found[1] | found[0]).sum() == found[1].sum()


def test_a_tokenizer_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotComputed, match=rf"No tokenizer could be loaded from '{tmp_path}'.*Give model=PATH"):
        token_matrix([("a",)], str(tmp_path))


@pytest.mark.parametrize(
    ("code", "script"),
    [
        ("ar", "Arab"),
        ("zh", "Hani"),
        ("zh-Hant", "Hani"),
        ("ja", "Jpan"),
        ("ko", "Kore"),
        ("hi", "Deva"),
        ("sw", "Latn"),
    ],
)
def test_likely_scripts(code: str, script: str) -> None:
    assert likely_script(code) == script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Пас спава. OK", "Cyrl"),
        ("Pas spava.", "Latn"),
        ("犬が走る。", "Jpan"),
        ("狗跑。", "Hani"),
        ("개가 달린다.", "Kore"),
        ("12 + 3!", None),
    ],
)
def test_scripts_of_text(text: str, script: str | None) -> None:
    assert script_of_text([text]) == script


def test_script_names() -> None:
    assert [script_name(code) for code in ("Arab", "Latn", "Jpan")] == ["Arabic", "Latin", "Japanese"]


def test_mean_embeddings_are_means_of_means() -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    from mslt_it.selection.embeddings import mean_embeddings

    path = str(weights_dir())
    lines = ["The dog sleeps.", "A big cat runs in the garden."]
    found = mean_embeddings([lines, lines[:1], lines[::-1]], path)
    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path, dtype="float32").eval()
    with torch.inference_mode():
        own = [model(**tokenizer(line, return_tensors="pt")).last_hidden_state[0].mean(dim=0) for line in lines]
    assert found.shape == (3, model.config.hidden_size)
    assert np.allclose(found[0], torch.stack(own).mean(dim=0).numpy(), atol=1e-4)  # padding left out
    assert np.allclose(found[1], own[0].numpy(), atol=1e-4)
    assert np.allclose(found[0], found[2], atol=1e-4)


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    from mslt_it.selection.embeddings import mean_embeddings

    with pytest.raises(
        NotComputed, match=r"is not a model that can be loaded from a folder or the local Hub cache\. Give"
    ):
        mean_embeddings([["a"]], str(tmp_path))
