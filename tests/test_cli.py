"""The command mslt: quick help, errors without traceback."""

import dataclasses
import importlib
import re
import subprocess
import sys
import types

import pytest

from mslt_it import cli
from mslt_it.command import Call, Command, help_text
from mslt_it.commands.train import COMMAND
from mslt_it.config.files import list_files, list_groups
from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import keys
from mslt_it.problems import Problem

# numpy may be: it takes 0.04 s.
HEAVY = ("torch", "transformers", "hydra", "omegaconf", "pandas", "scipy", "datasets", "rich")


def test_help_imports_nothing_heavy() -> None:
    """Of no command."""
    code = (
        "import sys; from mslt_it import cli; from mslt_it.commands import COMMANDS; "
        "codes = {cli.main(line) for line in (['--help'], ['--version'], *([name, '--help'] for name in COMMANDS))}; "
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules], codes)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED [] {0}"


@pytest.mark.parametrize(
    ("command", "wrong", "told"),
    [
        ("train", "sources=[tr]", "overlap: tr."),
        ("data", "sources=[tr]", "overlap: tr."),
        (
            "train",
            "adapter.target_modules=[q_proj,v_prj]",
            "'v_prj' is not a linear module of world. Did you mean",
        ),
    ],
)
def test_a_wrong_recipe_is_answered_without_torch(command: str, wrong: str, told: str) -> None:
    code = (
        f"import sys; from mslt_it import cli; code = cli.main(['{command}', 'recipe=xnli_3src', {wrong!r}]); "
        "print([m for m in ('torch', 'transformers') if m in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "[] 2" and told in done.stderr


def test_help_names_every_key_recipe_and_option() -> None:
    text = help_text(COMMAND)
    first = {words[0].partition("=")[0] for line in text.splitlines() if (words := line.split())}
    assert {name for name, key in keys(Recipe).items() if key.in_help} <= first
    assert {*list_files(), *(option for group in list_groups().values() for option in group)} <= set(text.split())
    assert "  training.learning_rate=0.002" in text and "[rows; above 0, or max]" in " ".join(text.split())
    assert "adapter.rank" not in help_text(importlib.import_module("mslt_it.commands.data").COMMAND)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["trian"], "error: Unknown command 'trian'. Did you mean 'train'? Known: combine, completion, data, "),
        (["recipes", "--config-dir", "/nowhere/at/all"], "error: --config-dir: '/nowhere/at/all' is not a folder."),
        (["recipes", "all"], "error: Argument 'all' is one too many."),
        (["tasks", "xnlii"], "error: Unknown task 'xnlii'. Did you mean 'xnli'?"),
        (["tasks", "language=th"], "error: language has no effect without a task. Write mslt tasks xnli language=th."),
    ],
)
def test_problems_are_one_line_and_exit_2(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(text)
    assert captured.err.count("\n") == 1 and captured.out == ""


@pytest.mark.parametrize("command", ["train", "data", "world"])
def test_commands_are_passed_on(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[list[str]] = []
    module = types.ModuleType(cli.COMMANDS[command][0])
    options = importlib.import_module("mslt_it.commands.recipes").Options

    def noted(call: Call) -> int:
        seen.append(list(call.rest))
        return 0

    declared = Command(command, "", ("",), ("mslt",), options, noted, is_handed_on=lambda name: True)
    module.COMMAND = declared  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(cli.importlib, "import_module", lambda name: sys.modules[name])
    assert cli.main([command, "recipe=xnli_3src", "scale=small"]) == 0
    assert seen == [["recipe=xnli_3src", "scale=small"]]

    def fails(call: Call) -> int:
        raise Problem("nothing to do")

    module.COMMAND = dataclasses.replace(declared, run=fails)  # type: ignore[attr-defined]
    assert cli.main([command]) == 2
    assert capsys.readouterr().err == "error: nothing to do\n"


def test_recipes_are_listed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.main(["recipes"]) == 0
    shown = capsys.readouterr().out
    for name in ("recipe=xnli_3src", "scale=paper", "task=xnli", ".[quantization]"):
        assert name in shown


def test_a_task_is_shown_with_its_prompts(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for name, said in {
        "xnli": (
            "CC BY-NC 4.0",
            "task.data=facebook/xnli",
            "Yes / Maybe / No",
            "ใช่ / บอกไม่ได้ / ไม่ใช่",
            "Conneau et al.",
        ),
        "wikiann": ("none stated upstream: see its page", "PER, ORG, LOC", "span_f1", "token TAB tag"),
        "custom": ("found in the rows", "task.instruction"),
    }.items():
        assert cli.main(["tasks", name]) == 0
        shown = capsys.readouterr().out
        assert all(text in shown for text in said)
    for name in set(list_groups()["task"]) - {"custom"}:
        assert cli.main(["tasks", name]) == 0
        (code,) = re.findall(r"^  prompts in +(\w+)", capsys.readouterr().out, re.M)
        assert cli.main(["tasks", name, f"language={code}"]) == 0
        assert "template 0" in capsys.readouterr().out, name
    assert cli.main(["tasks", "xcopa", "language=th"]) == 0
    shown = capsys.readouterr().out
    assert "template 0" in shown and "(of 1 = first, 2 = second)" in shown
    assert cli.main(["tasks"]) == 0
    assert set(list_groups()["task"]) <= set(capsys.readouterr().out.split())
