"""The command mslt: quick help, errors without traceback."""

import subprocess
import sys
import types

import pytest

from mslt_it import cli
from mslt_it.overrides import keys
from mslt_it.problems import Problem
from mslt_it.recipe_files import list_groups, list_recipes
from mslt_it.recipe_help import help_text

HEAVY = ("torch", "transformers", "hydra", "omegaconf", "numpy", "datasets", "rich", "langcodes")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["data", "-h"], ["--version"], ["recipes", "--help"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from mslt_it import cli; "
        f"code = cli.main({arguments!r}); "
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED [] 0"


def test_loading_a_recipe_imports_no_torch() -> None:
    code = (
        "import sys; from mslt_it.recipe import load_recipe; load_recipe('xnli_3src'); "
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_key_recipe_and_option() -> None:
    lines = [line.split() for line in help_text("train", "train").splitlines()]
    first = {words[0] for words in lines if words}
    assert set(keys()) <= first
    assert set(list_recipes()) <= first
    assert {option for group in list_groups().values() for option in group} <= first
    assert ["training.learning_rate", "float", "2e-3"] in [words[:3] for words in lines]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["trian"], "error: Unknown command 'trian'. Did you mean 'train'? Known: combine, data, "),
        (["recipes", "--config-dir", "/nowhere/at/all"], "error: --config-dir: '/nowhere/at/all' is not a folder."),
        (["recipes", "all"], "error: Unknown argument 'all'."),
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
    module.main = lambda argv: seen.append(argv)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(cli.importlib, "import_module", lambda name: sys.modules[name])
    assert cli.main([command, "recipe=xnli_3src", "scale=small"]) == 0
    assert seen == [["recipe=xnli_3src", "scale=small"]]

    def fails(argv: list[str]) -> None:
        raise Problem("nothing to do")

    module.main = fails  # type: ignore[attr-defined]
    assert cli.main([command]) == 2
    assert capsys.readouterr().err == "error: nothing to do\n"


def test_recipes_are_listed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.main(["recipes"]) == 0
    shown = capsys.readouterr().out
    for name in ("recipe=xnli_3src", "scale=paper", "task=xnli", "mslt_it[quantization]"):
        assert name in shown
