from pathlib import Path

import pytest

from mslt_it.config.files import list_groups
from mslt_it.data.task_table import BEGIN, markdown, replaced
from mslt_it.problems import Problem

DOCUMENT = Path(__file__).parents[2] / "docs" / "tasks.md"


def test_the_table_in_the_docs_is_the_one_that_the_task_files_make() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert replaced(text, DOCUMENT) == text, "run: python -m mslt_it.data.task_table docs/tasks.md"
    assert len(markdown().split("\n")) == 2 + len(list_groups()["task"])


def test_a_document_without_the_marks_is_refused() -> None:
    with pytest.raises(Problem, match=r"a\.md has no place for the table"):
        replaced(f"text {BEGIN}", Path("a.md"))
