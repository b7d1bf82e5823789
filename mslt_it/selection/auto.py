"""``sources=auto`` in a recipe: the first set of one criterion, and a note on how it was chosen."""

from __future__ import annotations

from mslt_it.config.recipe import Recipe, is_rest
from mslt_it.problems import Problem
from mslt_it.selection.criteria import OF_TEXT, Request
from mslt_it.selection.ranking import Selection, rank


def choose_sources(recipe: Recipe) -> tuple[tuple[str, ...], str]:
    """(source languages, note). The note begins with the languages and a colon, and says what they were ranked by."""
    asked, model = recipe.select, recipe.model.path
    criterion = asked.criterion
    if criterion in OF_TEXT and model != "world":
        raise Problem(
            f"sources=auto: select.criterion={criterion} needs text of the candidates, which a recipe does not name "
            f"for model.path={model}. Run mslt select criteria=[{criterion}] model={model} text=DIR and list its first "
            "set as sources."
        )
    request = Request(
        **{name: getattr(asked, name) for name in ("pool", "k", "must", "exclude")},
        targets=() if is_rest(recipe.targets) else recipe.targets,
        model=model,
        # The mean of ranks needs the others; every other criterion is ranked alone, which is quick.
        criteria=() if criterion == "mean_reciprocal_rank" else (criterion,),
        top=2,
        seed=recipe.seed,
    )
    try:
        selection = rank(request)
    except Problem as problem:
        raise Problem(f"sources=auto: {problem}") from None
    if criterion not in selection.criteria:
        reason, remedy = selection.not_computed[criterion]
        raise Problem(f"sources=auto: select.criterion={criterion} could not be computed. {reason} {remedy}")
    return selection.criteria[criterion].sets[0].languages, _note(selection, criterion)


def _note(selection: Selection, criterion: str) -> str:
    ranking = selection.criteria[criterion]
    first = ranking.sets[0]
    how = "exactly" if selection.method == "exact" else "by greedy search with swaps"
    which = f"first of {selection.num_sets:,} sets" if selection.num_sets > 1 else "the only set"
    parts = [
        f"{', '.join(first.languages)}: {which} of {selection.k} from {', '.join(selection.pool)} by {criterion} "
        f"(score {first.score:.4f}), ranked {how}, seed {selection.seed}"
    ]
    if criterion == "mean_reciprocal_rank":
        parts.append(ranking.reason)
    if ranking.num_first > 1:
        parts.append(f"{ranking.num_first:,} sets tie, the first in the order of the pool was taken")
    elif len(ranking.sets) > 1:
        parts.append(f"next {', '.join(ranking.sets[1].languages)} ({ranking.sets[1].score:.4f})")
    parts += [note.rstrip(".") for note in selection.notes]
    parts += [
        f"with {', '.join(f'{code} read as {uriel}' for code, uriel in other.uriel.items())} it would be "
        f"{', '.join(other.languages)}"
        for other in ranking.other_codes
        if other.changed
    ]
    return "; ".join(parts) + "."
