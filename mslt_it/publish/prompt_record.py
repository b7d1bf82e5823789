"""How a model was asked in training, for who asks it elsewhere: prompts.json beside the weights, and the card's prompt.

    {"task": "xnli", "fields": ["premise", "hypothesis"], "end_id": 2, "max_new_tokens": 64,
     "languages": {"de": {"prompt": ["<|user|>", [["Prämisse: ", "premise"], ["Wahr?"]], "<|assistant|>"],
                          "labels": {"entailment": "Ja", ...}}},
     "recipe": {"task": {...}, "prompt": {...}, ...}}

A prompt is the chat template's own text and messages in turn. A message is a list of lines, a line is text, a field's
name, text, a field's name, ... Each part is tokenised by itself, messages with control tokens switched off
(``split_special_tokens``), as `mslt_it.data.encoding` does; ``reads_text_otherwise``: all of it as one text would be
other tokens (templates with a space beside a message, as Mistral's). ``control``: control tokens that are left whole
all the same, inside which a message is cut; ``anchors``: where the tokenizer puts a space before a text, what its later
parts are tokenised behind. ``recipe`` is what `mslt predict` asks new rows by, in any language; it says nothing of
where the run's own rows were. ``calibration``, of folders that go without their run, is a
`mslt_it.evaluation.calibration.Calibration`, or why there is none.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.config.recipe import Recipe
from mslt_it.data.encoding import Encoder
from mslt_it.data.passages import overlap
from mslt_it.data.prompts import outline
from mslt_it.evaluation.calibration import calibrated
from mslt_it.evaluation.questions import needs_end
from mslt_it.evaluation.tables import as_markdown
from mslt_it.languages import language_name
from mslt_it.models.finished_run import FinishedRun
from mslt_it.models.tokenizers import model_path
from mslt_it.places import BEFORE, PROMPTS, RECIPE, trained_before
from mslt_it.records import Message, to_plain
from mslt_it.store import read_json, write_json

CALIBRATION = "calibration"


def prompt_record(recipe: Recipe, encoder: Encoder) -> dict[str, Any]:
    """What prompts.json says of a run's languages, sources first; of an encoder its fields and labels."""
    task, languages = recipe.task, dict[str, Any]()
    codes = dict.fromkeys((*recipe.sources, *recipe.targets, *recipe.unlabelled))
    control = {"control": list(encoder.unsplit)} if encoder.unsplit else {}
    if recipe.head is not None:
        head: dict[str, Any] = {"head": recipe.head.name, "labels": list(recipe.head.labels)}
        fields = [name for name in task.input_fields if name not in task.option_fields]
        if recipe.head.name == "span":
            longest = encoder.max_length_tokens
            head |= {"window": longest, "overlap": overlap(longest), "max_tokens": task.max_answer_tokens}
        own = {**control, "languages": {code: {} for code in codes}, RECIPE: _asked_by(recipe)}
        return {"task": task.name, "fields": fields, "options": list(task.option_fields), **head, **own}
    for code in codes:
        one = outline(task, recipe.prompt, code)
        around = encoder.text_around([role for role, _ in one.messages])
        parts: list[Any] = [around[0]]
        for (_, lines), after in zip(one.messages, around[1:], strict=True):
            parts += [[list(line) for line in lines], after]
        languages[code] = {
            "prompt": parts,
            "labels": dict(one.labels),
            **({"wording": one.wording} if one.wording else {}),
            **({"num_templates": one.num_templates} if one.num_templates > 1 else {}),
            **({"end_after_label": True} if needs_end(encoder.user_ids(list(one.labels.values()))) else {}),
        }
    first: Sequence[Any] = languages[next(iter(codes))]["prompt"]
    told = ["\n".join(map(_shown_line, part)) for part in first if not isinstance(part, str)]
    roles = [role for role, _ in outline(task, recipe.prompt, next(iter(codes))).messages]
    alone = encoder.prompt_ids([Message(role, text) for role, text in zip(roles, told, strict=True)])
    joined = encoder.tokenizer(shown(first), add_special_tokens=False)["input_ids"]
    is_direct = recipe.prompt.variant == "direct"
    options = {"options": list(task.option_fields), "option_length": task.option_length} if task.is_cloze else {}
    return {
        "task": task.name,
        **control,
        **({"anchors": list(encoder.anchors)} if control and encoder.anchors else {}),
        **({"kind": recipe.model.kind} if recipe.model.kind == "text_to_text" else {}),
        "fields": list(task.input_fields),
        "optional_fields": list(task.optional_fields),
        "writes": not (task.choice_names and is_direct),
        **options,
        "variant": recipe.prompt.variant,
        **({} if list(joined) == alone or recipe.model.kind == "text_to_text" else {"reads_text_otherwise": True}),
        "end_token": encoder.decode([encoder.end_id]),
        "end_id": encoder.end_id,
        "eos_id": encoder.tokenizer.eos_token_id,
        "pad_id": encoder.pad_id,
        "max_new_tokens": task.max_answer_tokens if is_direct else recipe.scoring.max_chain_tokens,
        "languages": languages,
        RECIPE: _asked_by(recipe),
    }


def _asked_by(recipe: Recipe) -> dict[str, Any]:
    data = recipe.task.data
    task = dataclasses.replace(recipe.task, data=data if values.is_hub_id(data) else Path(data).name)
    parts = {name: getattr(recipe, name) for name in ("name", "sources", "targets", "unlabelled", "prompt")}
    return to_plain(
        {
            **parts,
            "task": task,
            "data": {"max_length_tokens": recipe.data.max_length_tokens},
            "scoring": {name: getattr(recipe.scoring, name) for name in ("batch_tokens", "max_chain_tokens")},
        }
    )  # type: ignore[no-any-return]


def write_prompts(folder: Path, recipe: Recipe, encoder: Encoder, run: FinishedRun | None = None) -> None:
    """Writes prompts.json; ``run``: what the folder is made of, by whose held-out rows its labels are calibrated."""
    more: dict[str, Any] = {} if run is None else {CALIBRATION: to_plain(calibrated(run))}
    before = trained_before(recipe.model.path, recipe.model.revision)
    more |= {BEFORE: list(before)} if before else {}
    write_json(folder / PROMPTS, {**prompt_record(recipe, encoder), **more})


def usage(folder: Path, **more: Any) -> dict[str, Any]:
    """What the card's part on use is made of, by a folder's prompts.json.

    ``prompt``: that of the first language whole, {field} where its text goes.
    """
    record = read_json(folder / PROMPTS) or {}
    if "head" in record:
        yours = [f"your {name}" for name in record["options"]]
        return {**record, "names": dict(enumerate(record["labels"])), "your_options": yours, **more}
    languages: Mapping[str, Any] = record["languages"]
    code, first = next(iter(languages.items()))
    names, wording, prompt = list(first["labels"]), first.get("wording", {}), shown(first["prompt"])
    rows = [(f"{c} {language_name(c)}", *(one["labels"][n] for n in names)) for c, one in languages.items()]
    return {
        **record,
        "language": code,
        "prompt": prompt,
        "num_templates": first.get("num_templates", 1),
        "fence": "`" * max(3, 1 + max(map(len, re.findall("`+", prompt)), default=0)),
        "label_table": as_markdown([("language", *names), *rows]) if names else "",
        "ends_in_a_break": prompt.endswith("\n"),
        "row": json.dumps(
            {name: next(iter(wording.get(name, [f"your {name}"]))) for name in record["fields"]}, ensure_ascii=False
        ),
        "has_wording": any("wording" in one for one in languages.values()),
        "has_ends": any("end_after_label" in one for one in languages.values()),
        **more,
    }


def adapter_usage(folder: Path, recipe: Recipe, dtype: str | None, commit: str | None, **more: Any) -> dict[str, Any]:
    """`usage` of an adapter: how its base is loaded, too. ``dtype``: that it was trained in; None: not recorded."""
    quantization = {
        "none": "",
        "int8": ", quantization_config=BitsAndBytesConfig(load_in_8bit=True)",
        "nf4": ", quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4', "
        f"bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.{dtype or 'float32'})",
    }[recipe.adapter.quantization]
    revision = f', revision="{commit}"' if commit else ""
    more |= {"is_full": recipe.adapter.method == "full", "base": model_path(recipe.model)}
    return usage(
        folder, dtype=f", dtype=torch.{dtype}" if dtype else "", revision=revision, quantization=quantization, **more
    )


def shown(prompt: Sequence[Any]) -> str:
    """A prompt as text, {field} where a field's goes."""
    return "".join(part if isinstance(part, str) else "\n".join(map(_shown_line, part)) for part in prompt)


def _shown_line(line: Sequence[str]) -> str:
    return "".join(f"{{{part}}}" if index % 2 else part for index, part in enumerate(line))
