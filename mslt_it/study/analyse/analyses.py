"""All analyses of a study, slice by slice, with claims corrected over the whole report."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mslt_it.evaluation.estimates import Settings
from mslt_it.problems import Say
from mslt_it.study.analyse import comparisons, composition, shares, transfer
from mslt_it.study.analyse.claims import corrected
from mslt_it.study.analyse.criteria import Orders, criteria
from mslt_it.study.analyse.findings import Analysis, Claim, NotDone
from mslt_it.study.analyse.langrank import langrank
from mslt_it.study.analyse.resampling import SetFigures, resample
from mslt_it.study.analyse.tried import settings_tried
from mslt_it.study.collect import Slice, Study


@dataclass(frozen=True, eq=False)
class SliceFindings:
    """What was found among the cells of one budget and one prompt variant."""

    slice: Slice
    done: tuple[Analysis, ...]
    not_done: tuple[NotDone, ...]


@dataclass(frozen=True, eq=False)
class Findings:
    study: Study
    settings: Settings
    slices: tuple[SliceFindings, ...]
    overall: tuple[Analysis, ...] = ()  # over all slices; without claims

    @property
    def claims(self) -> list[tuple[Slice, Claim]]:
        """In the order of the report; p-values are adjusted over all of them."""
        return [(part.slice, claim) for part in self.slices for one in part.done for claim in one.claims]


def analyse(study: Study, settings: Settings | None = None, say: Say = lambda text: None) -> Findings:
    """Runs every analysis that the study's cells allow.

    Args:
        say: is told what is being done; some analyses take seconds.
    """
    settings = settings or Settings()
    wanted = study.manifest["config"].get("criteria") or None
    orders = Orders(study, settings.seed, wanted)
    found, drawn = [], []
    for one in study.slices:
        say(f"Drawing items and seeds again, {settings.num_bootstrap} times: {one.name} ...")
        figures = resample(study, one, settings)
        drawn.append(figures)
        done: list[Analysis | NotDone] = []
        for name, step in _steps(figures, orders):
            say(f"  {name} ...")
            done.append(step())
        found.append(
            SliceFindings(
                one,
                tuple(part for part in done if isinstance(part, Analysis)),
                tuple(part for part in done if isinstance(part, NotDone)),
            )
        )
    of_variants = itertools.groupby(drawn, key=lambda figures: figures.slice.variant)
    has_shots = bool(study.manifest["config"].get("shots"))
    fronts = [shares.front(list(own)) for _, own in of_variants if len(drawn) > 1 or has_shots]
    overall = tuple(one for one in fronts if one is not None)
    return Findings(study, settings, tuple(_corrected(found, settings.confidence)), overall)


def _steps(figures: SetFigures, orders: Orders) -> list[tuple[str, Callable[[], Analysis | NotDone]]]:
    """The analyses in the order of the report, each ready to run."""
    study, k = figures.study, main_size(figures)
    if study.manifest["config"].get("shots"):
        return [("shots", partial(shares.shots, figures))]
    if any(number is not None for number in figures.shares):
        return [("pinch", partial(shares.pinch, figures))]
    return [
        *([("settings tried", partial(settings_tried, study, figures.slice))] if study.tried else []),
        ("one source or several", partial(comparisons.single_or_several, figures, k)),
        ("number of sources", partial(comparisons.number_of_sources, figures)),
        ("transfer gap", partial(transfer.gap, figures)),
        ("criteria", partial(criteria, figures, k, orders)),
        ("scripts", partial(composition.scripts, figures, k)),
        ("diversity", partial(composition.diversity, figures, k, orders.diversity)),
        ("recurrence", partial(composition.recurrence, figures, k)),
        ("transfer", partial(transfer.matrix, figures)),
        ("best sets", partial(transfer.best_sets, figures, k)),
        ("similarity", partial(transfer.similarity, figures, k)),
        ("ranking of sources", partial(langrank, figures)),
        ("every set", partial(comparisons.every_set, figures)),
    ]


def main_size(figures: SetFigures) -> int:
    """3, as in the paper, where there are such sets; else the size of several languages with the most sets."""
    several = [size for size in figures.sizes if size > 1]
    if not several:
        return 1
    return 3 if 3 in several else max(several, key=lambda size: (len(figures.of_size(size)), -size))


def _corrected(found: list[SliceFindings], confidence: float) -> list[SliceFindings]:
    """The findings with every claim's p adjusted over all claims of the report."""
    claims = iter(corrected([claim for part in found for one in part.done for claim in one.claims], confidence))
    return [
        dataclasses.replace(
            part,
            done=tuple(dataclasses.replace(one, claims=tuple(next(claims) for _ in one.claims)) for one in part.done),
        )
        for part in found
    ]
