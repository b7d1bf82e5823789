"""Placeholders: any column's name works, whatever is left unfilled is an error, and braces of the user's texts stay."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from toy_world import with_prompts

from mslt_it.config.compose import load_recipe
from mslt_it.config.files import list_groups, share_dir
from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.config.schema import FrozenDict
from mslt_it.data import variants
from mslt_it.data.placeholders import fill, literal, placeholders
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.data.variants import chain_form, exemplars, translation_request
from mslt_it.problems import Problem
from mslt_it.records import Example

NAMES = ["customer message", "text-2", "text [en]", "text (original)", "a.b", "a/b", "メッセージ", "نص الرسالة", "संदेश",
         "müşteri", "1", "a{b}", "q: text", "a|b", "a\\b", "$x", "x=y", 'the "text"', "{", "a}b"]  # fmt: skip
HOSTILE = "keep {text} {{x}} {customer message} {} %s ${y} \\1 {0}"


def own(name: str, instruction: str = "", **changes: object) -> TaskConfig:
    values = {"name": "custom", "input_fields": (name,), "label_names": ("a {x}", "b")}
    texts = FrozenDict({"default": instruction} if instruction else {})
    return TaskConfig(**{**values, "instruction": texts, **changes})  # type: ignore[arg-type]


def asked(task: TaskConfig, fields: dict[str, str], label: str = "b") -> str:
    return prompted(Example("1", "en", task.name, "train", fields, label), task, PromptConfig()).messages[-1].content


@pytest.mark.parametrize("name", NAMES)
def test_a_column_of_any_name_reaches_the_prompt(name: str) -> None:
    assert asked(own(name, "What?"), {name: HOSTILE}) == f"What?\n{HOSTILE}\na {{x}} / b"
    assert asked(own(name, f"Is «{{{name}}}» one?"), {name: HOSTILE}) == f"Is «{HOSTILE}» one?\na {{x}} / b"
    both = own(name, "What?", input_fields=(name, "other {z}"))
    shown = asked(both, {name: HOSTILE, "other {z}": "{z}"})
    assert shown == f"What?\n{name}: {HOSTILE}\nother {{z}}: {{z}}\na {{x}} / b"


@pytest.mark.parametrize(
    "bad", ["{custmer message}", "{}", "{ text }", "{Text}", '{"intent": 1}', "{text!r}", "{text\n}"]
)
def test_an_instruction_with_an_unfilled_placeholder_is_refused_and_doubled_braces_are_text(bad: str) -> None:
    with pytest.raises(
        Problem, match=r"(?s)task\.instruction\.default has the unknown placeholder .*double its braces"
    ):
        asked(own("text", f"See {bad}: {{text}}"), {"text": "t"})
    doubled = bad.replace("{", "{{").replace("}", "}}")
    assert asked(own("text", f"See {doubled}: {{text}}"), {"text": "t"}).startswith(f"See {bad}: t\n")


def test_the_nearest_column_is_named() -> None:
    with pytest.raises(Problem, match=r"\{custmer message\}\. Did you mean 'customer message'\?"):
        asked(own("customer message", "{custmer message}"), {"customer message": "t"})


def test_filling() -> None:
    assert fill("{a} {b} {{a}} {{{a}}} {", {"a": "{b}", "b": "x"}) == "{b} x {a} {{b}} {"
    assert fill(literal(HOSTILE), {"text": "never"}) == HOSTILE
    assert placeholders("{a} {{b}}", ["a", "b"], "here") == {"a"}
    with pytest.raises(Problem, match=r"^here has the unknown placeholder \{c\}\."):
        fill("{c}", {"a": ""}, "here")


def files(folder: Path, change: Callable[[dict[str, object]], None]) -> Path:
    content: dict[str, object] = {
        "labels": {"yes": "Yes", "no": "No"},
        "templates": ["{text}\n{mood}"],
        "wording": {"mood": {"calm": "They are calm."}},
    }
    change(content)
    (folder / "toy").mkdir()
    (folder / "toy" / "en.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("templates", ["{text} {mood} {customer text}"], "template 0 has the unknown placeholder {customer text}"),
        ("templates", ["{text} {mood}", "{text} {mood} {}"], "template 1 has the unknown placeholder {}"),
        ("labels", {"yes": "Yes {x}", "no": "No"}, "the word for label 'yes' is shown as it is, so {x}"),
        ("wording", {"mood": {"calm": "{mood}!"}}, "wording of mood=calm is shown as it is, so {mood}"),
    ],
)
def test_a_prompt_file_with_an_unfilled_placeholder_is_refused(
    tmp_path: Path, key: str, value: object, message: str
) -> None:
    task = TaskConfig(name="toy", input_fields=("text", "mood"), label_names=("yes", "no"))
    folder = files(tmp_path, lambda content: content.__setitem__(key, value))
    with pytest.raises(Problem, match=re.escape(message)):
        prompt_file(with_prompts(task, folder), "en", PromptConfig())


def share(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, change: Callable[[str], str]) -> None:
    """A copy of one file of eval/ in a folder of its own, changed, in place of the package's."""
    target = tmp_path / path
    target.parent.mkdir(parents=True)
    shutil.copy(share_dir("eval") / path, target)
    text = target.read_text(encoding="utf-8")
    assert change(text) != text
    target.write_text(change(text), encoding="utf-8")
    monkeypatch.setattr(variants, "share_dir", lambda name: tmp_path)


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("variants/xlt.yaml", "{labels}", "{label words}", "label has the unknown placeholder {label words}"),
        ("variants/xlt.yaml", 'retold: "', 'retold: "{request} ', "retold is shown as it is, so {request}"),
        ("variants/xlt.yaml", "an expert in what follows", "an {x} in what follows", "roles.xnli is shown as it is"),
        ("variants/cot_english.yaml", 'cue: "', 'cue: "{cue} ', "cue is shown as it is, so {cue}"),
        ("variants/cot_native/tr.yaml", "{labels}", "{etiketler}", "label has the unknown placeholder {etiketler}"),
    ],
)
def test_a_variant_with_an_unfilled_placeholder_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, old: str, new: str, message: str
) -> None:
    task = load_recipe("xnli_3src").task
    share(monkeypatch, tmp_path, path, lambda text: text.replace(old, new))
    variant = path.split("/")[1].removesuffix(".yaml")
    with pytest.raises(Problem, match=re.escape(message)):
        chain_form.__wrapped__(task, variant, "tr")


def test_a_translation_or_an_exemplar_with_an_unfilled_placeholder_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    share(monkeypatch, tmp_path, "variants/translate.yaml", lambda text: text.replace("{text}", "{the text}"))
    with pytest.raises(Problem, match=r"translate\.yaml has the unknown placeholder \{the text\}"):
        translation_request("a", "tr")
    share(monkeypatch, tmp_path, "exemplars/xnli/tr.yaml", lambda text: text.replace('chain: "', 'chain: "{steps} ', 1))
    with pytest.raises(Problem, match=r"'chain' of example '.*' is shown as it is, so \{steps\} would not be filled"):
        exemplars.__wrapped__(load_recipe("xnli_3src").task, "tr", 2)


def test_braces_of_a_translated_text_stay(tmp_path: Path) -> None:
    assert HOSTILE in translation_request(HOSTILE, "tr")
    form = chain_form(load_recipe("xnli_3src").task, "xlt", "tr")
    assert HOSTILE in form.ask(HOSTILE, ["a {x}"], "tr") and "a {x}" in form.ask(HOSTILE, ["a {x}"], "tr")


# ---------------------------------------------------------------- kinds of names


def test_every_prompt_for_names_asks_for_wikianns_kinds() -> None:
    task = load_recipe("wikiann_3src").task
    codes = sorted(p.stem for p in (share_dir("eval") / "prompts" / "wikiann").glob("*.yaml"))
    assert len(codes) >= 20
    for code in codes:
        assert prompt_file(task, code, PromptConfig()).path.stem == code


@pytest.mark.parametrize("kinds", ["PER,ORG,LOC,DATE", "PER,LOC", "Protein,Gene"])
def test_other_kinds_of_names_reach_the_prompt(kinds: str) -> None:
    task = load_recipe("wikiann_3src", [f"task.label_names=[{kinds}]"]).task
    text = asked(task, {"text": "Ada {x}"}, "-")
    first, *_, last = kinds.split(",")
    assert text.endswith(
        f"as in {first}: name | {last}: name. If there are none, write -\nAda {{x}}\n{kinds.replace(',', ' / ')}"
    )
    assert not ({"PER", "ORG", "LOC"} - set(kinds.split(","))) & set(re.findall(r"\w+", text))
    note = prompt_file(task, "tr", PromptConfig()).note
    assert (
        f"tr.yaml does not ask for task.label_names ({kinds.replace(',', ', ')}); task.instruction is not given" in note
    )


def test_an_instruction_of_ones_own_is_used_by_every_task() -> None:
    for name in list_groups()["task"]:
        more = [f"task={name}", "task.data=x", "sources=[en]", "targets=[tr]", "task.instruction.tr='Nedir?'"]
        recipe = load_recipe("custom", [*more, *(["task.label_names=[a,b]"] if name == "custom" else [])])
        file = prompt_file(recipe.task, "tr", PromptConfig())
        assert file.templates[0].startswith("Nedir?\n")
        lacking = [n for n in (*recipe.task.input_fields, *recipe.task.choice_names) if n not in file.templates[0]]
        assert not lacking
