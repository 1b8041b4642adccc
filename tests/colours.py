"""A data set that is fitted in seconds: noisy squares of four colours, made by a seed.

It has what CIFAR-10 has (a digest, splits, names in two languages) and goes through the same
loading code, from Parquet in the Hugging Face layout.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from training.data import Split, split_digest
from training.datasets import Archive, ClassName, DataSet, find_data_set, register_data_set
from training.errors import DataError
from training.recipe import (
    Airbench,
    Augmentation,
    Fit,
    Lookahead,
    NesterovSgd,
    Recipe,
    TinyCnn,
    Triangle,
)
from training.recipes import all_recipes, register

SIDE = 16
TRAIN, TEST, VALIDATION = 240, 80, 40
HUES = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [190, 190, 60]])
CLASSES = (
    ClassName("red", "rojo", "red"),
    ClassName("green", "verde", "green"),
    ClassName("blue", "azul", "blue"),
    ClassName("yellow", "amarillo", "yellow"),
)
SGD = NesterovSgd(learning_rate=0.05, weight_decay=1e-4, bias_factor=8.0)

TINY = Recipe(
    name="colours-tiny",
    family="colours",
    summary="two small convolutions on four colours",
    data="colours",
    model=TinyCnn(width=4),
    augmentation=Augmentation(flip="random", translate=2),
    fit=Fit(epochs=3, batch_size=20, optimiser=SGD, schedule=Triangle()),
    views="flip",
)
# All that can go wrong when a run is resumed: frozen weights, slow weights, alternating flips.
NARROW = Recipe(
    name="colours-airbench",
    family="colours",
    summary="airbench, narrow, on four colours",
    data="colours",
    model=Airbench(widths=(8, 8, 8)),
    augmentation=Augmentation(flip="alternating", translate=2),
    fit=Fit(
        epochs=4,
        batch_size=20,
        optimiser=SGD,
        schedule=Triangle(),
        label_smoothing=0.2,
        lookahead=Lookahead(every=3),
        whitening_bias_epochs=2,
    ),
)


def colour_split(count: int, seed: int) -> Split:
    """Return so many images uint8 [N, 16, 16, 3] with labels in turn, in a shuffled order."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(count) % len(CLASSES))
    noise = generator.normal(0, 60, (count, SIDE, SIDE, 3))
    images = np.clip(HUES[labels][:, None, None] + noise, 0, 255).astype(np.uint8)
    return Split(images, labels.astype(np.int64))


def colours() -> DataSet:
    """Return the data set, known by its name from now on."""
    try:
        return find_data_set("colours")
    except DataError:
        return register_data_set(
            DataSet(
                name="colours",
                archive=Archive("http://127.0.0.1:9/colours.tar.gz", 1, "0" * 64),
                shape=(SIDE, SIDE, 3),
                classes=CLASSES,
                train_size=TRAIN,
                test_size=TEST,
                validation_size=VALIDATION,
                train_sha256=split_digest(colour_split(TRAIN, seed=1)),
                test_sha256=split_digest(colour_split(TEST, seed=2)),
            )
        )


def write_colours(folder: Path) -> Path:
    """Write both halves as `FOLDER/colours/{train,test}.parquet` and return the folder."""
    data_set = colours()
    target = folder / data_set.name
    target.mkdir(parents=True, exist_ok=True)
    write_parquet(target / "train.parquet", colour_split(TRAIN, seed=1))
    write_parquet(target / "test.parquet", colour_split(TEST, seed=2))
    return folder


def write_parquet(path: Path, split: Split, *, column: str = "image") -> Path:
    """Write a split in the Hugging Face layout."""
    encoded = [
        {"bytes": png(image), "path": f"{row}.png"} for row, image in enumerate(split.images)
    ]
    pq.write_table(pa.table({column: encoded, "label": split.labels}), path)
    return path


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels [H, W, 3] or [H, W] as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def know_recipes() -> None:
    """Make both recipes known by their names, once."""
    for recipe in (TINY, NARROW):
        if recipe not in all_recipes():
            register(recipe)
