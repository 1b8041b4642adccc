"""Finished runs without a fit: random weights of the real models, in a real run folder.

Their data set is four colours as in `tests/colours.py`, with images of CIFAR-10's size and as many
of them for validation as the proof of parity asks for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import keras
import numpy as np

from export.parity import MINIMUM_IMAGES
from tests.colours import CLASSES, SGD, colour_split, write_parquet
from training.data import Split, load_splits, split_digest
from training.datasets import Archive, DataSet, find_data_set, register_data_set
from training.errors import DataError
from training.fit import build_model, calibrate
from training.layers import LearnsFromImages
from training.recipe import Airbench, Fit, Pair, Recipe, ResNet, TinyCnn, Triangle
from training.run import Run, RunConfig
from training.settings import TrainingSettings

NAME = "many-colours"
SIDE = 32
TRAIN, TEST = MINIMUM_IMAGES + 40, 60


def large_split(count: int, seed: int) -> Split:
    """Return so many images uint8 [N, 32, 32, 3]: the colours at twice their size."""
    split = colour_split(count, seed)
    return Split(split.images.repeat(2, axis=1).repeat(2, axis=2), split.labels)


def recipe_of(
    model: Airbench | Pair | ResNet | TinyCnn,
    views: Literal["single", "flip", "flip-shift"] = "single",
    name: str = "random",
) -> Recipe:
    """Return a recipe for the four colours; nobody will follow it."""
    return Recipe(
        name=name,
        family="random",
        summary="random weights",
        data=NAME,
        model=model,
        fit=Fit(epochs=1, batch_size=20, optimiser=SGD, schedule=Triangle()),
        views=views,
    )


TINY = recipe_of(TinyCnn(width=4), "flip")


def many_colours() -> DataSet:
    """Return the data set, known by its name from now on."""
    try:
        return find_data_set(NAME)
    except DataError:
        return register_data_set(
            DataSet(
                name=NAME,
                archive=Archive("http://127.0.0.1:9/many.tar.gz", 1, "0" * 64),
                shape=(SIDE, SIDE, 3),
                classes=CLASSES,
                train_size=TRAIN,
                test_size=TEST,
                validation_size=MINIMUM_IMAGES,
                train_sha256=split_digest(large_split(TRAIN, seed=3)),
                test_sha256=split_digest(large_split(TEST, seed=4)),
            )
        )


def write_many_colours(folder: Path) -> TrainingSettings:
    """Write both halves in the Hugging Face layout and return settings that find them."""
    target = folder / many_colours().name
    target.mkdir(parents=True)
    write_parquet(target / "train.parquet", large_split(TRAIN, seed=3))
    write_parquet(target / "test.parquet", large_split(TEST, seed=4))
    return TrainingSettings(data_dir=folder, cache_dir=folder / "cache", runs_dir=folder / "runs")


def write_run(
    folder: Path,
    recipe: Recipe = TINY,
    *,
    seed: int = 0,
    fitted_on: Literal["train", "all"] = "train",
    validation: Split | None = None,
) -> Run:
    """Write a run of random weights, calibrated if there are validation images."""
    run = Run.start(folder, RunConfig(recipe=recipe, seed=seed, fitted_on=fitted_on))
    run.write("environment.json", {"commit": "0" * 40, "versions": {"keras": keras.__version__}})
    digest = find_data_set(recipe.data).train_sha256
    run.write("data.json", {"name": recipe.data, "sha256": digest, "train": 40, "validation": 2000})
    write_random_weights(run, seed)
    if validation is not None:
        calibrate(run, validation)
    return run


def write_random_weights(run: Run, seed: int, *, spoiled: bool = False) -> None:
    """Write weights as a fit might leave them; spoiled ones hold what is not a number."""
    keras.mixed_precision.set_dtype_policy("float32")
    keras.utils.set_random_seed(seed)
    model = build_model(run.config.recipe)
    generator = np.random.default_rng(seed)
    images = large_split(100, seed=5).images
    if hasattr(model, "adapt_to"):
        model.adapt_to(images)
    for layer in model.layers:
        if isinstance(layer, LearnsFromImages):
            layer.adapt_to(images)
    for weight in model.weights:
        if weight.path.endswith("variance"):
            weight.assign(generator.uniform(0.3, 3.0, weight.shape))
        elif weight.path.endswith(("shift", "moving_mean", "beta", "bias")):
            weight.assign(generator.normal(0, 0.4, weight.shape))
    if spoiled:
        model.weights[-1].assign(np.full(model.weights[-1].shape, np.nan))
    model.save_weights(run.weights)


def validation_of(settings: TrainingSettings) -> Split:
    """Return the validation split of the many colours."""
    return load_splits(NAME, settings).validation
