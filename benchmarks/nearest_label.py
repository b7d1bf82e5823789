"""What can be had without learning: the majority's share and the nearest label word, per language of a recipe.

python benchmarks/nearest_label.py recipe=intents_3src prompt.language=english
"""

from __future__ import annotations

import sys
from collections import Counter

from mslt_it.data.build import scored_examples
from mslt_it.data.prompts import prompted
from mslt_it.data.resolve import with_targets
from mslt_it.evaluation.nearest_label import nearest_label_share
from mslt_it.recipe import load_recipe, parse_arguments


def main(arguments: list[str]) -> None:
    name, overrides, _ = parse_arguments(arguments)
    recipe = with_targets(load_recipe(name, overrides))
    task = recipe.task
    rows = []
    for code in (*recipe.sources, *recipe.targets):
        examples = scored_examples(recipe, code)
        items = [prompted(example, task, recipe.prompt) for example in examples]
        texts = ["\n".join(example.fields.values()) for example in examples]
        majority = max(Counter(example.label for example in examples).values()) / len(examples)
        rows.append((code, len(items), majority, nearest_label_share(texts, items, task.choice_names)))
        print(f"{code:8} n={len(items):4}  majority {majority:6.1%}  nearest label word {rows[-1][3]:6.1%}")
    means = [sum(row[column] for row in rows[len(recipe.sources) :]) / len(recipe.targets) for column in (2, 3)]
    print(f"mean of the unseen: majority {means[0]:.1%}, nearest label word {means[1]:.1%}")


if __name__ == "__main__":
    main(sys.argv[1:])
