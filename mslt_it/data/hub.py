"""Rows of a data set on the Hub, at one commit: by ``datasets``, or read from the repository's files.

When the Hub does not answer, ``datasets`` falls back on the newest copy in its cache, whatever revision was asked for.
So a revision is turned into a commit first, and rows of another commit are never returned. What one run has loaded, a
later run finds in the caches without a network.

``datasets`` runs no loading scripts. Repositories that carry one are read through ``files``, a pattern of paths with
``{config}`` and ``{split}`` (``data/{config}.json.gz``), or from the Parquet branch that the Hub derives from them.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it.data.columnar import by_their_names, class_names
from mslt_it.data.files import parsed
from mslt_it.data.hub_client import BROKEN_OFF, UNREACHABLE, causes, look_at_hub, silence
from mslt_it.languages import serving
from mslt_it.problems import Problem, nearest, some
from mslt_it.store import read_json, write_atomically

PARQUET_BRANCH = "refs/convert/parquet"
PARQUET_FILES = "{config}/{split}/*.parquet"  # how that branch is laid out
ENDINGS = (".json", ".jsonl", ".parquet")  # JSON and JSON Lines also with .gz after them
CARD = "README.md"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_SHOWN = 20  # names in an error message


def read_hub(
    data: str,
    config: str | None,
    split: str,
    revision: str | None,
    files: str | None = None,
    by_names: bool = False,
) -> list[Mapping[str, Any]]:
    """All rows of one configuration and split, in the order of the files, values as they are stored, but for integers
    that the data set has names for (``ClassLabel``) ``by_names``.

    ``data`` is OWNER/NAME. ``revision`` is a commit, branch or tag (None: the main branch). ``files`` is a pattern of
    paths in the repository: ``{config}`` and ``{split}`` are filled in, ``*`` and ``?`` stand for part of a name; a
    pattern without ``{split}`` gives the same rows for every split. Every failure is a Problem.
    """
    files = _pattern(revision, files)
    with _explained(data, revision, f"configuration '{config}', split '{split}'"):
        look_at_hub()
        if files:
            return _read_files(data, config, split, revision, files, by_names)
        return _load(data, config, split, revision, by_names)


def hub_configs(data: str, revision: str | None, files: str | None = None) -> list[str]:
    """The names of a data set's configurations: as the Hub lists them, or those that a pattern of files has."""
    with _explained(data, revision, "its configurations"):
        look_at_hub()
        commit = _commit(data, revision)
        if files := _pattern(revision, files):
            return sorted(_filled_in(files, _list_files(data, commit), "config"))
        import datasets

        return sorted(datasets.get_dataset_config_names(data, revision=commit))


def _pattern(revision: str | None, files: str | None) -> str | None:
    """A pattern of the repository's own files says nothing about the branch with the Hub's."""
    return PARQUET_FILES if revision == PARQUET_BRANCH and not (files or "").endswith(".parquet") else files


@contextlib.contextmanager
def _explained(data: str, revision: str | None, what: str) -> Iterator[None]:
    """Every failure as a Problem."""
    try:
        yield
    except Problem:
        raise
    except Exception as error:  # the client libraries raise many unrelated types
        text = " ".join(str(error).split())
        raise hub_problem(error, "task.data", data, revision) or Problem(
            f"task.data={data} could not be loaded from the Hub ({what}, revision {revision or 'main'}): "
            f"{type(error).__name__}: {text[:300]}. Check the id, or download the data and give its folder."
        ) from error


def hub_problem(error: BaseException, key: str, name: str, revision: str | None) -> Problem | None:
    """What an error of the Hub's client libraries means for ``key=name``, and what to do; None for any other error.

    ``key`` is the recipe's key that named the repository, ``task.data`` or ``model.path``.
    """
    from huggingface_hub import constants, errors

    chain = list(causes(error))
    names = {type(e).__name__ for e in chain}
    section = key.rpartition(".")[0]
    kind = "model" if section == "model" else "data set"
    at = f"{key}={name}" + (f" (revision {revision})" if revision else "")
    log_in = "log in with `hf auth login` (or set HF_TOKEN)"
    absent = f"{at} is not, or only partly, in the local cache ({constants.HF_HOME})"

    def met(*types: type[BaseException]) -> bool:
        return any(isinstance(e, types) for e in chain)

    if met(errors.GatedRepoError):
        return Problem(
            f"{at} is gated: its authors decide who may download it. Ask for access on its page and {log_in}, or set "
            f"{key} to the folder of a copy."
        )
    if met(errors.RevisionNotFoundError):
        hint = f"Set {section}.revision to a commit, branch or tag of this {kind}, as listed on its Hub page."
        if revision == PARQUET_BRANCH:
            hint = f"The Hub has derived no Parquet files: set {section}.hub_files to a pattern of its own files."
        return Problem(f"{key}={name} has no revision '{revision}' on the Hub. {hint}")
    if met(errors.RepositoryNotFoundError):
        return Problem(
            f"{key}={name} is not a local path, and the Hub has no {kind} of that name, or it is private. Check the "
            f"spelling (OWNER/NAME); for a private one {log_in}."
        )
    if met(errors.HFValidationError):
        return Problem(f"{key}={name} is neither a local path nor a name on the Hub, which has the form OWNER/NAME.")
    if BROKEN_OFF & names or any("Consistency check failed" in str(e) for e in chain):
        return Problem(f"{at}: the download from the Hub broke off before the file's end. Run the command again.")
    is_cut_off = UNREACHABLE & names or met(errors.LocalEntryNotFoundError, ConnectionError, TimeoutError)
    if (said := silence()) and (is_cut_off or met(errors.OfflineModeIsEnabled)):
        return Problem(
            f"{absent}, and the Hub cannot be reached: {constants.ENDPOINT} {said}. Try again later, check the network "
            f"and its proxy settings (HTTPS_PROXY), or set {key} to a local folder; HF_HUB_OFFLINE=1 takes what is in "
            "the cache without asking."
        )
    if met(errors.OfflineModeIsEnabled) or (constants.HF_HUB_OFFLINE and met(errors.LocalEntryNotFoundError)):
        return Problem(
            f"{absent}, and offline mode is on (HF_HUB_OFFLINE=1). Run once with a network and without HF_HUB_OFFLINE, "
            f"or set {key} to a local folder."
        )
    statuses = [e.response.status_code for e in chain if isinstance(e, errors.HfHubHTTPError)]
    if any(status >= 500 for status in statuses):
        return Problem(f"{at}: the Hub answered with status {max(statuses)}, a server error. Try again later.")
    if is_cut_off:
        return Problem(
            f"{absent}, and the Hub cannot be reached. Check the network and its proxy settings (HTTPS_PROXY), or set "
            f"{key} to a local folder."
        )
    return Problem(f"{at}: the Hub refused with status {statuses[0]}; {log_in}, or try later.") if statuses else None


# ---------------------------------------------------------------- repositories that datasets loads


def _load(data: str, config: str | None, split: str, revision: str | None, by_names: bool) -> list[Mapping[str, Any]]:
    is_commit = revision is not None and _COMMIT.fullmatch(revision)  # which never changes: no need to ask
    builder = _prepared(data, config, str(revision)) if is_commit else None
    if builder is None:
        commit = _commit(data, revision)
        builder = _prepared(data, _known_spelling(data, config, commit), commit) or _prepare(data, config, commit)
    splits = builder.info.splits or {}
    if split not in splits:
        where = f" in configuration '{config}'" if config else ""
        raise Problem(f"task.data={data} has no split '{split}'{where}. {nearest(split, splits)}")
    found = builder.as_dataset(split=split)
    names = class_names(found.features.arrow_schema) if by_names else {}
    return [by_their_names(row, names) if names else row for row in found.to_list()]


def _prepared(data: str, config: str | None, commit: str) -> Any:
    """The builder over what ``datasets`` prepared from exactly this commit before, or None."""
    from datasets.packaged_modules.cache.cache import Cache

    config = config or "default"  # what datasets calls the only one of a repository that names none
    options = {"repo_id": data, "dataset_name": data.rpartition("/")[2], "config_name": config, "hash": commit}
    versions = Path(Cache(version="0.0.0", **options).cache_dir).parents[1]  # CONFIGURATION/VERSION/COMMIT
    found = sorted(versions.glob(f"*/{commit}/dataset_info.json"))
    return Cache(version=found[-1].parts[-3], **options) if found else None


def _spelt(config: str | None, known: Collection[str], data: str, commit: str, files: str = "") -> str | None:
    """The configuration that is the language ``config`` under another spelling: deu_Latn for de.

    It is noted down, so that it is found again without a network.
    """
    same = serving(config, known, f"task.data={data}") if config else ()
    if len(same) > 1:
        raise Problem(
            f"task.data={data} has '{config}' as the configurations {' and '.join(sorted(same))}. "
            f"Say which is meant: task.configs.{config}={sorted(same)[0]}."
        )
    if not same:
        return None
    kept = _note(data, f"{commit}.configs.json")
    write_atomically(kept, json.dumps({**(read_json(kept) or {}), f"{files} {config}": same[0]}))
    return same[0]


def _known_spelling(data: str, config: str | None, commit: str, files: str = "") -> str | None:
    return (read_json(_note(data, f"{commit}.configs.json")) or {}).get(f"{files} {config}", config)


def _note(data: str, name: str) -> Path:
    """A file of ours in the Hub's cache, in a folder of the data set."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(constants.HF_HOME) / "mslt_it" / repo_folder_name(repo_id=data, repo_type="dataset")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def _prepare(data: str, config: str | None, commit: str) -> Any:
    import datasets
    from huggingface_hub import HfApi

    # Asked before datasets is, which hides behind its cache why the Hub gives nothing.
    listed = HfApi().dataset_info(data, revision=commit).siblings or []
    names = [file.rfilename for file in listed]
    script = f"{data.rpartition('/')[2]}.py"
    if script in names:
        raise Problem(
            f"task.data={data} carries a loading script ({script}), which is never run. Set task.hub_files to a "
            f"pattern of its data files, such as data/{{config}}.json.gz, or task.revision={PARQUET_BRANCH}. "
            f"It holds: {some(sorted(names), _SHOWN)}."
        )
    try:
        builder = datasets.load_dataset_builder(data, config, revision=commit)
    except ValueError as error:
        known = datasets.get_dataset_config_names(data, revision=commit)
        if config in known or (config is None and len(known) == 1):
            raise
        if spelt := _spelt(config, known, data, commit):
            return _prepared(data, spelt, commit) or _prepare(data, spelt, commit)
        wanted = f"no configuration '{config}'" if config else "several configurations and needs one to be named"
        raise Problem(f"task.data={data} has {wanted}. {nearest(config or '', known)}") from error
    except (datasets.exceptions.DataFilesNotFoundError, datasets.data_files.EmptyDatasetError) as error:
        raise Problem(
            f"task.data={data} has no files that can be loaded as they are: it holds {some(sorted(names), _SHOWN)}. "
            "Set task.hub_files to a pattern of its data files, such as data/{config}.json.gz."
        ) from error
    if builder.hash != commit:
        raise Problem(
            f"task.data={data}: the Hub stopped answering, and the local cache holds commit {builder.hash}, not "
            f"{commit}. Run the command again, or set task.revision to the commit in the cache."
        )
    builder.download_and_prepare()
    return builder


def _commit(data: str, revision: str | None) -> str:
    """The commit that a revision stands for: as the Hub says, or as it said last where it cannot be reached."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
    from huggingface_hub.file_download import repo_folder_name

    try:
        # Asking by a file rather than for information notes the answer in the cache, and finds out about gates.
        return Path(hf_hub_download(data, CARD, repo_type="dataset", revision=revision)).parent.name
    except LocalEntryNotFoundError:
        folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=data, repo_type="dataset")
        noted = folder / "refs" / (revision or constants.DEFAULT_REVISION)
        if revision is not None and _COMMIT.fullmatch(revision):
            return revision
        if not noted.is_file():
            raise
        return noted.read_text(encoding="utf-8").strip()
    except EntryNotFoundError as error:  # no card; the answer names the commit all the same
        commit: str = error.response.headers[constants.HUGGINGFACE_HEADER_X_REPO_COMMIT]  # type: ignore[attr-defined]
        return commit


# ---------------------------------------------------------------- files of a repository


def _read_files(
    data: str, config: str | None, split: str, revision: str | None, files: str, by_names: bool
) -> list[Mapping[str, Any]]:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    pattern = _fill(files, config, split)
    if not pattern.removesuffix(".gz").endswith(ENDINGS) or pattern.endswith(".parquet.gz"):
        raise Problem(f"task.hub_files={files}: only {', '.join(ENDINGS)} are read (or .json.gz), not '{pattern}'.")
    commit = revision if revision is not None and _COMMIT.fullmatch(revision) else _commit(data, revision)
    pattern = _fill(files, _known_spelling(data, config, commit, files), split)
    names = [pattern]
    if "*" in pattern or "?" in pattern:
        names = [name for name in _list_files(data, commit) if re.fullmatch(_expression(pattern), name)]
    try:
        paths = [Path(hf_hub_download(data, name, repo_type="dataset", revision=commit)) for name in names]
    except LocalEntryNotFoundError:
        raise
    except EntryNotFoundError:
        names = []
    if not names:
        listed = _list_files(data, commit)
        configs = _filled_in(files, listed, "config")
        if config not in configs and (spelt := _spelt(config, configs, data, commit, files)):
            return _read_files(data, spelt, split, revision, files, by_names)
        raise _no_such_file(data, config, split, files, pattern, listed)
    found = zip(names, paths, strict=True)
    rows = [row for name, path in found for row in _read(path, f"{name} of {data}", by_names)]
    if not rows:
        raise Problem(f"task.data={data}: {', '.join(names)} holds no rows. Check task.hub_files={files}.")
    return rows


def _filled_in(files: str, listed: Sequence[str], name: str, config: str | None = None) -> set[str]:
    """What stands for ``{name}`` in the paths that a pattern finds, of one configuration or of all."""
    found = [match.groupdict() for path in listed if (match := re.fullmatch(_expression(files), path))]
    return {groups[name] for groups in found if name in groups and config in (None, groups.get("config", config))}


def _fill(files: str, config: str | None, split: str) -> str:
    values = {"config": config, "split": split}
    for name in _PLACEHOLDER.findall(files):
        if name not in values:
            raise Problem(f"task.hub_files={files} has the unknown placeholder {{{name}}}. {nearest(name, values)}")
        if values[name] is None:
            raise Problem(f"task.hub_files={files} asks for a configuration, and none is given. Write its name there.")
    return _PLACEHOLDER.sub(lambda match: values[match[1]] or "", files)


def _expression(pattern: str) -> str:
    """A regular expression for paths: ``*`` and ``?`` do not cross a slash; {config} and {split} become groups."""
    text = re.escape(pattern).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    for name in ("config", "split"):
        text = text.replace(rf"\{{{name}\}}", f"(?P<{name}>[^/]+)", 1).replace(rf"\{{{name}\}}", f"(?P={name})")
    return text


def _list_files(data: str, commit: str) -> list[str]:
    """The paths of all files at a commit, sorted; kept in the cache, so that a pattern works without a network.

    The cached files themselves would not do: where a download broke off between two of them, one is missing.
    """
    from huggingface_hub import HfApi

    kept = _note(data, f"{commit}.json")
    with contextlib.suppress(OSError, ValueError, RecursionError):  # not there, or damaged: it is asked for
        if isinstance(listed := json.loads(kept.read_text(encoding="utf-8")), list):
            return listed
    names = sorted(HfApi().list_repo_files(data, repo_type="dataset", revision=commit))
    write_atomically(kept, json.dumps(names))
    return names


def _no_such_file(
    data: str, config: str | None, split: str, files: str, pattern: str, listed: Sequence[str]
) -> Problem:
    """Whether the configuration, the split or the pattern is to blame, by what else the pattern would find."""
    configs, splits = _filled_in(files, listed, "config"), _filled_in(files, listed, "split", config)
    if config and configs and config not in configs:
        return Problem(f"task.data={data} has no configuration '{config}' ({pattern}). {nearest(config, configs)}")
    if splits and split not in splits:
        return Problem(f"task.data={data} has no split '{split}' ({pattern}). {nearest(split, splits)}")
    return Problem(
        f"task.data={data} has no file {pattern} (task.hub_files={files}). It holds: {some(listed, _SHOWN)}."
    )


def _read(path: Path, where: str, by_names: bool) -> list[Mapping[str, Any]]:
    """The rows of one downloaded file; an error names ``where`` and the cached copy, which may be the damaged one."""
    try:
        return [row.values for row in parsed(path, (), by_names=by_names)]
    except Problem as problem:
        remedy = f"Delete the cached copy {path.resolve()} and run again."
        raise Problem(f"{where} cannot be read: {problem} {remedy}") from problem
