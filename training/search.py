"""Looks for better settings of a recipe: trials by Optuna, each judged by stratified k-fold.

Only the training images take part: each fold is held back once, and the images that chose epochs,
temperatures and test figures are never seen. The study lives in a store, SQLite in the search
folder or PostgreSQL by its address, so that a search goes on where it was stopped and several
processes or machines can share it. Each process says by a heartbeat that it is alive; the trial of
one that was killed is taken up by another, at the last checkpoint if the folder is the same.

```text
SEARCH/
  study.db       the store, without another address
  trials/0003/   a trial: a run folder a fold, without weights once it is over
  search.json    what was searched, and every trial
  search.png     the same as a picture
  best.json      the best settings so far, as a frozen recipe for `fit`
```
"""

import gc
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, Trial, TrialState
from sklearn.model_selection import StratifiedKFold
from sqlalchemy.exc import SQLAlchemyError

from training.callbacks import Progress
from training.data import Split, Splits, load_splits
from training.datasets import find_data_set
from training.errors import RecipeError, RunError
from training.fit import fit_weights
from training.following import kept_epoch
from training.part import Part
from training.recipe import Recipe
from training.run import Run, RunConfig
from training.sampler import NumberedSampler
from training.search_record import Trials, write_record
from training.search_space import Dimension, put_all, space_of
from training.settings import TrainingSettings

STORE: Final = "study.db"
FOLD_RECORD: Final = "fold.json"
# Of the trials that came to their end, before any is stopped early.
UNPRUNED: Final = 4
# A process that was silent for so many heartbeats is taken for dead.
SILENCE: Final = 3
# Seconds that a process waits for another that writes to the same SQLite file.
PATIENCE: Final = 60
FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)

Shown = Callable[[str], AbstractContextManager[Progress]]


class Plan(Part):
    """What is searched: kept in the store, and the same for all who share it."""

    recipe: Recipe
    folds: int = 3
    seed: int = 0
    over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Searching:
    """A search that this process takes part in.

    `heartbeat` is in seconds; `told` hears of each trial that ends.
    """

    folder: Path
    plan: Plan
    address: str | None = None
    heartbeat: int = 30
    told: Callable[[FrozenTrial], None] = lambda _: None


def search(
    searching: Searching, settings: TrainingSettings, trials: int, shown: Shown
) -> Recipe | None:
    """Run trials until the study has so many that ended; the best recipe, if any came to its end.

    Raises:
        DataError: the recipe's data cannot be used.
        RecipeError: there is nothing to search in it, or too few images of a class for the folds.
        RunError: the store cannot be used, or holds another search.
    """
    train = load_splits(searching.plan.recipe.data, settings).train
    folds = _folds(searching.plan, train)
    space = space_of(
        searching.plan.recipe, min(len(fitted) for fitted, _ in folds), searching.plan.over
    )
    searching.folder.mkdir(parents=True, exist_ok=True)
    objective = Objective(searching, settings, space, train, folds, shown)
    with _quiet(), _store_errors(SQLAlchemyError, StorageInternalError):
        with _store_errors(ImportError, ValueError):
            study = _open_study(searching, space)
        while _ended(study) < trials:
            try:
                study.optimize(
                    objective, callbacks=[_Follow(searching, space, trials)], gc_after_trial=True
                )
            except ValueError:
                # Optuna's word where a trial that it has run is over in the store already.
                if not objective.lost:
                    raise
        return write_record(searching.folder, searching.plan.recipe, space, Trials.of(study))


class Objective:
    """Fits a trial's recipe on each fold and gives the mean accuracy on what was held back.

    `lost` tells whether others took this process for dead and have its last trial now.
    """

    def __init__(
        self,
        searching: Searching,
        settings: TrainingSettings,
        space: tuple[Dimension, ...],
        train: Split,
        folds: list[tuple[np.ndarray, np.ndarray]],
        shown: Shown,
    ) -> None:
        self.searching = searching
        self.settings = settings
        self.space = space
        self.train = train
        self.folds = folds
        self.shown = shown
        self.lost = False

    def __call__(self, trial: Trial) -> float:
        """The mean accuracy over the folds, in 0..1.

        Raises:
            TrialPruned: after an epoch that most trials had done better by.
            KeyboardInterrupt: passed on, once the trial is queued to be taken up again.
        """
        chosen = {dimension.name: dimension.draw(trial) for dimension in self.space}
        recipe = put_all(self.searching.plan.recipe, self.space, chosen)
        try:
            accuracies = [
                self._fit_fold(trial, recipe, number) for number in range(len(self.folds))
            ]
        except KeyboardInterrupt:
            with _quiet():
                _retry()(trial.study, _frozen(trial))
            raise
        finally:
            self.lost = _frozen(trial).state.is_finished()
        trial.set_user_attr("folds", accuracies)
        return float(np.mean(accuracies))

    def _fit_fold(self, trial: Trial, recipe: Recipe, number: int) -> float:
        plan, origin = self.searching.plan, _origin(trial)
        folder = self.searching.folder / "trials" / f"{origin:04d}" / f"fold-{number}"
        run = Run.start(folder, RunConfig(recipe=recipe, seed=plan.seed))
        if not (folder / FOLD_RECORD).is_file():
            # What the last model left behind would stay until the end.
            keras.backend.clear_session()
            gc.collect()
            watcher = ReportEpochs(trial, number * recipe.fit.epochs)
            label = f"trial {trial.number}, fold {number + 1} of {len(self.folds)}"
            try:
                with self.shown(label) as progress:
                    fit_weights(
                        run, self._splits(number), self.settings, progress, watchers=[watcher]
                    )
            except optuna.TrialPruned:
                _drop_weights(run)
                raise
            history = run.history()
            kept = kept_epoch(recipe.fit, history)
            run.write(FOLD_RECORD, {"accuracy": history[kept - 1]["val_accuracy"], "epoch": kept})
            _drop_weights(run)
        return float(run.read(FOLD_RECORD)["accuracy"])

    def _splits(self, number: int) -> Splits:
        fitted, held = self.folds[number]
        digest = find_data_set(self.searching.plan.recipe.data).train_sha256
        return Splits(_take(self.train, fitted), _take(self.train, held), digest)


class ReportEpochs(keras.callbacks.Callback):
    """Tells the study what each epoch gave, and ends a trial that is not worth going on with.

    Epochs are counted on over the folds, so that at each of them trials are compared that had the
    same images.
    """

    def __init__(self, trial: Trial, before: int) -> None:
        super().__init__()
        self.trial = trial
        self.before = before

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """One epoch; its checkpoint is written."""
        self.trial.report(float((logs or {})["val_accuracy"]), self.before + epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned


class _Follow:
    """After each trial: writes the record, tells of it, and ends the search when it is enough."""

    def __init__(self, searching: Searching, space: tuple[Dimension, ...], trials: int) -> None:
        self.searching = searching
        self.space = space
        self.trials = trials

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        searching = self.searching
        write_record(searching.folder, searching.plan.recipe, self.space, Trials.of(study))
        searching.told(trial)
        if _ended(study) >= self.trials:
            study.stop()


def _open_study(searching: Searching, space: tuple[Dimension, ...]) -> optuna.Study:
    """The study, made if there is none; whoever makes it has it begin with the recipe itself."""
    plan = searching.plan.model_dump_json()
    storage = RDBStorage(
        _address(searching),
        # SQLite waits for its lock; PostgreSQL has no such argument.
        engine_kwargs=None if searching.address else {"connect_args": {"timeout": PATIENCE}},
        heartbeat_interval=searching.heartbeat,
        grace_period=SILENCE * searching.heartbeat,
        heartbeat_stale_trial_callback=_retry(),
    )
    arguments: dict[str, Any] = {
        "study_name": searching.folder.resolve().name,
        "storage": storage,
        "sampler": NumberedSampler(searching.plan.seed),
        "pruner": optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED),
    }
    try:
        study = optuna.create_study(**arguments, direction="maximize")
    except DuplicatedStudyError:
        study = optuna.load_study(**arguments)
    else:
        study.set_user_attr("plan", plan)
        study.enqueue_trial({dimension.name: dimension.own for dimension in space})
    # Whoever made it may be about to say so.
    if study.user_attrs.get("plan", plan) != plan:
        storage.remove_session()
        storage.engine.dispose()
        raise RunError(
            f"{searching.folder} holds another search; name another folder with --search"
        )
    return study


def _address(searching: Searching) -> str:
    if searching.address is None:
        return f"sqlite:///{(searching.folder / STORE).resolve()}"
    scheme, found, rest = searching.address.partition("://")
    # The driver that the extra `postgres` installs.
    known = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    return f"{known.get(scheme, scheme)}{found}{rest}"


def _folds(plan: Plan, train: Split) -> list[tuple[np.ndarray, np.ndarray]]:
    """Places of the images that each fold fits on and holds back, each class in its share."""
    fewest = int(np.bincount(train.labels).min())
    if fewest < plan.folds:
        raise RecipeError(
            f"{plan.folds} folds need as many images of each class, and one has {fewest}"
        )
    cut = StratifiedKFold(plan.folds, shuffle=True, random_state=plan.seed)
    return list(cut.split(train.labels, train.labels))


def _take(split: Split, places: np.ndarray) -> Split:
    return Split(split.images[places], split.labels[places])


def _drop_weights(run: Run) -> None:
    """What many trials would fill a disk with."""
    shutil.rmtree(run.checkpoints, ignore_errors=True)
    run.weights.unlink(missing_ok=True)


def _retry() -> RetryHeartbeatStaleTrialCallback:
    return RetryHeartbeatStaleTrialCallback(inherit_intermediate_values=True)


def _frozen(trial: Trial) -> FrozenTrial:
    return trial.study.get_trials(deepcopy=False)[trial.number]


def _origin(trial: Trial) -> int:
    """The number of the trial that this one goes on with; its own if it is the first."""
    return int(_frozen(trial).system_attrs.get("failed_trial", trial.number))


def _ended(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=FINISHED))


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna without its own log; heartbeats have been experimental since its version 2.9."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


@contextmanager
def _store_errors(*kinds: type[Exception]) -> Iterator[None]:
    """A store that fails, told without its address, which may hold a password."""
    try:
        yield
    except kinds as error:
        kind = type(error).__name__
        raise RunError(f"the study's store cannot be used ({kind}); see --store") from error
