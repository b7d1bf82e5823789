"""Repositories of data sets for a server of the tests."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow
import pyarrow.parquet

LANGUAGES = ("en", "fr")
READ = "from mslt_it.data.hub import read_hub\n"
SPLITS = {"train": 6, "validation": 2, "test": 4}


def parquet(rows: list[dict[str, Any]], **names: list[str]) -> bytes:
    """``names``: what the integers of a column are called."""
    buffer, table = io.BytesIO(), pyarrow.Table.from_pylist(rows)
    if names:
        features = {column: {"names": found, "_type": "ClassLabel"} for column, found in names.items()}
        rest = {column: {"dtype": "string", "_type": "Value"} for column in table.column_names if column not in names}
        note = json.dumps({"info": {"features": {column: (features | rest)[column] for column in table.column_names}}})
        table = table.replace_schema_metadata({"huggingface": note})
    pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue()


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def pairs(language: str, number: int, mark: str = "") -> list[dict[str, Any]]:
    """Rows in XNLI's shape; ``mark`` tells one commit's from another's."""
    return [
        {"premise": f"{language}{mark} {i}", "hypothesis": f"hypothesis {i}", "label": i % 3} for i in range(number)
    ]


def card(configs: tuple[str, ...], splits: dict[str, int]) -> str:
    """A README whose header lists one configuration per language, as data sets without a script carry it."""
    text = "---\nconfigs:\n"
    for config in configs:
        text += f"- config_name: {config}\n  data_files:\n"
        text += "".join(f"  - split: {split}\n    path: {config}/{split}-*\n" for split in splits)
    return text + "---\n# A data set\n"


def inference_files(mark: str) -> dict[str, bytes | str]:
    """The layout of a data set that is stored as Parquet, one folder per configuration."""
    files: dict[str, bytes | str] = {"README.md": card(LANGUAGES, SPLITS)}
    for language in LANGUAGES:
        for split, number in SPLITS.items():
            files[f"{language}/{split}-00000-of-00001.parquet"] = parquet(pairs(language, number, mark))
    return files
