"""Where else a run is told of: `training.report_to`.

tensorboard   RUN/tensorboard
wandb         the W&B account that this machine is logged in to; RUN/wandb alone with WANDB_MODE=offline
mlflow        RUN/mlflow (SQLite); elsewhere where MLFLOW_TRACKING_URI says so
trackio       RUN/trackio (SQLite); elsewhere where TRACKIO_DIR, TRACKIO_SPACE_ID or TRACKIO_SERVER_URL says so

Losses and looks are logged by transformers' own callbacks, and TensorBoard's by `curves`. Added here: the composed
recipe, one run across interruptions (RUN/trackers.json holds its ids), and the scores. Nothing is sent anywhere that
was not named, no tracker imported unasked.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import Recipe
from mslt_it.problems import Problem, Say
from mslt_it.records import to_plain
from mslt_it.store import read_json, write_json

PROJECT = "mslt_it"  # the project or experiment, unless the tracker's own variable names another
IDS = "trackers.json"  # in a run folder
OFFLINE = ("offline", "dryrun", "disabled")  # modes of wandb that need no login


@dataclass(frozen=True)
class Scores:
    """A run's end."""

    table: Any  # pandas: a row per language and metric, with interval, base and gain
    markdown: str  # the same, as it is printed

    @property
    def values(self) -> dict[str, float]:
        """ "score/accuracy/tr" -> share."""
        found = zip(self.table["metric"], self.table["language"], self.table["value"], strict=True)
        return {f"score/{metric}/{code}": float(value) for metric, code, value in found if value == value}


def refuse_unready(names: Sequence[str]) -> None:
    """A Problem, before anything is done, where a tracker is not installed or wandb could not send what it is told."""
    for name in names:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:  # a folder of that name, such as wandb leaves where it was started
            raise Problem(
                f"training.report_to={name}: the package {name} is not installed: pip install -e '.[{name}]', or leave "
                f"{name} out of training.report_to."
            )
    if "wandb" in names:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its own reports on itself
        import wandb

        if wandb.setup().settings.mode in OFFLINE:
            return
        with _wandb_problems():
            if not wandb.login(prompt=False):
                raise wandb.errors.AuthenticationError("this machine is not logged in to Weights & Biases.")


@contextlib.contextmanager
def _wandb_problems() -> Iterator[None]:
    import wandb

    try:
        yield
    except wandb.errors.Error as error:
        raise Problem(
            f"training.report_to=wandb: {' '.join(str(error).split())} Log in (wandb login, or the variable "
            "WANDB_API_KEY), or keep it in the run's folder: WANDB_MODE=offline mslt train ..."
        ) from error


class Tracker:
    """One of them, for one run."""

    CALLBACK = ""  # of transformers: logs losses and looks

    def __init__(self, recipe: Recipe, folder: Path, tell: Say) -> None:
        self.recipe, self.folder, self.tell = recipe, folder.resolve(), tell
        self.name = f"{recipe.name}-{recipe.run_fingerprint()}"
        self.config = {"recipe": to_plain(recipe)}

    def open(self) -> None:
        """Before training, once."""

    def callback(self) -> Any:
        """What logs losses and looks; None where that is logged anyway."""
        return getattr(importlib.import_module("transformers.integrations"), self.CALLBACK)() if self.CALLBACK else None

    def log(self, scores: Scores) -> None:
        """The end of a run that was scored."""

    def close(self, failed: bool) -> None:
        """After `log`, or after what went wrong."""

    def kept(self, key: str, new: Callable[[], str]) -> str:
        """The id under which this run is known there: the same after an interruption."""
        path = self.folder / IDS
        ids: dict[str, str] = read_json(path) or {}
        if key not in ids:
            ids[key] = new()
            write_json(path, ids)
        return ids[key]


class TensorBoard(Tracker):
    """Adds the recipe and the scores to what `curves` has written."""

    def log(self, scores: Scores) -> None:
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(log_dir=str(self.folder / "tensorboard")) as writer:
            writer.add_text("recipe", f"```\n{(self.folder / 'config.yaml').read_text(encoding='utf-8')}\n```")
            writer.add_text("scores", scores.markdown)
            for name, value in scores.values.items():
                writer.add_scalar(name, value)


class Wandb(Tracker):
    """Weights & Biases. Its callback joins the run that is open."""

    CALLBACK = "WandbCallback"

    def open(self) -> None:
        import wandb

        self.wandb, offline = wandb, wandb.setup().settings.mode in OFFLINE
        with _wandb_problems():
            self.run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                name=self.name,
                id=self.kept("wandb", lambda: secrets.token_hex(8)),
                resume=None if offline else "allow",  # offline it knows of no beginning: the parts share the id
                dir=str(self.folder),
                config=self.config,
            )

    def log(self, scores: Scores) -> None:
        self.run.log({"scores": self.wandb.Table(dataframe=scores.table)})
        self.run.summary.update(scores.values)

    def close(self, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))


class MLflow(Tracker):
    """MLflow. Its callback joins the run that is open."""

    CALLBACK = "MLflowCallback"
    VARIABLE, RETRIES = "MLFLOW_TRACKING_URI", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"

    def open(self) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow
        from transformers.utils import flatten_dict

        self.mlflow, self.given = mlflow, os.environ.get(self.VARIABLE)
        own = self.folder / "mlflow"
        if self.given is None:
            own.mkdir(exist_ok=True)
        uri = self.given or f"sqlite:///{own / 'mlflow.db'}"
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        mlflow.set_tracking_uri(uri)
        retries = os.environ.get(self.RETRIES)
        os.environ[self.RETRIES] = retries or "2"  # its own 7 take four minutes to say that nobody is there
        try:
            if self.given is None and mlflow.get_experiment_by_name(experiment) is None:
                mlflow.create_experiment(experiment, (own / "artifacts").as_uri())  # else beside the shell
            place = mlflow.set_experiment(experiment).experiment_id

            def begin() -> str:
                return str(mlflow.MlflowClient().create_run(place, run_name=self.name).info.run_id)

            mlflow.start_run(run_id=self.kept(f"mlflow {uri}", begin))
        except mlflow.exceptions.MlflowException as error:
            self._forget()
            raise Problem(
                f"training.report_to=mlflow: no run can be started at {uri} ({' '.join(str(error).split())}). Start "
                f"the server, set {self.VARIABLE}, unset it for {own}, or leave mlflow out of training.report_to."
            ) from error
        finally:
            if retries is None:
                del os.environ[self.RETRIES]
        longest = mlflow.utils.validation.MAX_PARAM_VAL_LENGTH
        flat = {name: str(value) for name, value in flatten_dict(self.config).items()}
        mlflow.log_params({name: value for name, value in flat.items() if len(value) <= longest})
        mlflow.log_artifact(str(self.folder / "config.yaml"))  # all of it, whatever its length

    def log(self, scores: Scores) -> None:
        self.mlflow.log_table(scores.table, "scores.json")
        self.mlflow.log_metrics(scores.values)

    def close(self, failed: bool) -> None:
        self.mlflow.end_run("FAILED" if failed else "FINISHED")
        self._forget()

    def _forget(self) -> None:
        """The next run in this process has a place of its own; mlflow keeps the last one in the variable."""
        self.mlflow.set_tracking_uri(self.given)
        if self.given is None:
            os.environ.pop(self.VARIABLE, None)


class Trackio(Tracker):
    """Trackio. Its callback opens the run and ends it with training, so that it is opened again for the scores."""

    def open(self) -> None:
        os.environ.setdefault("TRACKIO_DIR", str(self.folder / "trackio"))
        import trackio

        self.trackio = trackio  # it has one folder per process, for good
        remote = any(os.environ.get(name) for name in ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"))
        if not remote and (place := Path(trackio.utils.TRACKIO_DIR)) != self.folder / "trackio":
            self.tell(f"Note: trackio writes to {place}.")

    def callback(self) -> Any:
        from transformers.integrations import TrackioCallback

        name, config = self.name, self.config

        class WithRecipe(TrackioCallback):
            """Logs the recipe beside the Trainer's arguments, and no copy to a Space that nobody named."""

            def setup(self, args: Any, state: Any, model: Any, **kwargs: Any) -> None:
                args.project, args.run_name = PROJECT, name
                args.trackio_space_id, args.trackio_static_space_id = None, False
                super().setup(args, state, model, **kwargs)
                if state.is_world_process_zero:
                    self._trackio.config.update(config)

        return WithRecipe()

    def log(self, scores: Scores) -> None:
        self.trackio.init(project=PROJECT, name=self.name, resume="allow", config=self.config)
        self.trackio.log({"scores": self.trackio.Table(dataframe=scores.table), **scores.values})
        self.trackio.finish()


TRACKERS = {"tensorboard": TensorBoard, "wandb": Wandb, "mlflow": MLflow, "trackio": Trackio}


@contextlib.contextmanager
def tracked(recipe: Recipe, folder: Path, is_main: bool, tell: Say) -> Iterator[list[Tracker]]:
    """The run's trackers, open; only the main process has any. Leaving closes them, as failed on an exception."""
    trackers = [TRACKERS[name](recipe, folder, tell) for name in recipe.training.report_to if is_main]
    with contextlib.ExitStack() as opened:
        for tracker in trackers:
            tracker.open()
            opened.push(functools.partial(_close, tracker))
        yield trackers


def _close(tracker: Tracker, failed: type[BaseException] | None, *_: object) -> None:
    _or_note(tracker, tracker.close, failed is not None)


def log_scores(trackers: Sequence[Tracker], scores: Scores) -> None:
    """Told after the run is sealed: a tracker that is out of reach by now costs no result."""
    for tracker in trackers:
        _or_note(tracker, tracker.log, scores)


def _or_note(tracker: Tracker, do: Callable[..., None], *arguments: object) -> None:
    try:
        do(*arguments)
    except Exception as error:
        name = type(tracker).__name__
        tracker.tell(f"Note: {name} did not get everything ({type(error).__name__}: {' '.join(str(error).split())}).")
