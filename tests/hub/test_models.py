"""Base models as users load them from the Hub: safetensors at a pinned revision, without a network, after failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from server import Hub, run_client
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

NAME = "owner/two-layers"


def llama_files(folder: Path, seed: int) -> dict[str, bytes | str]:
    """A two-layer Llama and its tokenizer as ``save_pretrained`` writes them; the weights depend on the seed."""
    torch.manual_seed(seed)
    shape = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    LlamaForCausalLM(LlamaConfig(**shape, num_attention_heads=2, num_key_value_heads=1)).save_pretrained(folder)
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {f"w{i}": i for i in range(3, 40)}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="</s>").save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


PRELUDE = """
import dataclasses

from mslt_it.evaluation.request import parse_request
from mslt_it.data.hub import hub_problem
from mslt_it.config.recipe import ModelConfig
from mslt_it.models.base_model import load_base, model_hash
from mslt_it.models.tokenizers import load_tokenizer

def load(name, revision=None):
    model = load_base(ModelConfig(path=name, revision=revision), device="cpu")
    ids = load_tokenizer(ModelConfig(path=name, revision=revision))("w5 w39 no").input_ids
    return [type(model).__name__, model.config.num_hidden_layers, model_hash(model), ids]

def commit(name, revision=None):
    from mslt_it.models.identity import identity

    model = ModelConfig(path=name, revision=revision)
    return identity(load_base(model, device="cpu"), load_tokenizer(model))["model_commit"]

def base(name, *modules):
    from mslt_it.config.compose import load_recipe
    from mslt_it.models.kinds import with_kind
    from mslt_it.notices import notice

    recipe = load_recipe("xnli_3src", ["scale=small", f"model.path={name}", "sources=[ar]", "targets=[de,tr]"])
    adapter = dataclasses.replace(recipe.adapter, target_modules=modules)
    return notice(with_kind(dataclasses.replace(recipe, adapter=adapter)))

def explained(name, revision=None, function=load_base):
    try:
        function(ModelConfig(path=name, revision=revision))
    except Exception as error:
        return str(hub_problem(error, "model.path", name, revision))
    return "loaded"

"""


@dataclass
class Visit:
    """What one process that reached the hub saw; the hub is left running."""

    hub: Hub
    home: Path
    pinned: str  # code: both commits of the model, loaded
    saw: dict[str, Any]


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """One process loads everything: importing the libraries takes seconds."""
    root = tmp_path_factory.mktemp("models")
    files = [llama_files(root / f"seed{seed}", seed) for seed in (1, 2)]
    with Hub(root / "hub") as hub:
        first, second = (hub.add("models", NAME, content) for content in files)
        hub.add("models", "owner/gated", files[0])
        hub.gate("models", "owner/gated")
        hub.add("models", "owner/fragile", files[0])
        hub.break_downloads("model.safetensors", "short", "close", *["stall"] * 6, "short")
        pickled = {name: content for name, content in files[0].items() if not name.endswith(".safetensors")}
        hub.add("models", "owner/untouched", files[0])
        record = {"recipe": {"sources": ["de"]}, "trained_before": ["fr"]}
        hub.add("models", "owner/merged", {**files[0], "prompts.json": json.dumps(record)})
        hub.add("models", "owner/pickled", {**pickled, "pytorch_model.bin": b"never opened"})
        pinned = f'[load("{NAME}", "{first}"), load("{NAME}", "{second}")]'
        code = f"""
result = {{
    "short": explained("owner/fragile"),
    "closed": explained("owner/fragile"),
    "short problem": problem(load, "owner/fragile"),
    "again": load("owner/fragile")[0],
    "pinned": {pinned},
    "main": load("{NAME}"),
    "commits": [commit("{NAME}"), commit("{NAME}", "{first}"), commit("seed1")],
    "hashes": [model_hash("seed1"), model_hash("seed2")],
    "gated": explained("owner/gated"),
    "gated tokenizer": explained("owner/gated", None, load_tokenizer),
    "gated problem": problem(load, "owner/gated"),
    "missing": explained("owner/two-layer"),
    "missing problem": problem(load, "owner/two-layer"),
    "revision": explained("{NAME}", "v2"),
    "revision problem": problem(load, "{NAME}", "v2"),
    "pickled": problem(load, "owner/pickled"),
    "misspelt": problem(base, "owner/untouched", "q_pro", "v_proj"),
    "spelt": base("owner/merged", "q_proj", "v_proj"),
    "seen": parse_request(["model=owner/merged", "task=xnli", "languages=[de,tr]"]).asked.seen,
    "untold": problem(base, "owner/pickled", "q_pro"),
}}
"""
        saw = run_client(hub.endpoint, root / "home", PRELUDE + code)
        yield Visit(hub, root / "home", pinned, {**saw, "pushed": [first, second]})


def test_two_pinned_revisions_have_their_own_weights(visit: Visit) -> None:
    hashes = visit.saw["hashes"]
    assert visit.saw["pinned"] == [["LlamaForCausalLM", 2, digest, [5, 39, 2]] for digest in hashes]
    assert len(set(hashes)) == 2 and visit.saw["main"] == visit.saw["pinned"][1]
    fetched = [line for line in visit.hub.requests(f"/store/models/{NAME}/") if line.endswith("safetensors 200")]
    assert len(fetched) == 2  # once per commit


def test_the_commit_that_a_branch_stood_for_is_known(visit: Visit) -> None:
    first, second = visit.saw["pushed"]
    assert visit.saw["commits"] == [second, first, None]  # main, a pinned one, a folder


def test_a_warm_cache_serves_without_the_hub_and_a_cold_one_says_so(visit: Visit) -> None:
    asked = len(visit.hub.log)
    offline = run_client(
        visit.hub.endpoint,
        visit.home,
        PRELUDE
        + f"""
result = {{
    "pinned": {visit.pinned},
    "main": load("{NAME}"),
    "cold": explained("owner/other"),
    "tokenizer": explained("owner/other", None, load_tokenizer),
    "branch": explained("{NAME}", "v2"),
    "problem": problem(load, "owner/other"),
}}
""",
        offline=True,
    )
    assert len(visit.hub.log) == asked
    assert offline["pinned"] == visit.saw["pinned"] and offline["main"] == visit.saw["main"]
    for name, named in (("cold", "owner/other"), ("tokenizer", "owner/other"), ("branch", f"{NAME} (revision v2)")):
        assert offline[name].startswith(f"model.path={named} is not, or only partly, in the local cache ({visit.home})")
        assert "HF_HUB_OFFLINE=1" in offline[name] and "set model.path to a local folder" in offline[name]
    assert offline["problem"].startswith("model.path=owner/other") and "local cache" in offline["problem"]


def test_gated_and_missing_models_and_revisions(visit: Visit) -> None:
    saw = visit.saw
    for name in ("gated", "gated tokenizer"):
        assert saw[name].startswith("model.path=owner/gated is gated: its authors decide who may download it.")
        assert "set model.path to the folder" in saw[name]
    assert "the Hub has no model of that name, or it is private" in saw["missing"]
    assert saw["revision"].startswith(f"model.path={NAME} has no revision 'v2' on the Hub. Set model.revision to")
    for name, named in (("gated", "owner/gated"), ("missing", "owner/two-layer"), ("revision", NAME)):
        assert saw[f"{name} problem"].startswith("model.path") and named in saw[f"{name} problem"]
    assert "gated" in saw["gated problem"] and "hf auth login" in saw["gated problem"]
    assert "model.revision" in saw["revision problem"] and "v2" in saw["revision problem"]


def test_pickled_weights_are_never_fetched(visit: Visit) -> None:
    assert "owner/pickled" in visit.saw["pickled"] and "safetensors" in visit.saw["pickled"]
    assert not visit.hub.requests("/commits/")  # transformers would look for somebody's conversion of them
    assert not [line for line in visit.hub.requests("pytorch_model.bin") if line.startswith("GET")]


def test_a_misspelt_module_is_told_before_weights_are_fetched(visit: Visit) -> None:
    said = visit.saw["misspelt"]
    assert said.startswith("adapter.target_modules: 'q_pro' is not a linear module of owner/untouched. Did you mean")
    assert "Known: down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj." in said
    assert not [line for line in visit.hub.requests("/owner/untouched/") if line.endswith("safetensors 200")]
    assert visit.saw["untold"] == "no Problem"  # without safetensors it is told where they are loaded


def test_what_a_model_on_the_hub_was_trained_on_is_said(visit: Visit) -> None:
    (line,) = [line for line in visit.saw["spelt"] if "not unseen" in line]
    assert line == "model.path=owner/merged was trained on rows in de, fr: not unseen."
    assert visit.saw["seen"] == ["de", "fr"]


def test_a_broken_download_is_one_problem_and_a_later_try_works(visit: Visit) -> None:
    for name in ("short", "closed"):
        assert visit.saw[name].startswith("model.path=owner/fragile: the download from the Hub broke off before the")
    assert visit.saw["short problem"].startswith("model.path=owner/fragile")
    assert visit.saw["again"] == "LlamaForCausalLM"
