"""A model that cannot be had is one Problem that says why and what to do, whatever the libraries raised."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers.utils.hub as transformers_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors.torch import load_file, save_file
from tiny_run import tiny_adapted, tiny_model, tiny_recipe, tiny_tokenizer
from transformers import AutoModelForCausalLM

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import ModelConfig, Recipe
from mslt_it.config.schema import keys
from mslt_it.data import hub_client
from mslt_it.models import model_errors
from mslt_it.models.base_model import load_base, save_adapter
from mslt_it.models.model_errors import explain
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.problems import Problem


def answered(status: int) -> Any:
    """What an HTTP error of the Hub's client looks at; its HTTP library changed its name between versions."""
    return SimpleNamespace(headers={}, request=None, status_code=status)


def load(model: ModelConfig) -> None:
    load_base(model, device="cpu")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Exception]], None]:
    """Make every download end in an exception: below transformers, so that its own wrapping is what we see."""

    def fail_with(make: Callable[[], Exception]) -> None:
        def fail(*args: Any, **named: Any) -> None:
            raise make()

        for name in ("hf_hub_download", "snapshot_download"):
            monkeypatch.setattr(transformers_hub, name, fail)
        monkeypatch.setattr(HfApi, "list_repo_tree", fail)  # tokenizers look for chat templates
        monkeypatch.setattr(model_errors, "look_at_hub", lambda: None)
        monkeypatch.setattr(hub_client, "_looked", [])  # whether the Hub can be reached from here is another matter

    return fail_with


HUB_ERRORS: list[tuple[str, Callable[[], Exception], tuple[str, ...]]] = [
    (
        "gated, 403",
        lambda: GatedRepoError("403 Client Error. Access to model is restricted", response=answered(403)),
        ("is gated", "Ask for access on its page", "`hf auth login` (or set HF_TOKEN)", "model.path to the folder"),
    ),
    (
        "gated, 401",
        lambda: GatedRepoError("401 Client Error. Cannot access gated repo", response=answered(401)),
        ("is gated", "its authors decide"),
    ),
    (
        "missing, 404",
        lambda: RepositoryNotFoundError("404 Client Error. Repository Not Found", response=answered(404)),
        ("the Hub has no model of that name", "Check the spelling (OWNER/NAME)", "private"),
    ),
    (
        "revision",
        lambda: RevisionNotFoundError("404 Client Error. Revision Not Found", response=answered(404)),
        ("has no revision 'v9' on the Hub", "Set model.revision to a commit, branch or tag of this model"),
    ),
    (
        "no network",
        lambda: LocalEntryNotFoundError("An error happened while trying to locate the file on the Hub"),
        ("the Hub cannot be reached", "HTTPS_PROXY", "set model.path to a local folder"),
    ),
    ("connection", lambda: ConnectionError("Name or service not known"), ("the Hub cannot be reached",)),
    ("timeout", lambda: TimeoutError("timed out"), ("the Hub cannot be reached",)),
    (
        "offline",
        lambda: OfflineModeIsEnabled("Cannot reach the Hub: offline mode is enabled."),
        ("in the local cache", "offline mode is on (HF_HUB_OFFLINE=1)", "Run once with a network"),
    ),
    (
        "403 without a reason",
        lambda: HfHubHTTPError("403 Client Error: Forbidden", response=answered(403)),
        ("the Hub refused with status 403", "`hf auth login`"),
    ),
    (
        "server",
        lambda: HfHubHTTPError("500 Server Error", response=answered(500)),
        ("the Hub answered with status 500", "Try again later"),
    ),
]


@pytest.mark.parametrize("loader", [load, load_tokenizer], ids=["base", "tokenizer"])
@pytest.mark.parametrize(("make", "texts"), [case[1:] for case in HUB_ERRORS], ids=[case[0] for case in HUB_ERRORS])
def test_what_the_hub_says_no_with(
    loader: Callable[[ModelConfig], Any], make: Callable[[], Exception], texts: tuple[str, ...], hub: Any
) -> None:
    hub(make)
    with pytest.raises(Problem) as caught:
        loader(ModelConfig(path="owner/name", revision="v9"))
    message = str(caught.value)
    assert message.startswith("model.path=owner/name") and "\n" not in message
    for text in texts:
        assert text in message


@pytest.mark.parametrize("path", ["some model", "owner/na me"])
def test_what_is_no_hub_id_is_said_to_be_none(path: str) -> None:
    with pytest.raises(Problem, match="neither a local path nor a name on the Hub, which has the form OWNER/NAME"):
        load(ModelConfig(path=path))


@pytest.mark.parametrize("loader", [load, load_tokenizer], ids=["base", "tokenizer"])
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(
    loader: Callable[[ModelConfig], Any], tmp_path: Path, hub: Any
) -> None:
    hub(lambda: AssertionError("the Hub was asked"))
    (tmp_path / "my-model").mkdir()
    with pytest.raises(Problem, match=r"there is no such folder\. Did you mean model\.path=.*/my-model\?"):
        loader(ModelConfig(path=str(tmp_path / "my-modle")))
    with pytest.raises(Problem, match="there is no such folder"):
        loader(ModelConfig(path="./not-here"))


def test_other_errors_keep_their_text_and_chains_may_be_circles() -> None:
    first, second = OSError("disk\nis gone"), OSError("again")
    first.__context__, second.__context__ = second, first
    assert str(explain(first, "a/b", None, "tokenizer")) == "model.path=a/b: no tokenizer could be loaded: disk is gone"


# ---------------------------------------------------------------- only safetensors, no code


class Trap:
    """Unpickling it leaves a file behind."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.file), "w"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    tiny_model("llama").save_pretrained(path)
    tiny_tokenizer().save_pretrained(path)
    return path


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt"])
def test_pickled_weights_are_refused_and_never_opened(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Trap(tmp_path / "executed")))
    with pytest.raises(Problem) as caught:
        load(ModelConfig(path=str(folder)))
    assert f"no safetensors weights in it ({name})" in str(caught.value)
    assert "AutoModelForCausalLM.from_pretrained(OLD).save_pretrained(NEW); then model.path=NEW" in str(caught.value)
    assert not (tmp_path / "executed").exists()


def test_a_pickle_beside_safetensors_is_not_opened(folder: Path, tmp_path: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "executed")))
    load(ModelConfig(path=str(folder)))
    assert not (tmp_path / "executed").exists()


def test_a_hub_repository_with_pickles_only_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What transformers raises then; and it must not fetch a conversion that somebody proposed."""
    seen: list[str | None] = []

    def from_pretrained(*args: Any, **named: Any) -> None:
        assert named["use_safetensors"] is True and named["trust_remote_code"] is False
        seen.append(os.environ.get("DISABLE_SAFETENSORS_CONVERSION"))
        raise OSError(
            "owner/name does not appear to have a file named model.safetensors or model.safetensors.index.json and "
            "thus cannot be loaded with `safetensors`. Please do not set `use_safetensors=True`."
        )

    monkeypatch.setattr("mslt_it.models.base_model.writing_class", lambda path, revision: AutoModelForCausalLM)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", from_pretrained)
    with pytest.raises(Problem, match=r"no safetensors weights in it .* pickled weights are not read"):
        load(ModelConfig(path="owner/name"))
    assert seen == ["1"]


@pytest.mark.parametrize("loader", [load, load_tokenizer], ids=["base", "tokenizer"])
def test_code_that_comes_with_a_model_is_not_run(
    loader: Callable[[ModelConfig], Any], folder: Path, tmp_path: Path
) -> None:
    (folder / "theirs.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\n")
    content = json.loads((folder / "config.json").read_text())
    content |= {
        "model_type": "theirs",
        "auto_map": {"AutoConfig": "theirs.Config", "AutoModelForCausalLM": "theirs.Model"},
    }
    (folder / "config.json").write_text(json.dumps(content))
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["theirs.Tok", None]}}))
    with pytest.raises(Problem, match="comes with Python code of its own, which is never run here"):
        loader(ModelConfig(path=str(folder)))
    assert not (tmp_path / "executed").exists()


def test_no_key_of_a_recipe_allows_remote_code() -> None:
    assert not [key for key in keys(Recipe) if "trust" in key or "remote" in key]
    for override in ("model.trust_remote_code=true", "+model.trust_remote_code=true", "trust_remote_code=true"):
        with pytest.raises(Problem, match=r"Unknown key '\+{0,2}(model\.)?trust_remote_code'"):
            load_recipe("xnli_3src", [override])


# ---------------------------------------------------------------- folders that are not what they should be


def test_an_adapter_is_not_a_base_model(tmp_path: Path) -> None:
    save_adapter(tiny_adapted(tiny_recipe()), tmp_path)
    with pytest.raises(Problem, match="this folder holds an adapter, not a base model"):
        load(ModelConfig(path=str(tmp_path)))


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(Problem, match=r"no config\.json, so it is not a model .* It holds: notes\.txt\."):
        load(ModelConfig(path=str(tmp_path)))


def test_a_folder_without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(Problem, match="the folder has no weights"):
        load(ModelConfig(path=str(folder)))


@pytest.mark.parametrize("how", ["missing", "shape", "halved"])
def test_weights_that_are_not_all_there_are_refused(folder: Path, how: str) -> None:
    """transformers fills what is missing with random numbers and only logs it."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    name = "model.layers.1.self_attn.q_proj.weight"
    if how == "missing":
        del tensors[name]
    elif how == "shape":
        tensors[name] = torch.zeros(3, 3)
    save_file(tensors, file, metadata={"format": "pt"})
    if how == "halved":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    expected = {"missing": "1 tensor of LlamaForCausalLM not in its files .first: model.layers.1.self_attn.q_proj"}
    with pytest.raises(Problem, match=expected.get(how, "no causal language model could be loaded")):
        load(ModelConfig(path=str(folder)))


def test_an_architecture_that_is_no_causal_language_model(folder: Path) -> None:
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(content | {"model_type": "vit", "architectures": None}))
    with pytest.raises(Problem, match=r"vit is not a causal language model\. Choose a decoder"):
        load(ModelConfig(path=str(folder)))


def test_out_of_memory_while_loading_says_what_is_smaller(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def from_pretrained(*args: Any, **named: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", from_pretrained)
    with pytest.raises(Problem, match=r"does not fit into the memory of cpu\. Use adapter\.quantization=nf4"):
        load(ModelConfig(path=str(folder)))
