"""Starts a run: with the weights of another one, and with pictures of other things, where given."""

import shutil
from pathlib import Path

from training.datasets import find_data_set
from training.errors import RecipeError, RunError
from training.exposure import Pictures, all_others, describe_others, keep_others
from training.own_data import OwnData
from training.recipe import Recipe
from training.run import Run, RunConfig


def start(
    folder: Path, config: RunConfig, source: Run | None = None, others: Pictures | None = None
) -> Run:
    """Start a run in `folder`, or go on with it; with `source`, from the weights of that run.

    The new network may see images at another size, but has the same weights. It is shown the
    pictures of other things that `others` has, or that `source` was shown.

    Raises:
        RecipeError: there are pictures of other things, and the recipe fits no epochs.
        RunError: `source` is not finished, of other data, or has seen the images or pictures that
            the new run holds back; or `folder` holds another run.
    """
    if source is not None:
        _require_unseen(source, config)
        if source.config.others:
            others = all_others(source) if others is None else others
            if describe_others(others) != source.config.others:
                raise RunError(f"{source.folder} was shown other pictures of other things")
        config = config.model_copy(update={"beginning": source.as_beginning()})
    if others is not None:
        if not config.recipe.fit.epochs:
            raise RecipeError(f"{config.recipe.name} fits a head alone, which learns of no others")
        config = config.model_copy(update={"others": describe_others(others)})
    run = Run.start(folder, config)
    if others is not None:
        keep_others(run, others)
    if source is not None and not run.start_weights.exists():
        partial = run.start_weights.with_name("partial.start.weights.h5")
        shutil.copyfile(source.weights, partial)
        partial.replace(run.start_weights)
    return run


def _require_unseen(source: Run, config: RunConfig) -> None:
    if _origin(source.config.recipe) != _origin(config.recipe):
        raise RunError(f"{source.folder} is of other data")
    if source.config.fitted_on == "all" and config.fitted_on == "train":
        raise RunError(f"{source.folder} has seen the images that a fit on `train` holds back")


def _origin(recipe: Recipe) -> str | OwnData:
    """The data that a recipe's images are of, at whatever size."""
    return find_data_set(recipe.data).origin if isinstance(recipe.data, str) else recipe.data
