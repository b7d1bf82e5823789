"""Local files that are no tables, as their authors publish them: CoNLL columns, SQuAD's JSON, XWinograd's TSV of JSON
columns, and self-instruct's nested instances. Each reader turns a file into ``Row``s with one plain value per column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mslt_it.data.files import Row, decode, read_table
from mslt_it.problems import Problem


def read_layout(layout: str, path: Path, columns: Sequence[str]) -> tuple[Row, ...]:
    """The rows of a file; ``columns`` names those of a table without a header."""
    if layout == "table":
        return read_table(path, columns)
    rows = tuple(LAYOUTS[layout](path))
    if not rows:
        raise Problem(f"{path} holds no data rows. Put the data there again, or point task.data elsewhere.")
    return rows


def read_conll(path: Path) -> list[Row]:
    """Token TAB tag, a blank line between sentences -> ``tokens``, ``ner_tags`` (lists of equal length).

    A file without the second column gives ``ner_tags`` None: it may be read, not scored.
    """
    rows: list[Row] = []
    start, sentence = 0, list[list[str]]()
    lines = decode(path).split("\n")
    for number, line in enumerate([*lines, ""], 1):
        line = line.removesuffix("\r")
        if line.strip(" "):
            start = start or number
            cells = line.split("\t")
            if len(cells) > 2:
                raise Problem(
                    f"{path} line {number} has {len(cells)} columns; a line is a token, a tab and its tag. "
                    "Keep these two columns."
                )
            sentence.append([cells[0], cells[1].strip() if len(cells) == 2 else ""])
        elif sentence:
            tokens, tags = [cells[0] for cells in sentence], [cells[1] for cells in sentence]
            if any(tags) and not all(tags):
                at = start + tags.index("")
                raise Problem(f"{path} line {at} has a token without a tag. Tag it (O for none) or remove the line.")
            rows.append(Row(f"line {start}", {"tokens": tokens, "ner_tags": tags if all(tags) else None}))
            start, sentence = 0, []
    return rows


def read_squad(path: Path) -> list[Row]:
    """SQuAD's nesting (data, paragraphs, qas) -> ``id``, ``context``, ``question``, ``answers`` (list of texts).

    Offsets count characters; an answer that is not at its offset is a Problem, since then the context is another text.
    """
    content = _parsed(path, decode(path))
    if isinstance(content, dict) and isinstance(content.get("data"), list):
        articles = content["data"]
    else:
        raise Problem(
            f"{path} is not in SQuAD's layout: no list under 'data'. For a plain table: task.file_layout=table."
        )
    rows = []
    for article_number, article in enumerate(articles):
        for paragraph in article.get("paragraphs", []):
            for question in paragraph.get("qas", []):
                place = f"article {article_number + 1}, question {question.get('id')}"
                answers = question.get("answers") or []
                for answer in answers:
                    _check_offset(path, place, paragraph["context"], answer)
                values = {
                    "id": question.get("id"),
                    "context": paragraph["context"],
                    "question": question.get("question"),
                    "answers": [answer["text"] for answer in answers],
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
    """Seven TAB columns, the last three JSON -> ``sentence`` (the pronoun as "_"), ``option1``, ``option2``,
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
        tokens, pronoun, options = (_parsed(path, cell, number) for cell in cells[4:])
        if len(options) != 2 or sum(bool(option[3]) for option in options) != 1:
            raise Problem(f"{path} line {number} needs two options of which one is right, not {cells[6][:120]}.")
        values = {
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
    matched = re.fullmatch(rf"\s*{before}\s*({own})\s*{after}\s*", sentence)
    places = [matched.span(1)] if matched else []
    if not places:
        found = list(re.finditer(rf"(?<!\w){own}(?!\w)", sentence)) or list(re.finditer(own, sentence))
        number = sum(tokens[i : i + end - start] == tokens[start:end] for i in range(start))
        places = [match.span() for match in found[number : number + 1]]
    for first, last in places:
        return f"{sentence[:first]}_{sentence[last:]}".strip()
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


def _parsed(path: Path, text: str, line: int = 0) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Problem(f"{path} line {line or error.lineno} is not valid JSON: {error.msg}.") from error
