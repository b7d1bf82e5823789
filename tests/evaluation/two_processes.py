"""Started twice by torchrun: both processes ask one model together, as under FSDP, or each its share."""

import json
import os
import sys
from pathlib import Path

import torch
from accelerate import PartialState

from mslt_it.config.compose import load_recipe
from mslt_it.data.encoding import Encoder
from mslt_it.data.rows import RowStore
from mslt_it.evaluation import evaluator as module
from mslt_it.evaluation.engines import ChoiceEngine
from mslt_it.evaluation.systems import Bench, load, resolve
from mslt_it.evaluation.trained_rows import trained


def main(run: str, out: str, how: str) -> None:
    torch.set_num_threads(1)
    PartialState(cpu=True)
    bench: Bench = resolve([trained(Path(run))], model=None, with_base=True, seen=[])
    loaded = load(bench, given_model=False)
    recipe = load_recipe("config", config_dir=run)
    encoder = Encoder(loaded.tokenizer, recipe.data.max_length_tokens)
    asked = []
    answer = ChoiceEngine.answer

    def watched(self: ChoiceEngine, batch: tuple[int, ...], *more: object) -> list[dict[str, object]]:
        torch.distributed.barrier() if how == "together" else None  # hangs where one process alone asks
        asked.append(len(batch))
        return answer(self, batch, *more)

    ChoiceEngine.answer = watched  # type: ignore[method-assign]
    units = [module.unit(recipe, "direct", code, encoder, RowStore()) for code in ("de", "tr", "en")]
    one = module.Evaluator(bench.systems, loaded, encoder, Path(out), is_sharded=how == "together")
    found, _, computed = one.answers(units)
    told = {"asked": sum(asked), "found": len(found), "computed": computed}
    Path(out, f"rank{os.environ['RANK']}.json").write_text(json.dumps(told), encoding="utf-8")


main(*sys.argv[1:])
