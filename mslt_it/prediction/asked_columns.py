"""Which columns of a table a run asks about, in which language, and which are added."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from mslt_it import values
from mslt_it.config.recipe import TaskConfig
from mslt_it.config.schema import FrozenDict
from mslt_it.data.columns import needed_columns, renamed
from mslt_it.data.files import Row
from mslt_it.integrations.ray_cluster import RayCluster
from mslt_it.prediction.papers import Papers, read_papers
from mslt_it.prediction.request import How, Request, format_of
from mslt_it.prediction.row_languages import RowLanguages
from mslt_it.prediction.tables import first_names
from mslt_it.problems import Problem, nearest

REASON = "reason"


def read_asked(request: Request) -> Papers:
    """The folder that labels; a Problem for one that answers nothing, options that it has no use for, and a table whose
    first rows show that it cannot be asked about; of stdin nothing is read."""
    if request.executor == "ray":
        RayCluster(request.workers, request.settings)
    papers, data = read_papers(values.path(request.run)), request.data
    columns = AskedColumns(papers, request)
    names = first_names(values.path(data), format_of("data", values.path(data))) if data != "-" else None
    if names is not None:
        columns.languages(names, data)
    return papers


class AskedColumns:
    """Of a run, or what was made of one. ``added``: the columns that its answers make."""

    def __init__(self, papers: Papers, how: How) -> None:
        self.how, recipe = how, papers.recipe
        known = [*needed_columns(recipe.task), *recipe.task.input_fields]
        if unknown := [name for name in how.columns if name not in known]:
            raise Problem(f"columns: the run uses no column '{unknown[0]}'. {nearest(unknown[0], known)}")
        columns = FrozenDict({**recipe.task.columns, **how.columns})
        self.recipe = dataclasses.replace(recipe, task=dataclasses.replace(recipe.task, columns=columns))
        self.is_chosen = bool(self.task.choice_names) and recipe.prompt.variant == "direct"
        for option, default in (("abstain_below", None), ("calibration", "none")):
            if not self.is_chosen and getattr(how, option) != default:
                raise Problem(
                    f"{option}={getattr(how, option)} has no effect: {papers.folder} writes its answers, and only "
                    "labels that are chosen have probabilities. Leave it out."
                )
        read = {"number_accuracy": "number", "span_f1": "spans"}.get(self.task.metric, "")
        names = ["answer", *filter(None, ["label" if self.task.choice_names else read])]
        if self.is_chosen:
            names = ["label", *(f"p_{name}" for name in self.task.choice_names), "margin"]
        self.added = tuple(how.prefix + name for name in (*names, REASON))

    @property
    def task(self) -> TaskConfig:
        return self.recipe.task

    def languages(self, names: Sequence[str], where: str) -> RowLanguages:
        """How the rows' languages are found; a Problem where the table lacks what is asked about, or has a column that
        would be added."""
        ours = set(renamed(self.task, [Row("", dict.fromkeys(names))])[0].values)
        needed = [n for n in needed_columns(self.task) if n != self.task.label_field]
        if self.task.shape == "tagging" and "tokens" not in ours:
            needed = list(self.task.input_fields)
        if missing := [name for name in needed if name not in ours]:
            raise Problem(
                f"{where} has no column '{self.task.columns.get(missing[0], missing[0])}', which the run needs. "
                f"{nearest(missing[0], names)} Name yours: 'columns={{{missing[0]}:YOURS}}'."
            )
        if taken := [name for name in self.added if name in names]:
            raise Problem(
                f"{where} has a column '{taken[0]}' already, which is not overwritten. Write prefix=predicted_ for "
                f"predicted_{taken[0]} and so on, or rename that column."
            )
        return RowLanguages(self.recipe, names, self.how.language)
