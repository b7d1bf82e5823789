"""A command's words, KEY=VALUE and flags: every kind of value, what is refused and how it is said, the help."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from mslt_it import cli
from mslt_it.command import Command, help_text, parse
from mslt_it.config.compose import load_recipe
from mslt_it.config.schema import key
from mslt_it.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of every kind."""

    runs: tuple[str, ...] = key(help="run folders", example="[A,B]", missing="what training printed last")
    out: str = key(help="folder to write", example="DIR")
    dtype: str = key("bfloat16", "of the weights", choices=("bfloat16", "float32"))
    format: tuple[str, ...] = key(("plain",), "what to write", choices=("plain", "fancy"), names=("plain", "fancy"))
    rows: int = key(32, "compared", unit="rows per language", at_least=0)
    share: float | None = key(None, "of the rows", shown="all of them")
    private: bool = key(False, "for yourself")
    cost: Mapping[str, float] = key({}, "per language", example="{ar:2,zh:1.5}")
    codes: Mapping[str, str] = key({}, "other codes", example="{ar:arb}")


COMBINE = Command("combine", "Combine.", ("runs=[A,B] out=DIR",), ("mslt combine x",), Options, flags=("--json",))
NEEDED = ["runs=[a,b]", "out=x"]


def test_values_have_their_kinds_and_defaults() -> None:
    call = parse(COMBINE, NEEDED)
    assert call.options == Options(runs=("a", "b"), out="x")
    assert call.given == {"runs", "out"} and not call.flags and not call.rest and not call.as_json
    given = [
        "runs=[ a ,'b c',\"d=e\"]", "out=x=y", "format=fancy", "rows=0", "share=5e-1", "private=TRUE",
        "cost={ar:2, zh : 1.5}", "codes={ar:arb}", "--json",
    ]  # fmt: skip
    call = parse(COMBINE, given)
    assert call.as_json and call.options == Options(
        runs=("a", "b c", "d=e"), out="x=y", format=("fancy",), rows=0, share=0.5, private=True,
        cost={"ar": 2.0, "zh": 1.5}, codes={"ar": "arb"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["out=x"], "runs is missing: what training printed last. Write mslt combine 'runs=[A,B]' out=DIR."),
        ([*NEEDED, "dtyp=float32"], "Unknown key 'dtyp'. Did you mean 'dtype'? Known: codes, cost, "),
        ([*NEEDED, "--jsn"], "Unknown option '--jsn'. Did you mean '--json'? Known: --help, --json."),
        ([*NEEDED, "-x"], "Unknown option '-x'. Known: --help, --json."),
        ([*NEEDED, "--out"], "Unknown option '--out'. Write out=VALUE, without dashes."),
        ([*NEEDED, "private"], "Argument 'private' is not KEY=VALUE. Write private=VALUE."),
        (["fast", *NEEDED], "Argument 'fast' is not KEY=VALUE. Write mslt combine 'runs=[A,B]' out=DIR. Known: runs, "),
        (
            ["out=my", "own", "folder", "runs=[a]"],
            "Argument 'own' is not KEY=VALUE. If the shell split one argument in two, quote it: 'out=my own folder'.",
        ),
        ([*NEEDED, "out=y"], "out is given twice: 'x' and 'y'. Keep one."),
        ([*NEEDED, "rows="], "rows= has no value. Leave it out for the default (32)."),
        ([*NEEDED, "share= "], "share= has no value. Leave it out for the default (all of them)."),
        (["out="], "out= has no value. Folder to write."),
        (["runs=a"], "runs=a is not a list. Write runs=[A,B], quoted for the shell."),
        (["runs=[]"], "runs=[] is empty. Write runs=[A,B]."),
        (["runs=[a,]"], "runs: an item is empty. Remove the extra comma."),
        (["format=plane"], "format: 'plane' is unknown. Did you mean 'plain'? Known: fancy, plain."),
        (["format=[plane]"], "format: 'plane' is unknown. Did you mean 'plain'? Known: fancy, plain."),
        (["dtype=float23"], "dtype=float23 is unknown. Did you mean 'float32'? Known: bfloat16, float32."),
        (["rows=3.5"], "rows=3.5 is not a whole number."),
        (["rows=-1"], "rows=-1 is out of range. It must be at least 0."),
        (["share=much"], "share=much is not a number."),
        (["share=inf"], "share=inf is not a finite number."),
        (["private=yes"], "private=yes is neither true nor false."),
        (["cost=ar:2"], "cost=ar:2 is not a mapping. Write cost={ar:2,zh:1.5}, quoted for the shell."),
        (["cost={ar}"], "cost={ar} is not a mapping. Write cost={ar:2,zh:1.5}, quoted for the shell."),
        (["codes={ar:}"], "codes: 'ar' has no value. Write {ar:VALUE}."),
        (["cost={ar:x}"], "cost of ar=x is not a number."),
        (["codes={ar:a,ar:b}"], "codes: 'ar' is given twice. Remove one."),
    ],
)
def test_mistakes_name_key_value_and_remedy(arguments: list[str], text: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(COMBINE, arguments)
    assert str(caught.value).startswith(text)


def test_a_list_that_the_shell_has_cut_is_shown_in_quotes() -> None:
    command = importlib.import_module(cli.COMMANDS["train"][0]).COMMAND
    with pytest.raises(Problem, match=r"^Argument 'de,' is .* quote it: 'sources=\[ar, de, zh\]'\.$"):
        parse(command, ["recipe=xnli_3src", "sources=[ar,", "de,", "zh]", "targets=[tr]"])


def test_keys_of_a_recipe_are_handed_on() -> None:
    own = Command("eval", "", ("",), ("mslt eval",), Options, is_handed_on=lambda name: "." in name, others=("seeds",))
    call = parse(own, ["task.data=rows.csv", *NEEDED, "seeds=[1]"])
    assert call.rest == ("task.data=rows.csv", "seeds=[1]") and call.options.out == "x"
    with pytest.raises(Problem, match=r"Unknown key 'seed'\. Did you mean 'seeds'\?"):
        parse(own, ["seed=1"])


def test_words_stand_for_keys_in_their_order() -> None:
    own = Command("tasks", "", ("",), ("mslt tasks",), Options, words=("out",), flags=("--config-dir",))
    call = parse(own, ["x", "runs=[a]", "--config-dir", "my"])
    assert call.options.out == "x" and call.config_dir == "my"
    with pytest.raises(Problem, match=r"^Argument 'y' is one too many\."):
        parse(own, ["x", "y"])
    with pytest.raises(Problem, match=r"^Argument 'x' is one too many\. Write for example mslt recipes\.$"):
        parse(importlib.import_module(cli.COMMANDS["recipes"][0]).COMMAND, ["x"])


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_help_fits_its_width_and_its_examples_are_arguments_of_the_command(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    command = importlib.import_module(cli.COMMANDS[name][0]).COMMAND
    text = help_text(command)
    wide = [line for line in text.splitlines() if len(line) > columns]
    assert [line for line in wide if not line.startswith(("  mslt ", "usage:"))] == []
    assert text.count("(") == text.count(")")
    for leak in ("FrozenDict", "tuple[", "Mapping[", "| None", "<class"):
        assert leak not in text
    assert 2 <= len(command.examples) <= 3
    for example in command.examples:
        program, called, *arguments = shlex.split(example)
        assert (program, called) == ("mslt", name)
        parse(command, arguments)
        for run in (a for a in arguments if "runs/xnli_3src-" in a):
            assert load_recipe("xnli_3src").run_fingerprint() in run, "the run that the first command makes"
