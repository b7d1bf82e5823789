"""Local files that are no tables, as their authors publish them: CoNLL columns, SQuAD's JSON, XWinograd's TSV of JSON
columns, and self-instruct's nested instances. Each reader turns a file into ``Row``s with one plain value per column.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mslt_it.data.files import CONLL, Row, ending, parse_json, read_table, refuse_empty
from mslt_it.data.text_files import decode
from mslt_it.problems import Problem

_TAG = re.compile(r"O|[BIESLU]-\S+")


def read_layout(layout: str, path: Path, columns: Sequence[str], *, by_names: bool = False) -> tuple[Row, ...]:
    """The rows of a file; ``columns`` names those of a table without a header;
    ``by_names``: see `read_table`.

    A layout is one of text; where a copy of the data is a table (JSON Lines, Parquet, Excel), it is read as one.
    """
    reader = LAYOUTS.get(layout) if ending(path) in LAYOUT_ENDINGS.get(layout, ()) else None
    return tuple(refuse_empty(path, reader(path)) if reader else read_table(path, columns, by_names=by_names))


def read_conll(path: Path) -> list[Row]:
    """One token a line with its tag, a blank line between sentences -> ``tokens``, ``ner_tags`` (of equal length).

    Columns are separated by tabs, or by spaces where there is no tab. Of more than two the last that holds tags is the
    tag (CoNLL-2003: token, part of speech, chunk, tag); a first one that counts 1, 2, 3 (CoNLL-U, .iob2) is left out,
    and so are comments and -DOCSTART-. A file without tags gives ``ner_tags`` None: it may be read, not scored.
    """
    sentences = _conll_sentences(path)
    if not sentences:
        return []
    widths = Counter(len(cells) for _, sentence in sentences for _, cells in sentence)
    width = widths.most_common(1)[0][0]
    width = max(2, width) if max(widths) > 1 else 1  # most lines of a file with a tag at all may lack theirs
    tag = _tag_column(sentences, width)
    counts = all([c[0] for _, c in s] == [str(n) for n in range(1, len(s) + 1)] for _, s in sentences)
    token = 1 if counts and width > 1 and tag != 1 else 0
    rows = []
    for start, sentence in sentences:
        for number, cells in sentence:
            is_short = tag is not None and len(cells) <= tag and len(cells) < min(2, width)
            if is_short or (tag is not None and len(cells) == width and not cells[tag].strip()):
                raise Problem(f"{path} line {number} has a token without a tag. Write one (O for none).")
            if len(cells) != width:
                raise Problem(f"{path} line {number} has {len(cells)} columns, others {width}. Keep token and tag.")
        tokens = [cells[token] for _, cells in sentence]
        tags = None if tag is None else [cells[tag].strip() for _, cells in sentence]
        rows.append(Row(f"line {start}", {"tokens": tokens, "ner_tags": tags}))
    return rows


def _conll_sentences(path: Path) -> list[tuple[int, list[tuple[int, list[str]]]]]:
    """(first line, [(line, cells)]) of each sentence."""
    lines = [line.removesuffix("\r") for line in decode(path).split("\n")]
    has_tabs = any("\t" in line.strip() for line in lines)
    has_tags = has_tabs or any(len(cells := line.split()) > 1 and _TAG.fullmatch(cells[-1]) for line in lines)
    sentences: list[tuple[int, list[tuple[int, list[str]]]]] = []
    sentence: list[tuple[int, list[str]]] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip(" \t"):
            cells = line.split("\t") if has_tabs else line.split() if has_tags else [line]
            is_comment = not sentence and line.startswith("# ") and not ("\t" in line or _TAG.fullmatch(cells[-1]))
            if not is_comment:
                sentence.append((number, cells))
        elif sentence:
            if sentence[0][1][0] != "-DOCSTART-":
                sentences.append((sentence[0][0], sentence))
            sentence = []
    return sentences


def _tag_column(sentences: list[tuple[int, list[tuple[int, list[str]]]]], width: int) -> int | None:
    """The last column in which every value that is there is a tag; the second of two, whatever it holds."""
    if width <= 2:
        filled = any(len(cells) > 1 and cells[1].strip() for _, s in sentences for _, cells in s)
        return 1 if filled else None
    for column in range(width - 1, 0, -1):
        values = [cells[column].strip() for _, s in sentences for _, cells in s if len(cells) > column]
        if all(map(_TAG.fullmatch, values)):
            return column
    return None


def read_squad(path: Path) -> list[Row]:
    """SQuAD's nesting (data, paragraphs, qas) -> ``id``, ``context``, ``question``, ``answers`` (texts, offsets).

    Offsets count characters; an answer that is not at its offset is a Problem, since then the context is another text.
    """
    content = parse_json(path, decode(path))
    articles = content.get("data") if isinstance(content, dict) else None
    if not isinstance(articles, list):
        raise Problem(f"{path} has no list under 'data', as SQuAD's layout has. For a table: task.file_layout=table.")
    rows = []
    for number, article in enumerate(articles, 1):
        for paragraph in article.get("paragraphs", []):
            for question in paragraph.get("qas", []):
                place = f"article {number}, question {question.get('id')}"
                answers = question.get("answers") or []
                for answer in answers:
                    _check_offset(path, place, paragraph["context"], answer)
                values = {
                    "id": question.get("id"),
                    "context": paragraph["context"],
                    "question": question.get("question"),
                    "answers": {name: [one.get(name) for one in answers] for name in ("text", "answer_start")},
                }
                rows.append(Row(place, values))
    return rows


def _check_offset(path: Path, place: str, context: str, answer: dict[str, Any]) -> None:
    text, start = answer.get("text", ""), answer.get("answer_start")
    if text and isinstance(start, int) and context[start : start + len(text)] != text:
        raise Problem(
            f"{path} {place}: the answer {text[:60]!r} is not at character {start} of its context, which holds "
            f"{context[start : start + len(text)][:60]!r} there. Offsets count characters, not bytes."
        )


def read_xwinograd(path: Path) -> list[Row]:
    """Seven TAB columns, the last three JSON -> ``lang``, ``sentence`` (the pronoun as "_"), ``option1``, ``option2``,
    ``answer`` (1 or 2). Read without quoting; exact repetitions are left out."""
    rows, seen = [], set()
    for number, line in enumerate(decode(path).removesuffix("\n").split("\n"), 1):
        line = line.removesuffix("\r")
        cells = line.split("\t")
        if len(cells) != 7:
            raise Problem(f"{path} line {number} has {len(cells)} columns instead of XWinograd's 7.")
        if line in seen:
            continue
        seen.add(line)
        tokens, pronoun, options = (parse_json(path, cell, number) for cell in cells[4:])
        if len(options) != 2 or sum(bool(option[3]) for option in options) != 1:
            raise Problem(f"{path} line {number} needs two options of which one is right, not {cells[6][:120]}.")
        values = {
            "lang": cells[0],
            "sentence": _blanked(cells[3], tokens, pronoun),
            "option1": options[0][0],
            "option2": options[1][0],
            "answer": 1 if options[0][3] else 2,
        }
        rows.append(Row(f"line {number}", values))
    return rows


def _blanked(sentence: str, tokens: list[str], pronoun: Any) -> str:
    """The authors' sentence with the pronoun's tokens replaced by "_" and nothing else changed.

    The tokens are those of a tokenizer that writes other quotes and no spaces, so the sentence is matched against all
    of them: a pronoun that occurs twice is then the right one. A sentence that differs in more than that is searched
    for the pronoun alone, counted among its like.
    """
    start, end = pronoun[1]
    before, own, after = (_SPACES.join(map(_token, part)) for part in (tokens[:start], tokens[start:end], tokens[end:]))
    if matched := re.fullmatch(rf"(\s*{before}\s*){own}(\s*{after}\s*)", sentence):
        return f"{matched[1]}_{matched[2]}".strip()
    found = list(re.finditer(rf"(?<!\w){own}(?!\w)", sentence)) or list(re.finditer(own, sentence))
    number = sum(tokens[i : i + end - start] == tokens[start:end] for i in range(start))
    if number < len(found):
        return f"{sentence[: found[number].start()]}_{sentence[found[number].end() :]}".strip()
    return " ".join([*tokens[:start], "_", *tokens[end:]])  # the sentence lacks the pronoun: say it with the tokens


_SPACES = r"\s*"
_QUOTES = "\"'`´“”„‟«»‹›‘’‚‛「」『』"


def _token(token: str) -> str:
    """The pattern of what a token stands for in the sentence, whichever quotes and apostrophes the authors wrote."""
    text = token.strip()
    if text and not text.strip(_QUOTES):
        return f"[{re.escape(_QUOTES)}]{{1,2}}"
    return re.sub("['’]", "['’]", re.escape(text))


def read_self_instruct(path: Path) -> list[Row]:
    """Seed tasks, one object a line with nested ``instances`` -> ``id``, ``instruction``, ``input``, ``output``."""
    rows = []
    for row in read_table(path, ("instruction",)):
        instances = row.values.get("instances")
        if not isinstance(instances, list) or not instances:
            raise Problem(f"{path} {row.place} has no list 'instances'. For a plain table: task.file_layout=table.")
        for number, instance in enumerate(instances):
            name = row.values.get("id", row.place)
            values = {
                "id": name if len(instances) == 1 else f"{name}.{number}",
                "instruction": row.values.get("instruction"),
                "input": instance.get("input", ""),
                "output": instance.get("output"),
            }
            rows.append(Row(row.place, values))
    return rows


LAYOUTS: dict[str, Callable[[Path], list[Row]]] = {
    "conll": read_conll,
    "squad": read_squad,
    "xwinograd": read_xwinograd,
    "self_instruct": read_self_instruct,
}
_TEXT = (".tsv", ".tab", ".txt")
LAYOUT_ENDINGS = {
    "conll": (*_TEXT, *CONLL),
    "squad": (".json",),
    "xwinograd": _TEXT,
    "self_instruct": (".jsonl", ".ndjson", ".json"),
}
