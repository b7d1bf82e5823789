"""KEY=VALUE arguments: every kind of value, what is refused and how it is said, the help."""

from __future__ import annotations

import pytest

from mslt_it.arguments import Option, help_lines, parse, wants_help
from mslt_it.problems import Problem

OPTIONS = {
    "runs": Option(None, "run folders", is_list=True, required=True, example="[A,B]"),
    "out": Option(None, "folder to write", required=True, example="DIR"),
    "dtype": Option("bfloat16", "of the weights", choices=("bfloat16", "float32")),
    "format": Option("[plain]", "what to write", is_list=True, choices=("plain", "fancy"), names=("plain", "fancy")),
    "rows": Option("32", "compared", kind="int", what="a number of rows", at_least=0),
    "share": Option(None, "of the rows", kind="float", shown="all of them"),
    "private": Option("false", "for yourself", kind="bool"),
    "cost": Option("{}", "per language", kind="map"),
    "codes": Option(None, "other codes", kind="text_map"),
}
NEEDED = ["runs=[a,b]", "out=x"]


def test_values_have_their_kinds_and_defaults() -> None:
    parsed = parse(NEEDED, "combine", OPTIONS)
    assert parsed.values == {
        "runs": ["a", "b"], "out": "x", "dtype": "bfloat16", "format": ["plain"], "rows": 32, "share": None,
        "private": False, "cost": {}, "codes": None,
    }  # fmt: skip
    assert parsed.given == {"runs": ["a", "b"], "out": "x"} and parsed["rows"] == 32
    assert not parsed.flags and not parsed.rest and not parsed.as_json
    given = [
        "runs=[ a ,'b c',\"d=e\"]", "out=x=y", "format=fancy", "rows=0", "share=5e-1", "private=TRUE",
        "cost={ar:2, zh : 1.5}", "codes={ar:arb}", "--json",
    ]  # fmt: skip
    parsed = parse(given, "combine", OPTIONS, ["--json"])
    assert parsed.as_json and parsed.given == {
        "runs": ["a", "b c", "d=e"], "out": "x=y", "format": ["fancy"], "rows": 0, "share": 0.5, "private": True,
        "cost": {"ar": 2.0, "zh": 1.5}, "codes": {"ar": "arb"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["out=x"], "runs is missing. Write mslt combine 'runs=[A,B]' out=DIR."),
        ([*NEEDED, "dtyp=float32"], "Unknown key 'dtyp'. Did you mean 'dtype'? Known: codes, cost, "),
        ([*NEEDED, "--jsn"], "Unknown option '--jsn'. Did you mean '--json'? Known: --help, --json."),
        ([*NEEDED, "-x"], "Unknown option '-x'. Known: --help, --json."),
        ([*NEEDED, "private"], "Argument 'private' is not KEY=VALUE. Write for example 'runs=[A,B]' out=DIR. Known: "),
        ([*NEEDED, "out=y"], "out is given twice. Keep one."),
        ([*NEEDED, "rows="], "rows= has no value. Leave it out for the default (32)."),
        ([*NEEDED, "share= "], "share= has no value. Leave it out for the default (all of them)."),
        (["out="], "out= has no value. Folder to write."),
        (["runs=a"], "runs=a is not a list. Write runs=[A,B], quoted for the shell."),
        (["runs=[]"], "runs=[] is empty. Write runs=[A,B]."),
        (["runs=[a,]"], "runs: an item is empty. Remove the comma too much."),
        (["format=plane"], "format=plane is not a list or a name (plain, fancy). Write format=[plane], quoted"),
        (["format=[plane]"], "format: 'plane' is unknown. Did you mean 'plain'? Known: fancy, plain."),
        (["dtype=float23"], "dtype=float23 is unknown. Did you mean 'float32'? Known: bfloat16, float32."),
        (["rows=3.5"], "rows=3.5 is not a number of rows."),
        (["rows=-1"], "rows=-1 is out of range. It must be 0 or more."),
        (["share=much"], "share=much is not a number."),
        (["share=inf"], "share=inf is not a finite number."),
        (["private=yes"], "private=yes is neither true nor false."),
        (["cost=ar:2"], "cost=ar:2 is not a map. Write for example cost={ar:2,zh:1.5}, quoted for the shell."),
        (["cost={ar}"], "cost={ar} is not a map. Write for example cost={ar:2,zh:1.5}, quoted for the shell."),
        (["codes={ar:}"], "codes: 'ar' has no value. Write {ar:VALUE}."),
        (["cost={ar:x}"], "cost of ar=x is not a number."),
        (["codes={ar:a,ar:b}"], "codes: 'ar' is given twice. Remove one."),
    ],
)
def test_mistakes_name_key_value_and_remedy(arguments: list[str], text: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(arguments, "combine", OPTIONS, ["--json"])
    assert str(caught.value).startswith(text)


def test_unknown_keys_may_be_handed_on() -> None:
    parsed = parse(["task.data=rows.csv", *NEEDED, "sources=[a,b]"], "eval", OPTIONS, rest=True)
    assert parsed.rest == ("task.data=rows.csv", "sources=[a,b]") and parsed["out"] == "x"
    with pytest.raises(Problem, match="'task' is not KEY=VALUE"):
        parse(["task", *NEEDED], "eval", OPTIONS, rest=True)


def test_an_example_of_ones_own() -> None:
    with pytest.raises(Problem, match=r"^Argument 'a' is not KEY=VALUE\. Write for example k=3\. Known: k\.$"):
        parse(["a"], "select", {"k": Option("2", "languages", kind="int")}, example="k=3")
    with pytest.raises(Problem, match=r"Write for example k=2\. Known: k\.$"):
        parse(["a"], "select", {"k": Option("2", "languages", kind="int")})


def test_what_is_missing_may_have_words_of_its_own() -> None:
    options = {"run": Option(None, "a folder", required=True, missing="run= is missing: what training printed last.")}
    with pytest.raises(Problem, match=r"^run= is missing: what training printed last\. Write mslt merge run=RUN\.$"):
        parse([], "merge", options)


def test_the_help_is_aligned_and_tells_every_default() -> None:
    lines = help_lines(OPTIONS, {"--json": "print JSON"})
    assert [line.split()[0] for line in lines] == [*OPTIONS, "--json"]
    assert lines[0].split()[1:3] == ["list", "(required)"] and "all of them" in lines[5]
    ends = ["run folders", "folder to write", "of the weights", "what to write", "compared"]
    assert len({line.index(end) for line, end in zip(lines, ends, strict=False)} | {lines[-1].index("print")}) == 1
    assert wants_help(["a=1", "-h"]) and not wants_help(["help=1"])


def test_an_option_of_no_known_kind_is_a_mistake_of_ours() -> None:
    for wrong in ({"kind": "number"}, {"kind": "int", "is_list": True}):
        with pytest.raises(ValueError, match="kind="):
            Option(None, "text", **wrong)  # type: ignore[arg-type]
