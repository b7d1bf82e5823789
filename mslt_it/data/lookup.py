"""Which files of a folder hold a language's rows of a split, by the names that authors give them.

    de/train.tsv      train/de.tsv      de.tsv      mgsm_de.tsv      xnli.dev.ko.tsv      de/test/0000.parquet
    train.tsv with a language column    tickets.csv, alone in its folder    part-00000.parquet, part-00001.parquet

Languages are compared as codes, whatever their spelling (``languages.serving``). Of the files that could be a split,
the one that is called so exactly is taken: ``test`` before ``test_expert``, ``train`` before ``translated_train``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mslt_it.config.recipe import TaskConfig
from mslt_it.data.columns import spelt
from mslt_it.data.files import SPLIT_WORDS, TABLES, base_name, canonical_split, list_files, listing
from mslt_it.languages import codes_of, not_found, read_code, serving
from mslt_it.problems import NotScorable, Problem, nearest

MAX_DEPTH = 3  # folders below task.data: de/test/0000.parquet has two
_NO_DATA = re.compile(
    r"(readme|licen[cs]e|notice|changelog|citation|requirements)\b|(dataset_infos?|dataset_dict|state)\.json$",
    re.IGNORECASE,
)
_SHARD = re.compile(r"(?:of|\d+)")
_NO_NAME = re.compile(r"(?:data|part|of|\d+)")  # words that say nothing of what a file holds
_SCRIPT_OR_REGION = re.compile(r"[A-Z][a-z]{3}|[A-Z]{2}")


@dataclass(frozen=True)
class DataFile:
    """A file, and what its path says."""

    path: Path
    language: str = ""  # as spelt in a folder's or the file's name; "" where none is named
    is_weak: bool = False  # the spelling may be a word: "all" and "new" are codes of languages too
    words: tuple[str, ...] = ()  # of the file's name, without the language
    split_folder: str = ""

    def rank(self, split: str) -> int | None:
        """How plainly the file is this split: 0 by the very name, 1 by another word for it, 2 as one part of several,
        3 by one word among others; None: it is not."""
        is_unnamed = all(map(_NO_NAME.fullmatch, self.words))
        name = self.split_folder if is_unnamed else "_".join(self.words)
        if _plain(name) == _plain(split):
            return 0
        if canonical_split(name) == canonical_split(split):
            return 1
        wanted = {split.lower(), canonical_split(split).lower()}
        words = [*([self.split_folder] if self.split_folder else []), *self.words]
        known = [w for w in words if w.lower() in SPLIT_WORDS or w.lower() == split.lower()]
        if not known or not {known[-1].lower(), canonical_split(known[-1]).lower()} & wanted:
            return None
        rest = [w for w in self.words if w != known[-1]]
        return 2 if rest and all(map(_SHARD.fullmatch, rest)) else 3

    def split_name(self) -> str:
        """The split that the path names, else what the file is called, else "all"."""
        named = [w for w in (self.split_folder, *self.words) if w.lower() in SPLIT_WORDS]
        return (
            canonical_split(named[-1])
            if named
            else ("_".join(w for w in self.words if not _NO_NAME.fullmatch(w)) or "all")
        )


@dataclass(frozen=True)
class Picked:
    """The files that serve a split of a language, and what they are called in ids."""

    files: tuple[DataFile, ...]
    name: str
    is_divided: bool  # the same files serve training and scoring
    notes: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(file.path for file in self.files)

    @property
    def origin(self) -> str:
        """What errors and notes call them."""
        first = self.files[0].path
        return str(first) if len(self.files) == 1 else f"{first.parent} ({len(self.files)} parts)"

    def is_of(self, task: TaskConfig, language: str) -> bool:
        """Whether the path names the language."""
        spelt = self.files[0].language
        names = (_local_name(task, language), task.config_name(language), language)
        return bool(spelt) and (spelt in names or any(serving(name, [spelt], "") for name in names))


def pick(task: TaskConfig, root: Path, language: str, split: str) -> Picked:
    """The files of a split. Where the only file of a language is neither split, or all data are one file, it serves
    both."""
    if root.is_file():
        file = _named_file(root, (), _local_name(task, language), (), at_end=True)
        return Picked((file,), file.split_name(), True)
    files = _of_language(task, root, language)
    train, score = (_of_split(files, name) for name in (task.train_split, task.score_split))
    found = _of_split(files, split)
    only = files if len(files) == 1 or _is_one_table(files) else ()
    if not found and (not only or train or score):
        raise _no_split(task, root, language, split, files)
    if found and len(found) > 1 and not _is_one_table(found):
        names = ", ".join(str(file.path.relative_to(root)) for file in found)
        words = sorted({"_".join(file.words) for file in found})
        choice = f", or say which is meant: task.train_split or task.score_split={words[0]}" if len(words) > 1 else ""
        raise Problem(
            f"Several files could be split '{split}' of language '{language}' in {root}: {names}. "
            f"Keep one of them{choice}."
        )
    chosen = found or only
    rank = chosen[0].rank(split) if found else None
    name = canonical_split(split) if rank == 0 else chosen[0].split_name()
    where = str(chosen[0].path.relative_to(root))
    note = f"{language}: split '{split}' is read from {where}" if rank == 3 else ""
    return Picked(chosen, name, not found or train == score, (note,) if note else ())


def languages_in(root: Path) -> dict[str, str]:
    """Spelling -> code of the languages that have a folder or a file of their own under ``root``."""
    if root.is_file():
        file = _named_file(root, (), "", (), at_end=True)
        return codes_of([file.language] if file.language and not file.is_weak else ())
    files = _data_files(root, ())
    strong = {file.language for file in files if file.language and not file.is_weak}
    weak = {file.language for file in files if file.is_weak}
    return codes_of(strong | weak if strong or len(weak) > 1 else ())


def unnamed_files(root: Path) -> list[Path]:
    """The files whose rows may be of several languages: those that name none, or the only one."""
    if root.is_file():
        return [root]
    files = _data_files(root, ())
    return [file.path for file in files if not file.language or file.is_weak]


def _of_language(task: TaskConfig, root: Path, language: str) -> tuple[DataFile, ...]:
    upstream = _local_name(task, language)
    splits = (task.train_split, task.score_split)
    files = _data_files(root, splits, upstream if upstream != language else "")
    known = {f.language for f in files if f.language}
    spellings = spelt(upstream, language, known, str(root))
    own = tuple(f for f in files if f.language in spellings)
    unnamed = tuple(f for f in files if not f.language or (f.is_weak and len(known) == 1))
    if own:  # a language's train file beside one test file for all languages
        missing = [s for s in splits if not _of_split(own, s) and _of_split(unnamed, s)]
        return own + tuple(f for f in unnamed if f not in own and any(f.rank(s) is not None for s in missing))
    split_files = tuple(f for f in unnamed if any(f.rank(s) is not None for s in (*splits, *SPLIT_WORDS)))
    if split_files:
        return split_files
    if unnamed and (len(files) == 1 or _is_one_table(files)):
        return unnamed
    hint = not_found(language, known) if known else f"It holds: {listing(root)}."
    raise Problem(
        f"No data file for language '{language}' in {root} (looked for {language}/<split>.tsv, {language}.tsv, "
        f"<split>.{language}.tsv and the like: {', '.join(e[1:] for e in TABLES)}). {hint} Leave it out of "
        f"sources or targets (targets=rest: all languages there are), or name its file or folder: "
        f"task.configs.{language}=NAME."
    )


def _of_split(files: Sequence[DataFile], split: str) -> tuple[DataFile, ...]:
    ranks = {file: rank for file in files if (rank := file.rank(split)) is not None}
    return tuple(file for file, rank in ranks.items() if rank == min(ranks.values()))


def _is_one_table(files: Sequence[DataFile]) -> bool:
    """Whether files are the numbered parts of one, as the Hub stores them."""
    return (
        len(files) > 1
        and len({file.path.parent for file in files}) == 1
        and len({tuple(w for w in file.words if not _SHARD.fullmatch(w)) for file in files}) == 1
        and all(any(map(_SHARD.fullmatch, file.words)) for file in files)
    )


def _no_split(task: TaskConfig, root: Path, language: str, split: str, files: Sequence[DataFile]) -> Problem:
    names = sorted({file.split_name() for file in files})
    remedy = (
        f"Set task.train_split={names[0]} and task.score_split={names[0]} to divide its rows by item, or add the file."
        if len(names) == 1
        else f"Set task.train_split and task.score_split to splits that exist. {nearest(split, names)}"
    )
    text = f"{root} has no split '{split}' for language '{language}', only: {', '.join(names)}. {remedy}"
    if split == task.score_split:
        return NotScorable(text, f"there is no split '{split}', only {', '.join(names)}")
    return Problem(text)


# ---------------------------------------------------------------- what a path says


def _data_files(root: Path, splits: Sequence[str], upstream: str = "") -> list[DataFile]:
    paths: list[tuple[Path, tuple[str, ...]]] = []
    folders: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    while folders:
        folder, parts = folders.pop(0)
        paths += [(path, parts) for path in list_files(folder) if not _NO_DATA.match(path.name)]
        if len(parts) < MAX_DEPTH:
            inner = sorted(p for p in folder.iterdir() if p.is_dir() and _says_something(p.name, upstream, splits))
            folders += [(p, (*parts, p.name)) for p in inner]

    def read(at_end: bool) -> list[DataFile]:
        return [_named_file(path, parts, upstream, splits, at_end=at_end) for path, parts in paths]

    def languages(files: Sequence[DataFile]) -> tuple[int, int]:
        return len({f.language for f in files}), sum(bool(f.language) and not f.is_weak for f in files)

    # Of my_data_de and my_data_fr, or de_new and fr_new, the word that differs is the language.
    return max(read(True), read(False), key=languages)


def _says_something(folder: str, upstream: str, splits: Sequence[str]) -> bool:
    """Whether a folder is of a language or a split; others ("backup") are not looked into."""
    known = SPLIT_WORDS | {split.lower() for split in splits}
    return folder == upstream or folder.lower() in known or read_code(folder) is not None


def _named_file(path: Path, folders: Sequence[str], upstream: str, splits: Sequence[str], *, at_end: bool) -> DataFile:
    words = SPLIT_WORDS | {split.lower() for split in splits}
    split_folder = next((f for f in reversed(folders) if f.lower() in words), "")
    language = next((f for f in reversed(folders) if f == upstream or (f != split_folder and read_code(f))), "")
    tokens = [t for t in re.split(r"[._\-\s]+", base_name(path)) if t]
    if upstream and upstream in base_name(path) and not language:
        rest = base_name(path).replace(upstream, "", 1)
        if re.fullmatch(r"(|.*[._\-])(|[._\-].*)", rest):
            return DataFile(path, upstream, False, tuple(t for t in re.split(r"[._\-\s]+", rest) if t), split_folder)
    inside = _language_in(tokens, words, at_end)
    if language and inside and read_code(inside[0]) != read_code(language):
        inside = None
    spelt, start, end = inside or ("", 0, 0)
    rest_words = tuple(tokens[:start] + tokens[end:])
    weak = not language and len(spelt) == 3 and len(read_code(spelt) or "") == 3
    return DataFile(path, language or spelt, weak, rest_words, split_folder)


def _language_in(tokens: Sequence[str], splits: frozenset[str], at_end: bool) -> tuple[str, int, int] | None:
    """(spelling, start, end) of the language among a name's words: at its end or at its beginning, which first is
    ``at_end``; of one, two (pt_BR) or three words (zh_Hans_CN), none of them a split."""
    places = [i for i, token in enumerate(tokens) if token.lower() not in splits]
    if not places:
        return None
    ends = [(places[-1] + 1 - n, places[-1] + 1) for n in (3, 2, 1)]
    starts = [(places[0], places[0] + n) for n in (3, 2, 1)]
    for start, end in (*ends, *starts) if at_end else (*starts, *ends):
        if not set(range(start, end)) <= set(places):
            continue
        words = tokens[start:end]
        is_all = end - start == len(places)
        if (
            len(words) > 1
            and not all(map(_SCRIPT_OR_REGION.fullmatch, words[1:]))
            and not (is_all and len(words[0]) == 2)
        ):
            continue  # "nli-de" has the form of a code with a country
        code = read_code("-".join(words))
        if code and (len(words[0]) <= 3 or len(code.split("-")[0]) == 2):  # of words, few are names of languages
            return "-".join(words), start, end
    return None


def _local_name(task: TaskConfig, language: str) -> str:
    """What the names of the language's files hold."""
    name = task.config_name(language)
    return task.file_names.replace("{config}", name) if task.file_names else name


def _plain(name: str) -> str:
    return re.sub(r"[._\-\s]+", "_", name.lower())
