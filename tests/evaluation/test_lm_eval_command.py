"""The `lm_eval` command as the documentation gives it finds what `mslt eval` finds."""

from __future__ import annotations

import json
import re
import shlex
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from tiny_eval import call

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import ModelConfig
from mslt_it.data.encoding import Encoder
from mslt_it.integrations.lm_eval_tasks import write_scored_set
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.records import Message
from mslt_it.world.mini_model import weights_dir

pytest.importorskip("lm_eval")

ROOT = Path(__file__).resolve().parents[2]
COMMAND = re.compile(r"^(?:[A-Z_]+=\S+ )?lm_eval --model .*$", re.MULTILINE)


def commands() -> dict[str, list[str]]:
    """Document -> the commands in it."""
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return {path.name: COMMAND.findall(path.read_text(encoding="utf-8")) for path in documents}


def test_every_command_in_the_documentation_asks_in_the_models_own_form() -> None:
    found = commands()
    assert found["README.md"] and found["eval.md"]
    for command in (command for several in found.values() for command in several):
        assert "--apply_chat_template" in command.split(), command


def score(folder: Path, *flags: str) -> list[dict[str, Any]]:
    """What the command in README writes about each item, on the embedded model."""
    [line] = commands()["README.md"]
    given = [word for word in shlex.split(line) if word != "--apply_chat_template"]
    given[given.index("--model_args") + 1] = f"pretrained={weights_dir()},dtype=float32"
    given[given.index("--include_path") + 1] = str(folder / "tasks")
    given += [*flags, "--device", "cpu", "--output_path", str(folder / "out"), "--log_samples"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", given[given.index("lm_eval") :])
        [command] = entry_points(group="console_scripts", name="lm_eval")
        command.load()()
    [written] = (folder / "out").rglob("samples_*.jsonl")
    return [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]


def test_the_command_of_the_readme_agrees_with_mslt_eval(tmp_path: Path) -> None:
    recipe = load_recipe("xnli_3src", ["scoring.num_examples_per_language=40"])
    write_scored_set(recipe, "tr", tmp_path / "tasks")
    items = score(tmp_path, "--apply_chat_template")
    ours = ["model=world", "task=xnli", "languages=[tr]", "examples=40", "cache=none", f"out={tmp_path / 'ours'}"]
    assert call(*ours) == 0
    found = json.loads((tmp_path / "ours" / "results.json").read_text(encoding="utf-8"))["results"]
    row = next(row for row in found if row["language"] == "tr")
    assert len(items) == row["n"] == 40
    assert sum(item["acc"] for item in items) / 40 == pytest.approx(row["value"])
    encoder = Encoder(load_tokenizer(ModelConfig()), 512)

    def context(item: dict[str, Any]) -> str:
        return str(item["arguments"]["gen_args_0"]["arg_0"])

    for item in items:
        asked = encoder.prompt_ids([Message("user", item["doc"]["prompt"])])
        assert encoder.decode(asked).strip() == context(item).strip()
