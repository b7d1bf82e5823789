"""mslt export push=OWNER/NAME against a hub on loopback: whole, verified, read back; every refusal in one message."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from exported import exported
from finished_run import TEMPLATE, make_base

from mslt_it.store import file_sha256

sys.path.insert(0, str(Path(__file__).parents[1] / "hub"))
from repositories import card_faults
from server import Hub, run_client

PRELUDE = """
import contextlib, io, os, shutil, time
time.sleep = lambda seconds: None  # between the client's tries
from pathlib import Path
os.environ["HF_TOKEN"] = "hf_mine"
from mslt_it import cli
from mslt_it.publish.push import prepare, push

def quiet(text):
    pass

def send(folder, repo, private=False):
    done = push(Path(folder), prepare(repo, private=private), quiet)
    return [done.commit, done.url, done.is_new]

def command(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(["export", *arguments])
    return [code, out.getvalue(), err.getvalue()]

def as_user(token, function, *arguments, **options):
    if token is None:
        del os.environ["HF_TOKEN"]
    else:
        os.environ["HF_TOKEN"] = token
    try:
        return problem(function, *arguments, **options)
    finally:
        os.environ["HF_TOKEN"] = "hf_mine"

"""


@dataclass
class Visit:
    """What one process that pushed saw; the hub is left running."""

    hub: Hub
    folder: Path  # of the safetensors export
    saw: dict[str, Any]


@pytest.fixture(scope="module")
def visit(run_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """One process pushes everything: importing the libraries takes seconds."""
    root = tmp_path_factory.mktemp("push")
    run = run_of("chat")
    made = exported(run, root / "out", "safetensors", "vllm")
    folder = made[0].folder
    torn = root / "torn"
    with Hub(root / "hub") as hub:
        hub.allow("hf_mine", "me", "club")
        hub.allow("hf_reader", "me", may_write=False)
        hub.allow("hf_read_only", "me", may_write=False, role="read")
        hub.add("models", "me/thesis", {"chapter.txt": "all of it"})
        base = make_base(root / "hub_base", seed=8, template=TEMPLATE)
        hub.add("models", "me/base", {file.name: file.read_bytes() for file in base.iterdir()})
        hub.add("models", "me/empty", {".gitattributes": ""})
        weights = folder / "model.safetensors"
        code = f"""
folder = "{folder}"
arguments = ["run={run}", "out={root / "out"}", "push=me/boats", "private=true"]
first = command(*arguments)
again = command(*arguments)
result = {{
    "command": first,
    "command again": again,
    "club": send(folder, "club/boats"),
    "empty": send(folder, "me/empty"),
    "thesis": problem(send, folder, "me/thesis"),
    "no token": as_user(None, send, folder, "me/x1"),
    "wrong token": as_user("hf_wrong", send, folder, "me/x2"),
    "reader": as_user("hf_reader", send, folder, "me/x3"),
    "read only": as_user("hf_read_only", prepare, "me/x6", private=False),
    "stranger": problem(send, folder, "you/boats"),
    "no owner": problem(send, folder, "boats"),
    "bad name": problem(send, folder, "me/bo ats"),
    "adapter": command("run={run}", "out={root / "out"}", "format=vllm", "push=me/adapter"),
}}
# Another file with the same name: the store has not seen it yet.
shutil.copytree(folder, "{torn}")
file = Path("{torn}") / "model.safetensors"
content = bytearray(file.read_bytes())
content[-1] ^= 1
file.write_bytes(content)
result["torn"] = problem(send, "{torn}", "me/x4")
import json as _json
seal = Path("{torn}") / "COMPLETE.json"
sums = _json.loads(seal.read_text())
from mslt_it.store import file_sha256, with_own_hash
del sums["sha256"]
sums["files"]["model.safetensors"] = file_sha256(file)
seal.write_text(_json.dumps(with_own_hash(sums)))
result["store fails"] = problem(send, "{torn}", "me/x5")
result["store closes"] = problem(send, "{torn}", "me/x5")
result["store garbles"] = problem(send, "{torn}", "me/x5")
result["commit fails"] = problem(send, "{torn}", "me/x5")
result["commit closes"] = problem(send, "{torn}", "me/x5")
result["at last"] = send("{torn}", "me/x5")
result["answer lost"] = send(folder, "me/lost")
import huggingface_hub
look = huggingface_hub.HfApi.repo_info
asked = []
def silent(self, *arguments, **options):
    asked.append(arguments)
    if len(asked) == 3:  # after a look for the repository and one at what is in it
        raise ConnectionError("no route to host")
    return look(self, *arguments, **options)
huggingface_hub.HfApi.repo_info = silent
result["then silent"] = problem(send, folder, "me/silent")
result["and again"] = send(folder, "me/silent")
huggingface_hub.HfApi.repo_info = look

import sys
sys.path.insert(0, "{Path(__file__).parent}")
import torch
from finished_run import make_run
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from mslt_it.models.base_model import load_adapter
from mslt_it.models.identity import load_trained_base
from mslt_it.models.finished_run import read_run

def logits(model):
    with torch.no_grad():
        return model.eval()(torch.arange(6, 40)[None]).logits

make_run(Path("{root}/hub_run"), "me/base")
pushed = command("run={root}/hub_run", "out={root}/hub_out", "format=vllm", "push=me/adapter-of-base")
there = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("me/base"), "me/adapter-of-base")
finished = read_run("{root}/hub_run")
live = load_adapter(load_trained_base(finished)[1], finished.adapter)
result["adapter on hub"] = [pushed, torch.equal(logits(there), logits(live))]

there = AutoModelForCausalLM.from_pretrained("me/boats")
same = torch.equal(logits(AutoModelForCausalLM.from_pretrained(folder)), logits(there))
tokenizer = AutoTokenizer.from_pretrained("me/boats")
result["read back"] = [same, there.generation_config.eos_token_id, tokenizer.chat_template is not None]
del os.environ["HF_TOKEN"]
try:
    AutoTokenizer.from_pretrained("me/boats", force_download=True)
except Exception as error:
    result["read back"].append(type(error).__name__)
"""
        oid = _altered_sha256(weights)
        hub.break_uploads(f"/upload/{oid}", *["error"] * 6, *["close"] * 6, "garble")
        hub.break_uploads("/api/models/me/x5/commit/main", "error", "close")
        hub.break_uploads("/api/models/me/lost/commit/main", "lost")
        hub.break_uploads("/api/models/me/silent/commit/main", "lost")
        saw = run_client(hub.endpoint, root / "home", PRELUDE + code)
        yield Visit(hub, folder, saw)


def _altered_sha256(weights: Path) -> str:
    """Of the weights as the client alters them."""
    import hashlib

    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    return hashlib.sha256(content).hexdigest()


def on_disk(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_repository_holds_the_very_files(visit: Visit) -> None:
    code, out, err = visit.saw["command"]
    assert code == 0, err
    repository = visit.hub.repositories["models", "me/boats"]
    assert f"pushed: {visit.hub.endpoint}/me/boats at commit {repository.refs['main']}" in out
    sent = visit.hub.files("models", "me/boats")
    assert sent.pop(".gitattributes") and sent == on_disk(visit.folder)
    assert repository.private and not visit.hub.repositories["models", "club/boats"].private
    assert len(visit.hub.requests("POST /api/models/me/boats/commit/main")) == 1  # all in one


def test_the_same_export_is_sent_once(visit: Visit) -> None:
    code, out, _ = visit.saw["command again"]
    commit = visit.hub.repositories["models", "me/boats"].refs["main"]
    assert code == 0 and "(already there, nothing was done)" in out
    assert f"pushed: {visit.hub.endpoint}/me/boats already there, at commit {commit}" in out
    # The store has the weights since the first push: other repositories do not send them again.
    oid = file_sha256(visit.folder / "model.safetensors")
    assert visit.saw["club"][2] and len(visit.hub.requests(f"PUT /upload/{oid}")) == 1


def test_an_empty_repository_is_filled(visit: Visit) -> None:
    assert visit.saw["empty"][2] and visit.hub.files("models", "me/empty").keys() >= on_disk(visit.folder).keys()


def test_a_repository_of_something_else_is_left_alone(visit: Visit) -> None:
    assert visit.saw["thesis"] == (
        "push=me/thesis: the repository already exists and holds something else (chapter.txt). Choose another name, "
        "or remove it on its page first."
    )
    assert visit.hub.files("models", "me/thesis") == {"chapter.txt": b"all of it"}


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("no token", "push=me/x1 needs a token with the right to write: log in with `hf auth login`, or set HF_TOKEN."),
        ("wrong token", "push=me/x2: the hub does not accept the token. Log in again with `hf auth login`"),
        ("reader", "push=me/x3: the token has no right to write there (403). Make one with the right to write"),
        ("read only", "push=me/x6: the token may only read. Make one with the right to write, and log in with it"),
        ("stranger", "push=you/boats: the token belongs to me, who is not a member of 'you'. Write push=me/boats,"),
        ("no owner", "push=boats is not the name of a repository: write OWNER/NAME."),
        ("bad name", "push=me/bo ats is not the name of a repository: write OWNER/NAME"),
        ("torn", "is incomplete or damaged (model.safetensors is not what was saved"),
    ],
)
def test_refusals(case: str, text: str, visit: Visit) -> None:
    assert text in visit.saw[case] and "\n" not in visit.saw[case]
    names = {name for _, name in visit.hub.repositories}
    assert not names & {"me/x1", "me/x2", "me/x3", "me/x4", "me/x6", "you/boats", "boats"}


def test_an_adapter_whose_base_nobody_has_is_not_sent(visit: Visit) -> None:
    code, _, err = visit.saw["adapter"]
    assert code == 2 and "/chat', which is not a hub repository, so nobody else could load it" in err
    assert ("models", "me/adapter") not in visit.hub.repositories


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("store fails", "push=me/x5: the hub answered with status 503, a server error. Try later."),
        ("store closes", "push=me/x5: the hub cannot be reached or broke off. Check the network and run again."),
        ("store garbles", "push=me/x5: the upload failed: The object is not what its oid says."),
        ("commit fails", "push=me/x5: the hub answered with status 503, a server error. Try later."),
        ("commit closes", "push=me/x5: the hub cannot be reached or broke off. Check the network and run again."),
    ],
)
def test_an_upload_that_breaks_off_shows_nothing(case: str, text: str, visit: Visit) -> None:
    said = visit.saw[case]
    assert said.startswith(text) and said.endswith("None of it is in me/x5.") and "\n" not in said


def test_after_failures_the_same_command_finishes(visit: Visit) -> None:
    assert visit.saw["at last"][2]
    files = visit.hub.files("models", "me/x5")
    assert files["model.safetensors"] != visit.hub.files("models", "me/boats")["model.safetensors"]
    refs = visit.hub.repositories["models", "me/x5"]
    assert len(list(refs.folder.iterdir())) == 2  # the empty commit of its creation and ours, none between


def test_a_commit_whose_answer_is_lost_is_looked_for(visit: Visit) -> None:
    commit, _, is_new = visit.saw["answer lost"]
    assert is_new and commit == visit.hub.repositories["models", "me/lost"].refs["main"]
    assert visit.hub.files("models", "me/lost").items() >= on_disk(visit.folder).items()


def test_what_is_not_known_is_said_and_the_next_push_looks_first(visit: Visit) -> None:
    said = visit.saw["then silent"]
    assert said.endswith("It is not known whether the commit was made: run it again, it checks before sending.")
    commit, _, is_new = visit.saw["and again"]
    assert not is_new and commit == visit.hub.repositories["models", "me/silent"].refs["main"]


def test_an_adapter_names_its_base_and_is_read_back_on_it(visit: Visit) -> None:
    """A run on a base that the hub has, exported for vLLM, pushed, and loaded by peft from there."""
    (status, _, err), same = visit.saw["adapter on hub"]
    assert status == 0 and same, err
    files = visit.hub.files("models", "me/adapter-of-base")
    config = json.loads(files["adapter_config.json"])
    commit = visit.hub.repositories["models", "me/base"].refs["main"]
    assert (config["base_model_name_or_path"], config["revision"]) == ("me/base", commit)
    card = files["README.md"].decode()
    serve = (
        f"vllm serve me/base --revision {commit} --enable-lora --max-lora-rank 8 --lora-modules xnli_3src=THIS_FOLDER"
    )
    assert serve in card and "base_model: me/base" in card and "base_model_relation: adapter" in card


def test_it_is_read_back_with_the_same_logits(visit: Visit) -> None:
    """The private one needs the token."""
    same, end, chat, refused = visit.saw["read back"]
    assert (same, end, chat) == (True, 4, True) and refused in ("OSError", "RepositoryNotFoundError")


def test_the_hub_of_these_tests_finds_faults_in_cards() -> None:
    """Otherwise a card that passes would prove nothing."""
    assert card_faults("---\nlanguage: [no]\n---\n") and card_faults("---\nbase_model: /home/me/model\n---\n")
    assert card_faults("---\na: [\n---\n") and not card_faults("---\nlanguage: ['no']\nbase_model: a/b\n---\n")
