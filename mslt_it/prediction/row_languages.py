"""In which language a row is asked: by a column, by one code for all, or by its script and its commonest words."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from mslt_it.config.recipe import Recipe
from mslt_it.data.files import language_column
from mslt_it.data.labels import as_text, is_marker, not_text
from mslt_it.data.prompts import prompt_file
from mslt_it.evaluation.answers.language import is_in_language
from mslt_it.evaluation.measures import check_languages
from mslt_it.languages import likely_script, read_code, script_name, script_of_text, serving, validate_code
from mslt_it.problems import Problem, nearest


class RowLanguages:
    """How the languages of a table's rows are found; ``how`` says it. ``names``: the table's columns; ``asked``: one of
    these or a code; None: found."""

    def __init__(self, recipe: Recipe, names: Sequence[str], asked: str | None) -> None:
        self.recipe = recipe
        self.known = tuple(dict.fromkeys((*recipe.languages, *recipe.unlabelled)))
        self._reason_of, self._prompt_of = functools.cache(self._cannot_be_asked), functools.cache(self._words_of)
        self.column = asked if asked in names else None
        self.code = ""
        if asked is None:
            self.column = language_column(names, (*recipe.task.input_fields, recipe.task.label_field))
        elif self.column is None:
            try:
                self.code = validate_code(asked)
            except Problem as problem:
                raise Problem(
                    f"language={asked} is neither a column of the table nor a language. {nearest(asked, names)} "
                    f"{problem}"
                ) from None
            if reason := self._reason_of(self.code):
                raise Problem(f"language={asked}: {reason}")
        self._of_spelling = functools.lru_cache(maxsize=4096)(self._read)

    @property
    def how(self) -> str:
        """What is said of it."""
        if self.code:
            return f"Language of every row: {self.code} (language=)."
        if self.column is not None:
            return f"Language of each row: by column '{self.column}'."
        return (
            "Language of each row: none is given, so by its script and commonest words, "
            f"among {', '.join(self.known)}. language=COLUMN or language=CODE sets it."
        )

    def of(self, values: Mapping[str, Any], texts: Sequence[str]) -> tuple[str, str]:
        """(code, why there is none) of a row; ``texts``: what is asked about."""
        if self.code:
            return self.code, ""
        if self.column is None:
            return self._found(" ".join(texts))
        cell = values.get(self.column)
        spelling = "" if not_text(cell) else as_text(cell).strip()
        return self._of_spelling(spelling) if spelling else ("", "language_missing")

    def _read(self, spelling: str) -> tuple[str, str]:
        own = [code for code in self.known if spelling in (code, self.recipe.task.config_name(code))]
        own = own or [code for code in self.known if read_code(spelling) == code]
        own = own or [code for code in self.known if serving(code, [spelling], "")]
        if not own and is_marker(spelling):  # "NA" and "nan" are codes, too
            return "", "language_missing"
        code = own[0] if own else read_code(spelling)
        if code is None:
            return "", f"language_unknown: {spelling[:40].encode(errors='backslashreplace').decode()}"
        reason = self._reason_of(code)
        return ("", reason) if reason else (code, "")

    def _found(self, text: str) -> tuple[str, str]:
        script = script_of_text([text])
        if script is None:
            return "", "language_not_found: no letters"
        fitting = [code for code in self.known if likely_script(code) == script]
        if not fitting:
            return "", f"language_not_found: written in {script_name(script)}"
        if len(fitting) > 1 and len({self._prompt_of(code) for code in fitting}) > 1:
            fitting = [code for code in fitting if _is_in(text, code)] or fitting
            if len(fitting) > 1:
                return "", f"language_not_found: {' or '.join(fitting)}"
        reason = self._reason_of(fitting[0])
        return ("", reason) if reason else (fitting[0], "")

    def _words_of(self, code: str) -> tuple[Any, ...]:
        """In which rows of a language are asked; of languages with the same ones it does not matter which it is."""
        file = prompt_file(self.recipe.task, code, self.recipe.prompt)
        return file.templates, tuple(file.labels.items())

    def _cannot_be_asked(self, code: str) -> str:
        """Why rows of the language cannot be asked; "" where they can."""
        try:
            prompt_file(self.recipe.task, code, self.recipe.prompt)
            check_languages(self.recipe.task.metric, (code,))
        except Problem as problem:
            return f"no_prompt: {problem}"
        return ""


def _is_in(text: str, code: str) -> bool:
    try:
        return is_in_language(text, code) is True
    except Problem:  # its commonest words are not known
        return False
