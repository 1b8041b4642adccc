"""Fits the recipes of a family one after another, and sets what they gave side by side."""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import keras

from training.callbacks import Progress
from training.errors import TrainingError
from training.fit import fit
from training.following import kept_epoch
from training.recipes import reported
from training.run import Run, RunConfig
from training.settings import TrainingSettings

Shown = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one recipe: accuracy in 0..1 on validation, or the problem there was.

    `kept` is the epoch, of `epochs` done, whose weights were kept.
    """

    recipe: str
    run: str
    epochs: int = 0
    kept: int = 0
    seconds: float = 0.0
    accuracy: float | None = None
    reported: float | None = None
    problem: str | None = None


def fit_all(
    runs: Iterable[tuple[Path, RunConfig]], settings: TrainingSettings, shown: Shown
) -> Iterator[Row]:
    """Fit each run, or go on with it, or find it finished; what became of it as soon as it is.

    One that cannot be fitted keeps none of the others from it.

    Args:
        runs: the folder of each and what it is.
        settings: where data and weights are.
        shown: from a recipe's name to who is told how its fit goes.
    """
    for folder, config in runs:
        name = config.recipe.name
        # What the last model left behind would stay until the end.
        keras.backend.clear_session()
        gc.collect()
        try:
            run = Run.start(folder, config)
            with shown(name) as progress:
                fit(run, settings, progress)
        except TrainingError as error:
            yield Row(name, str(folder), problem=str(error))
        else:
            yield _row(run)


def _row(run: Run) -> Row:
    recipe, history = run.config.recipe, run.history()
    found = reported(recipe.name)
    return Row(
        recipe=recipe.name,
        run=str(run.folder),
        epochs=len(history),
        kept=kept_epoch(recipe.fit, history),
        seconds=sum(epoch["seconds"] for epoch in history),
        accuracy=float(run.read("calibration.json")["accuracy"]),
        reported=found.accuracy if found else None,
    )
