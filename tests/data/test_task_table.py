import runpy
from pathlib import Path

import pytest

from mslt_it.config.files import list_groups
from mslt_it.problems import Problem

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "tasks.md"
TABLE = runpy.run_path(str(ROOT / ".ci" / "task_table.py"))


def test_the_table_in_the_docs_is_the_one_that_the_task_files_make() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert TABLE["replaced"](text, DOCUMENT) == text, "run: python .ci/task_table.py docs/tasks.md"
    assert len(TABLE["markdown"]().split("\n")) == 2 + len(list_groups()["task"])


def test_a_document_without_the_marks_is_refused() -> None:
    with pytest.raises(Problem, match=r"a\.md has no place for the table"):
        TABLE["replaced"](f"text {TABLE['BEGIN']}", Path("a.md"))
