"""What bash offers after `mslt`, asked of bash itself."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from mslt_it import cli
from mslt_it.commands import COMMANDS
from mslt_it.commands.completion import script
from mslt_it.config.files import list_files

bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")

SCALES = ("encoder_small", "large", "mbert", "mini", "mt5_base", "paper", "small", "tiny", "xlmr_base", "xlmr_large")


def offered(line: str) -> list[str]:
    """As readline calls it: words are also ended by "="."""
    words = line.replace("=", " = ").split(" ")
    asked = f"""{script("bash")}
COMP_LINE={line!r}; COMP_POINT={len(line)}
COMP_WORDS=({" ".join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}
_mslt; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert not done.stderr
    return [one for one in done.stdout.splitlines() if one]


@bash
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mslt tr", ["train"]),
        ("mslt e", ["eval", "export"]),
        ("mslt train training.learning_r", ["training.learning_rate="]),
        ("mslt train recipe=xnli_1", ["xnli_1src"]),
        ("mslt train recipe=xnli_1src sca", [f"scale={name}" for name in SCALES]),
        ("mslt eval backend=", ["transformers", "vllm"]),
        ("mslt select --js", ["--json"]),
        ("mslt completion shell=z", ["zsh"]),
        ("mslt nothing a", []),
    ],
)
def test_bash_offers(line: str, expected: list[str]) -> None:
    assert offered(line) == expected


def test_every_command_and_recipe_is_in_both(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in ("bash", "zsh"):
        assert cli.main(["completion", shell]) == 0
        text = capsys.readouterr().out
        assert all(f"    {name}) found=" in text for name in COMMANDS)
        assert all(f"recipe={name} " in text for name in list_files())


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "fish"]) == 2
    assert "shell=fish is unknown." in capsys.readouterr().err
