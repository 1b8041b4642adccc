"""Averages the weights of finished runs of one network: a run whose weights are their mean.

Wortsman 2022, "Model soups" (arXiv 2203.05482): networks that were fitted from the same weights by
other seeds, rates or augmentations lie in one valley of the loss, and their mean lies deeper in it
than each. It costs no more than one of them. Nothing is fitted. Networks that began at random lie
in different valleys, with a ridge between, and are refused.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from training.errors import RunError
from training.exposure import all_others, keep_others
from training.fit import build_model, calibrate, load_model, save_weights, splits_of
from training.pairing import MEMBERS_FILE
from training.recipe import Backbone, EfficientNetLite
from training.run import Run, RunConfig
from training.settings import TrainingSettings

FEWEST = 2


def average(runs: Sequence[Run], folder: Path, settings: TrainingSettings) -> Run:
    """Write the run of the mean, calibrated on validation if none of the runs was fitted on it.

    Args:
        runs: finished runs of the same network on the same data, two or more; what is not of the
            weights (seed, schedule, environment, epochs) is recorded as the first one's.
        folder: the new run's.
        settings: where the data is.

    Raises:
        DataError: the data cannot be used.
        RunError: fewer than two runs, one that is not finished, runs of other networks, data or
            images, or that did not begin with the same weights; or the folder holds another run.
    """
    if len(runs) < FEWEST:
        raise RunError("a mean is of two runs or more")
    for run in runs:
        run.require_finished()
    for one, other in pairwise(runs):
        _require_alike(one, other)
    first = runs[0]
    recipe = first.config.recipe.model_copy(
        update={
            "name": f"{first.config.recipe.name}-averaged",
            "summary": f"the mean weights of {len(runs)} runs",
        }
    )
    config = RunConfig(
        recipe=recipe,
        seed=first.config.seed,
        fitted_on=first.config.fitted_on,
        beginning=first.config.beginning,
        others=first.config.others,
    )
    mean = Run.start(folder, config)
    if config.others:
        keep_others(mean, all_others(first))
    for name in ("environment.json", "data.json", "model.json"):
        mean.write(name, first.read(name))
    members = [
        {"config": run.config.model_dump(mode="json"), "weights": run.as_beginning().sha256}
        for run in runs
    ]
    mean.write(MEMBERS_FILE, {"members": members})
    weights = zip(*(load_model(run).get_weights() for run in runs), strict=True)
    model = build_model(recipe)
    model.set_weights([np.mean(alike, axis=0, dtype=np.float64) for alike in weights])
    save_weights(model, mean.weights)
    if config.fitted_on == "train":
        calibrate(mean, splits_of(mean, settings).validation)
    return mean


def _require_alike(one: Run, other: Run) -> None:
    mine, theirs = one.config, other.config
    if mine.recipe.model != theirs.recipe.model:
        raise RunError(f"{one.folder} and {other.folder} are of different networks")
    if one.read("data.json")["sha256"] != other.read("data.json")["sha256"]:
        raise RunError(f"{one.folder} and {other.folder} are of different data")
    if mine.fitted_on != theirs.fitted_on:
        raise RunError(f"one of {one.folder} and {other.folder} has seen the validation images")
    if mine.others != theirs.others:
        raise RunError(f"{one.folder} and {other.folder} were shown different other things")
    if _origin(one) is None or _origin(one) != _origin(other):
        raise RunError(
            f"{one.folder} and {other.folder} did not begin with the same weights, so that their "
            "mean would be of no use"
        )


def _origin(run: Run) -> str | None:
    """What weights a run began with; None for random ones."""
    model = run.config.recipe.model
    published = isinstance(model, EfficientNetLite) or (
        isinstance(model, Backbone) and model.weights == "imagenet"
    )
    if published:
        return "ImageNet"
    return run.config.beginning.sha256 if run.config.beginning else None
