"""An export on a model hub, whole: one commit with every sealed file, looked at again after it arrived.

`prepare` asks everything that can be asked beforehand (name, token, rights, what is there already), so that nothing is
merged for hours first. `push` sends only folders whose seal holds. All files go into one commit on top of the one that
was looked at: a hub shows all of them or none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi, errors, get_token
from huggingface_hub.utils import validate_repo_id

from mslt_it.data.hub import BROKEN_OFF, UNREACHABLE, causes
from mslt_it.problems import Problem, counted
from mslt_it.store import COMPLETE, file_sha256, find_damage, sealed_files

_OF_THE_HUB = (".gitattributes",)  # made by the hub itself with a new repository


@dataclass(frozen=True)
class Destination:
    """A repository that may be written to: made already, or to be made."""

    repo: str  # OWNER/NAME
    private: bool
    exists: bool
    token: str


@dataclass(frozen=True)
class Pushed:
    """``is_new`` is False where the very files were there already."""

    commit: str
    url: str
    is_new: bool


def prepare(repo: str, *, private: bool) -> Destination:
    """Checks the name, the token, the owner and whether the repository is there; sends nothing.

    Raises:
        Problem: a name that is none, no token or a wrong one, an owner that is neither the token's user nor an
            organisation of theirs, a hub that does not answer.
    """
    owner, _, name = repo.partition("/")
    try:
        validate_repo_id(repo)
    except errors.HFValidationError as error:
        raise Problem(f"push={repo} is not the name of a repository: write OWNER/NAME ({error}).") from error
    if not name:
        raise Problem(f"push={repo} is not the name of a repository: write OWNER/NAME.")
    token = get_token()
    if token is None:
        raise Problem(
            f"push={repo} needs a token with the right to write: log in with `hf auth login`, or set HF_TOKEN."
        )
    api = HfApi(token=token)
    try:
        me = api.whoami()
        exists = api.repo_exists(repo)
    except Exception as error:  # the client raises many unrelated types
        raise _explained(error, repo, "Nothing was sent.") from error
    owners = [me["name"], *(org["name"] for org in me.get("orgs", []))]
    if owner not in owners:
        raise Problem(
            f"push={repo}: the token belongs to {me['name']}, who is not a member of '{owner}'. Write "
            f"push={me['name']}/{name}, or use a token of '{owner}'. Known: {', '.join(sorted(owners))}."
        )
    if me.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise Problem(
            f"push={repo}: the token may only read. Make one with the right to write, and log in with it: "
            "`hf auth login`, or HF_TOKEN."
        )
    return Destination(repo, private, exists, token)


def push(folder: Path, to: Destination, say: Callable[[str], object] = print) -> Pushed:
    """Sends a sealed folder in one commit and compares what arrived with it, file by file.

    Raises:
        Problem: the folder's seal does not hold; the repository holds something else; the upload broke off or was
            refused, in which case the repository shows what it showed before.
    """
    if (damage := find_damage(folder)) is not None:
        raise Problem(f"{folder} is incomplete or damaged ({damage}). Export it again.")
    names = [*sealed_files(folder), COMPLETE]
    api = HfApi(token=to.token)
    url = f"{api.endpoint}/{to.repo}"
    state = _nothing(to.repo)
    try:
        if not to.exists:
            api.create_repo(to.repo, private=to.private)
        before = str(api.repo_info(to.repo).sha)
        missing, others = _compared(api, to.repo, before, folder, names)
        if others:
            raise Problem(
                f"push={to.repo}: the repository already exists and holds something else ({', '.join(others[:3])}"
                f"{' ...' * (len(others) > 3)}). Choose another name, or remove it on its page first."
            )
        if to.exists and not missing:
            return Pushed(before, url, False)
        size = sum((folder / name).stat().st_size for name in names)
        say(f"Sending {counted(len(names), 'file')} ({size / 2**20:.1f} MiB) to {to.repo} ...")
        commit = _commit(api, to.repo, [CommitOperationAdd(name, folder / name) for name in names], before)
        state = f"There is a commit {commit}, but it is not what was sent: do not rely on it."
        missing, others = _compared(api, to.repo, commit, folder, names)
        if wrong := [*missing, *(name for name in others if name in names)]:
            raise Problem(f"push={to.repo}: {wrong[0]} did not arrive as it was sent. {state}")
    except Exception as error:
        raise _explained(error, to.repo, state) from error
    return Pushed(commit, url, True)


def _commit(api: HfApi, repo: str, operations: list[CommitOperationAdd], parent: str) -> str:
    """The new commit. Where the answer was lost, the hub is asked whether there is one: it may have been made."""
    try:
        made = api.create_commit(repo, operations, commit_message="Export by mslt_it", parent_commit=parent)
        return str(made.oid)
    except Exception as error:
        try:
            now = str(api.repo_info(repo).sha)
        except Exception:
            unknown = "It is not known whether the commit was made: run it again, it checks before sending."
            raise _explained(error, repo, unknown) from error
        if now == parent:
            raise _explained(error, repo, _nothing(repo)) from error
        return now


def _nothing(repo: str) -> str:
    return f"None of it is in {repo}."


def _compared(api: HfApi, repo: str, commit: str, folder: Path, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """(files of the folder that the repository lacks at a commit, files there that are other ones): by SHA-256 for
    large files, by git's id for the others."""
    there: dict[str, Any] = {entry.path: entry for entry in api.list_repo_tree(repo, revision=commit, recursive=True)}
    files = {path: entry for path, entry in there.items() if hasattr(entry, "blob_id") and path not in _OF_THE_HUB}
    others = [path for path, entry in files.items() if path not in names or not _is_same(folder / path, entry)]
    return [name for name in names if name not in files], others


def _is_same(file: Path, entry: Any) -> bool:
    if entry.lfs is not None:
        return bool(file_sha256(file) == entry.lfs.sha256)
    content = file.read_bytes()  # what git keeps by itself is small
    return bool(hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == entry.blob_id)


def _explained(error: BaseException, repo: str, state: str) -> Problem:
    """One message for an error of the client; ``state``: what the hub shows now."""
    if isinstance(error, Problem):
        return error
    chain = list(causes(error))
    refusals = [one for one in chain if isinstance(one, errors.HfHubHTTPError)]
    statuses = {one.response.status_code for one in refusals}
    if any(isinstance(one, errors.OfflineModeIsEnabled) for one in chain):
        what = "offline mode is on (HF_HUB_OFFLINE=1). Unset it to push."
    elif 401 in statuses:
        what = "the hub does not accept the token. Log in again with `hf auth login`, or set HF_TOKEN."
    elif 403 in statuses:
        what = "the token has no right to write there (403). Make one with the right to write, or ask the owner."
    elif statuses & {409, 412}:
        what = "somebody else wrote to the repository meanwhile. Look at it and run again."
    elif statuses and max(statuses) >= 500:
        what = f"the hub answered with status {max(statuses)}, a server error. Try later."
    elif not statuses and {type(one).__name__ for one in chain} & (BROKEN_OFF | UNREACHABLE):
        what = "the hub cannot be reached or broke off. Check the network and run again."
    else:
        said = (refusals[-1].server_message if refusals else None) or f"{type(error).__name__}: {error}"
        what = f"the upload failed: {' '.join(said.split())[:300].rstrip('.')}."
    return Problem(f"push={repo}: {what} {state}")
