"""Files of a user's own: recipes, tasks and scales, found beside the package's, every mistake named with its place."""

import re
import shlex
from pathlib import Path

import pytest

from mslt_it.config.compose import load_recipe
from mslt_it.config.files import list_files, list_groups, share_dir
from mslt_it.config.recipe import Recipe
from mslt_it.problems import Problem

OWN = """\
# mslt train recipe=own --config-dir .
# My own experiment.
defaults:
  - recipe_schema
  - scale: mini
  - task: xnli
  - _self_
sources: [en]
targets: [tr]
"""


@pytest.fixture
def own_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my 'own' recipes"
    folder.mkdir()
    (folder / "own.yaml").write_text(OWN, encoding="utf-8")
    return folder


def test_own_folder_sees_the_packages_scales_and_recipes(own_folder: Path) -> None:
    assert load_recipe("own", ["scale=small"], own_folder).model.path == "Qwen/Qwen3-0.6B-Base"
    assert load_recipe("xnli_1src", [], own_folder).sources == ("en",)
    assert list_files(own_folder)["own"] == "My own experiment."
    (own_folder / "scale").mkdir()
    (own_folder / "scale" / "mine.yaml").write_text("# @package _global_\ndata:\n  num_examples_total: 90\n")
    recipe = load_recipe("own", ["scale=mine"], own_folder)
    assert (recipe.scale, recipe.data.num_examples_total) == ("mine", 90)
    assert "mine" in list_groups(own_folder)["scale"]


def test_mistakes_in_a_scale_name_its_file(own_folder: Path) -> None:
    (own_folder / "scale").mkdir()
    (own_folder / "scale" / "mine.yaml").write_text("# @package _global_\ndata:\n  num_exampels_total: 90\n")
    with pytest.raises(
        Problem, match=r"^Unknown key 'data\.num_exampels_total' in 'scale/mine'\. Did you mean 'data\.num_exam"
    ):
        load_recipe("own", ["scale=mine"], own_folder)


def test_own_files_may_not_hide_the_packages(own_folder: Path) -> None:
    (own_folder / "xnli_3src.yaml").write_text(OWN, encoding="utf-8")
    with pytest.raises(Problem, match=r"xnli_3src\.yaml has the name of a recipe of the package\. Rename yours\."):
        load_recipe("own", [], own_folder)
    assert load_recipe("xnli_3src", [], share_dir("recipes")).name == "xnli_3src"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("[en]", "[no, on]", "recipe 'own': sources: False is a YAML boolean"),
        ("[en]", "", "recipe 'own': sources: null is not a valid value."),
        ("sources: [en]\n", "", "Recipe 'own' has no value for sources. Add 'sources=[ar,de]'."),
        ("[tr]\n", "[tr]\ntraining:\n  batchsize: 3\n", "Unknown key 'training.batchsize' in recipe 'own'. Did you"),
        ("[tr]\n", "[tr]\ntraining:\n  batch_size: many\n", "recipe 'own': training.batch_size=many is not a whole"),
        ("[tr]\n", "[tr]\nseed: ${oc.env:HOME}\n", "seed=${oc.env:HOME}: ${...} is not filled in; a recipe means the"),
        ("[tr]\n", "[tr]\nmodel:\n  path: ${oc.env:HOME}/m\n", "model.path=${oc.env:HOME}/m: ${...} is not filled in"),
        ("[tr]\n", "[tr]\ntask:\n  label_names: [a, '${x}']\n", "task.label_names=${x}: ${...} is not filled in"),
        ("scale: mini", "scale: ${oc.env:SCALE}", "scale=${oc.env:SCALE}: ${...} is not filled in"),
        ("[tr]\n", "[tr]\nmodel:\n  path: null\n", "recipe 'own': model.path: null is not a valid value."),
        ("[tr]\n", "[tr]\ntask:\n  revision: 1e5\n", "recipe 'own': task.revision: 100000.0 is not a text."),
        ("[tr]\n", "[tr]\nscale: small\n", "Recipe 'own' writes 'scale: small' in its body but chooses scale 'mini'"),
        ("[tr]\n", "[tr]\nadapter:\n  quantization: off\n", "recipe 'own': adapter.quantization: False is a YAML"),
        ("scale: mini", "scale: minni", "Unknown scale 'minni'. Did you mean 'mini'?"),
        ("[tr]\n", "[tr]\ntrainin:\n  max_steps: 2\n", "Unknown key 'trainin' in recipe 'own'. Did you mean"),
        ("[tr]\n", "[tr]\nseed: 1\nseed: 2\n", "YAML: the key seed is given twice at line "),
        ("[tr]\n", "[tr]\ntraining:\n\tmax_steps: 2\n", "column 1. Indent with spaces, not tabs."),
        ("[tr]", "[tr", ""),
        ("[tr]\n", "[tr]\noutput_dir: !!python/object/apply:os.getcwd []\n", ""),
    ],
)  # fmt: skip
def test_mistakes_in_files(own_folder: Path, old: str, new: str, text: str) -> None:
    path = own_folder / "own.yaml"
    path.write_text(OWN.replace(old, new), encoding="utf-8")
    with pytest.raises(Problem) as caught:
        load_recipe("own", [], own_folder)
    message = str(caught.value)
    assert (
        message.startswith(text) or ("own.yaml is not valid YAML" in message and text in message)
        if text
        else "own.yaml" in message and " line " in message and "is not valid YAML" in message
    )


def test_a_recipe_is_given_by_its_name(own_folder: Path) -> None:
    (own_folder / "own.yaml").rename(own_folder / "other.yml")
    cases = {
        "other": f"{own_folder / 'other.yml'} is not read: such files must end in .yaml. Rename it to",
        "none": "Unknown recipe 'none'. ",
    }
    for name, said in cases.items():
        with pytest.raises(Problem, match=re.escape(said)):
            load_recipe(name, [], own_folder)
    (own_folder / "other.yml").rename(own_folder / "own.yaml")
    path, folder = own_folder / "own.yaml", shlex.quote(str(own_folder))
    with pytest.raises(
        Problem,
        match=re.escape(f"recipe={path}: a recipe is given by its name. Write recipe=own --config-dir {folder}."),
    ):
        load_recipe(str(path), [])
    (own_folder / "task").mkdir(exist_ok=True)
    task = own_folder / "task" / "mine.yaml"
    task.write_text("name: mine\n", encoding="utf-8")
    with pytest.raises(
        Problem, match=re.escape(f"a task is given by its name. Write task=mine --config-dir {folder}.")
    ):
        load_recipe("xnli_3src", [f"task={task}"])


def test_a_file_of_another_encoding_is_named_with_its_line(own_folder: Path) -> None:
    path = own_folder / "own.yaml"
    path.write_bytes(OWN.encode() + "# café\n".encode("latin-1"))
    with pytest.raises(
        Problem, match=rf"own\.yaml, line {OWN.count(chr(10)) + 1}, is not UTF-8 \(.*\)\. Save the file as"
    ):
        load_recipe("own", [], own_folder)
    path.write_bytes(b"\xef\xbb\xbf" + OWN.replace("\n", "\r\n").encode())
    assert load_recipe("own", [], own_folder).sources == ("en",)


@pytest.mark.parametrize("content", ["false", "3", "[1]", "a text"])
def test_a_file_that_holds_no_keys_is_named(own_folder: Path, content: str) -> None:
    (own_folder / "own.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(Problem, match=r"own\.yaml must hold KEY: VALUE lines, such as sources:"):
        load_recipe("own", [], own_folder)
    (own_folder / "scale").mkdir(exist_ok=True)
    (own_folder / "scale" / "odd.yaml").write_text("3", encoding="utf-8")
    with pytest.raises(Problem, match=r"odd\.yaml must hold KEY: VALUE lines"):
        load_recipe("xnli_3src", ["scale=odd"], own_folder)


@pytest.mark.parametrize("item", ["{'': null}", "{'': x}", "{'@': x}", "{/: x}", "{'override ': x}"])
def test_defaults_that_name_no_group_are_told(own_folder: Path, item: str) -> None:
    (own_folder / "own.yaml").write_text(OWN.replace("defaults:\n", f"defaults:\n  - {item}\n"), encoding="utf-8")
    with pytest.raises(Problem, match=r"own\.yaml, or a file .* has an empty name in its defaults\. Write each as "):
        load_recipe("own", [], own_folder)


def test_a_file_without_the_schema_is_checked_too(own_folder: Path) -> None:
    path = own_folder / "own.yaml"
    path.write_text("sources: [en]\ntargets: [tr]\n", encoding="utf-8")
    assert load_recipe("own", [], own_folder) == Recipe("own", ("en",), ("tr",), scale="custom")
    path.write_text("sources: [en]\ntargets: [tr]\nseeed: 1\n", encoding="utf-8")
    with pytest.raises(Problem, match=r"^Unknown key 'seeed' in recipe 'own'\. Did you mean 'seed'\?"):
        load_recipe("own", [], own_folder)
