"""An export on a model hub, whole: one commit with every sealed file, looked at again after it arrived.

`prepare` asks everything that can be asked beforehand (name, token, rights, what is there already), so that nothing is
merged for hours first. `push` sends only folders whose seal holds. All files go into one commit on top of the one that
was looked at: a hub shows all of them or none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.problems import Problem
from mslt_it.publish.sealed import sealed_files
from mslt_it.store import COMPLETE

_OF_THE_HUB = (".gitattributes",)  # made by the hub itself with a new repository
# Names of the HTTP client's errors: the client is httpx or httpx2, by the version of huggingface_hub.
_BROKEN_OFF = frozenset(
    [
        *("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "ConnectionError", "RemoteProtocolError"),
        *("ReadError", "ReadTimeout", "WriteError", "WriteTimeout", "CloseError"),
    ]
)


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

    repo: str
    commit: str
    url: str
    is_new: bool


def prepare(repo: str, *, private: bool) -> Destination:
    """Checks the name, the token, the owner and whether the repository is there; sends nothing.

    Raises:
        Problem: a name that is none, no token or a wrong one, an owner that is neither the token's user nor an
            organisation of theirs, a hub that does not answer.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import RepositoryNotFoundError
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    owner, slash, name = repo.partition("/")
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise Problem(f"push={repo} is not the name of a repository: write OWNER/NAME ({error}).") from error
    if not (owner and slash and name):
        raise Problem(f"push={repo} is not the name of a repository: write OWNER/NAME.")
    token = get_token()
    if token is None:
        raise Problem(
            f"push={repo} needs a token with the right to write: log in with `hf auth login`, or set HF_TOKEN."
        )
    api = HfApi(token=token)
    try:
        me = api.whoami()
        owners = [me["name"], *(org["name"] for org in me.get("orgs", []))]
        if owner not in owners:
            raise Problem(
                f"push={repo}: the token is of {me['name']}, who does not belong to '{owner}'. Write push={me['name']}/"
                f"{name}, or use a token of '{owner}'. Known: {', '.join(sorted(owners))}."
            )
        if me.get("auth", {}).get("accessToken", {}).get("role") == "read":
            raise Problem(
                f"push={repo}: the token may only read. Make one with the right to write, and log in with it: "
                "`hf auth login`, or HF_TOKEN."
            )
        try:
            api.repo_info(repo)
            exists = True
        except RepositoryNotFoundError:
            exists = False
    except Exception as error:  # the client raises many unrelated types
        raise _explained(error, repo, "Nothing was sent.") from error
    return Destination(repo, private, exists, token)


def push(folder: Path, to: Destination, say: Callable[[str], object] = print) -> Pushed:
    """Sends a sealed folder in one commit and compares what arrived with it, file by file.

    Raises:
        Problem: the folder's seal does not hold; the repository holds something else; the upload broke off or was
            refused, in which case the repository shows what it showed before.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    sums = sealed_files(folder)
    names = [*sums, COMPLETE]
    api = HfApi(token=to.token)
    state = _nothing(to.repo)
    try:
        if not to.exists:
            api.create_repo(to.repo, private=to.private)
        before = api.repo_info(to.repo)
        there = _differences(api, to.repo, str(before.sha), folder, names)
        if to.exists and there.missing == () and there.others == () and there.differing == ():
            return Pushed(to.repo, str(before.sha), _url(api, to.repo), False)
        if found := [*there.differing, *there.others]:
            raise Problem(
                f"push={to.repo}: the repository is there already and holds something else ({', '.join(found[:3])}"
                f"{' ...' * (len(found) > 3)}). Choose another name, or remove it on its page first."
            )
        say(f"Sending {len(names)} files ({_size(folder, names)}) to {to.repo} ...")
        operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in names]
        commit = _commit(api, to.repo, operations, str(before.sha))
        state = f"There is a commit {commit}, but it is not what was sent: do not rely on it."
        arrived = _differences(api, to.repo, commit, folder, names)
        if wrong := [*arrived.missing, *arrived.differing]:
            raise Problem(f"push={to.repo}: {wrong[0]} did not arrive as it was sent. {state}")
    except Exception as error:
        raise _explained(error, to.repo, state) from error
    return Pushed(to.repo, commit, _url(api, to.repo), True)


def _commit(api: Any, repo: str, operations: list[Any], parent: str) -> str:
    """The new commit. Where the answer was lost, the hub is asked whether there is one: it may have been made."""
    try:
        made = api.create_commit(repo, operations, commit_message="Export by mslt_it", parent_commit=parent)
        return str(made.oid)
    except Exception as error:
        try:
            now = str(api.repo_info(repo).sha)
        except Exception:
            unknown = "Whether the commit was made is not known: run it again, it looks before it sends."
            raise _explained(error, repo, unknown) from error
        if now == parent:
            raise _explained(error, repo, _nothing(repo)) from error
        return now


def _nothing(repo: str) -> str:
    return f"Nothing of it is to be seen in {repo}."


@dataclass(frozen=True)
class _Differences:
    missing: tuple[str, ...]
    differing: tuple[str, ...]
    others: tuple[str, ...]  # files there that are not in the folder


def _differences(api: Any, repo: str, commit: str, folder: Path, names: list[str]) -> _Differences:
    """The repository at a commit against the folder: by SHA-256 for large files, by git's id for the others."""
    there = {entry.path: entry for entry in api.list_repo_tree(repo, revision=commit, recursive=True)}
    files = {path: entry for path, entry in there.items() if hasattr(entry, "blob_id")}
    missing, differing = [], []
    for name in names:
        if name not in files:
            missing.append(name)
            continue
        entry = files[name]
        expected = entry.lfs.sha256 if entry.lfs is not None else entry.blob_id
        if _digest(folder / name, git=entry.lfs is None) != expected:
            differing.append(name)
    others = [path for path in files if path not in names and path not in _OF_THE_HUB]
    return _Differences(tuple(missing), tuple(differing), tuple(others))


def _digest(file: Path, *, git: bool) -> str:
    digest = hashlib.sha1(f"blob {file.stat().st_size}\0".encode()) if git else hashlib.sha256()
    with open(file, "rb") as handle:
        while block := handle.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _size(folder: Path, names: list[str]) -> str:
    return f"{sum((folder / name).stat().st_size for name in names) / 2**20:.1f} MiB"


def _url(api: Any, repo: str) -> str:
    return f"{api.endpoint}/{repo}"


def _explained(error: BaseException, repo: str, state: str) -> Problem:
    """One message for an error of the client; ``state``: what the hub shows now."""
    from huggingface_hub import errors

    if isinstance(error, Problem):
        return error
    chain = list(_causes(error))
    names = {type(one).__name__ for one in chain}
    statuses = [one.response.status_code for one in chain if isinstance(one, errors.HfHubHTTPError)]
    at = f"push={repo}"
    if any(isinstance(one, errors.OfflineModeIsEnabled) for one in chain):
        return Problem(f"{at}: offline mode is on (HF_HUB_OFFLINE=1). Unset it to push. {state}")
    if 401 in statuses:
        return Problem(
            f"{at}: the hub does not accept the token. Log in again with `hf auth login`, or set HF_TOKEN. {state}"
        )
    if 403 in statuses:
        return Problem(
            f"{at}: the token has no right to write there (403). Make one with the right to write, or ask the owner. "
            f"{state}"
        )
    if 409 in statuses or 412 in statuses:
        return Problem(f"{at}: somebody else wrote to the repository meanwhile. Look at it and run again. {state}")
    if statuses and max(statuses) >= 500:
        return Problem(f"{at}: the hub answered with status {max(statuses)}, a fault of its own. Try later. {state}")
    if not statuses and names & _BROKEN_OFF:
        return Problem(f"{at}: the hub cannot be reached or broke off. Check the network and run again. {state}")
    refusals = [
        str(getattr(one, "server_message", "") or "") for one in chain if isinstance(one, errors.HfHubHTTPError)
    ]
    said = " ".join((refusals[-1] if refusals and refusals[-1] else f"{type(error).__name__}: {error}").split())
    return Problem(f"{at}: the upload failed: {said[:300].rstrip('.')}. {state}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
