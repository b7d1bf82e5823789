"""What can be had without learning: the majority's share and the nearest label word, per language of a recipe.

The label whose word looks most like the text learns nothing: it says how much can be had by the letters that sentences
share with the label words in the prompt ("timer" in "cancel the timer").

python benchmarks/nearest_label.py recipe=intents_3src prompt.language=english
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping

from mslt_it.command import recipe_arguments as parse_arguments
from mslt_it.config.compose import load_recipe
from mslt_it.data.build import scored_examples
from mslt_it.data.leakage import fold
from mslt_it.data.prompts import prompted
from mslt_it.data.resolve import with_targets
from mslt_it.data.rows import RowStore
from mslt_it.records import PromptedExample

SIZES = (2, 3, 4)  # characters; a word's beginning and end count as one


def nearest(text: str, words: Mapping[str, str]) -> str:
    """The label of which the text has the largest share of its word's character n-grams; of equal ones the first."""
    found = _grams(text)
    shares = {label: len(own & found) / len(own) for label, word in words.items() if (own := _grams(word))}
    return max(shares, key=lambda label: shares[label])


def nearest_label_share(texts: Iterable[str], items: Iterable[PromptedExample], labels: Iterable[str]) -> float:
    """The share of items that the nearest label gets right; ``items`` have the label words that the model is shown."""
    names = tuple(labels)
    right = [nearest(t, dict(zip(names, i.choices, strict=True))) == i.label for t, i in zip(texts, items, strict=True)]
    return sum(right) / len(right)


def _grams(text: str) -> set[str]:
    padded = f" {fold(text)} "
    return {padded[i : i + size] for size in SIZES for i in range(len(padded) - size + 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+", help="as for `mslt train`")
    name, overrides, _ = parse_arguments(parser.parse_args().words)
    recipe = with_targets(load_recipe(name, overrides), RowStore())
    task = recipe.task
    rows: list[tuple[float, float]] = []
    for code in recipe.languages:
        examples = scored_examples(recipe, code)
        items = [prompted(example, task, recipe.prompt) for example in examples]
        texts = ["\n".join(example.fields.values()) for example in examples]
        majority = max(Counter(example.label for example in examples).values()) / len(examples)
        rows.append((majority, nearest_label_share(texts, items, task.choice_names)))
        print(f"{code:8} n={len(items):4}  majority {majority:6.1%}  nearest label word {rows[-1][1]:6.1%}")
    means = [sum(column) / len(recipe.targets) for column in zip(*rows[len(recipe.sources) :], strict=True)]
    print(f"mean of the unseen: majority {means[0]:.1%}, nearest label word {means[1]:.1%}")


if __name__ == "__main__":
    main()
