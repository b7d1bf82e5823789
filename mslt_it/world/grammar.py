"""What every language of the world must offer, and how its words become text."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mslt_it.world.concepts import Clause

GLUE = "+"


class Grammar(ABC):
    """One language: its words and how it builds statements, questions and facts.

    Methods return lists of words in reading order, without final punctuation and without capital letters at
    the start. A word that ends in ``+`` is written together with the next one (``l'+`` ``homme`` -> ``l'homme``), one
    that starts with ``+`` with the previous one (``개`` ``+가`` -> ``개가``). Scripts without spaces need no marks.
    """

    code: str  # BCP-47
    spaces: bool = True
    full_stop: str = "."
    question_open: str = ""
    question_mark: str = "?"
    sentence_space: str = " "  # between two sentences
    yes: str
    no: str
    maybe: str

    @abstractmethod
    def statement(self, clause: Clause) -> list[str]:
        """The clause as a statement."""

    @abstractmethod
    def question(self, clause: Clause) -> list[str]:
        """The clause as a yes/no question."""

    @abstractmethod
    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        """``a dog is an animal``"""

    @abstractmethod
    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        """``big is the opposite of small``"""

    @abstractmethod
    def citation(self, concept: str) -> list[str]:
        """The dictionary form of a noun, class noun, verb, adjective, place (as a noun) or number ("2".."5")."""

    def sentence(self, words: list[str]) -> str:
        """Words -> a written statement."""
        return self.capital(self.join(words)) + self.full_stop

    def ask(self, words: list[str]) -> str:
        """Words -> a written question."""
        return self.question_open + self.capital(self.join(words)) + self.question_mark

    def capital(self, text: str) -> str:
        """The text with its first letter in upper case (Turkish overrides it: i -> İ)."""
        return text[:1].upper() + text[1:]

    def join(self, words: list[str]) -> str:
        """Words -> running text with this language's spacing."""
        if not all(words):
            raise ValueError(f"{self.code}: an empty word in {words}")
        text = (" " if self.spaces else "").join(words)
        return text.replace(f" {GLUE}", "").replace(f"{GLUE} ", "").replace(GLUE, "") if GLUE in text else text
