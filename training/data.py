"""Verified data: the training and validation splits of a named data set, and its test split.

`load_splits` never opens the test split; `load_test` is for `training.evaluate`, and for
`training.explore`, which counts it and looks for duplicates.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.cifar_archive import read_archive
from training.datasets import DataSet, find_data_set
from training.download import fetch
from training.errors import DataError
from training.layouts import Half
from training.own_data import OwnData
from training.own_images import Labelled, read_half
from training.parquet import read_parquet
from training.resizing import resized
from training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Split:
    """Images uint8 [N, H, W, C] and labels int64 [N]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Splits:
    """What fitting and choosing may see. `sha256` is the digest of the whole training half."""

    train: Split
    validation: Split
    sha256: str


def load_splits(data: str | OwnData, settings: TrainingSettings, *, seed: int = 0) -> Splits:
    """The training half, split into training and validation, stratified by class.

    The same seed gives the same split on any machine.

    Raises:
        DataError: a file is missing, short, damaged or not the expected one.
    """
    data_set = find_data_set(data)
    whole = _load_half(data_set, "train", settings)
    train, validation = _stratify(whole.labels, data_set.validation_size, seed)
    return Splits(_take(whole, train), _take(whole, validation), data_set.train_sha256)


def load_whole_training_half(data: str | OwnData, settings: TrainingSettings) -> Split:
    """Training and validation together, for the last fit of a recipe that is already frozen.

    Raises:
        DataError: as for `load_splits`.
    """
    return _load_half(find_data_set(data), "train", settings)


def load_test(data: str | OwnData, settings: TrainingSettings) -> Split:
    """The test half. Only `evaluate` calls this, and `explore` to count and compare it.

    Raises:
        DataError: as for `load_splits`, or there is no test half.
    """
    data_set = find_data_set(data)
    if not data_set.test_size:
        raise DataError(
            data_set.name, "has no test half", "Put pictures by class into train/ and test/."
        )
    return _load_half(data_set, "test", settings)


def split_of(labelled: Labelled) -> Split:
    """Images and labels as a split."""
    return Split(*labelled)


def split_digest(split: Split) -> str:
    """SHA-256 of the pixels followed by the labels as uint8, in hexadecimal."""
    digest = hashlib.sha256(np.ascontiguousarray(split.images).data)
    digest.update(split.labels.astype(np.uint8).tobytes())
    return digest.hexdigest()


def class_counts(split: Split, classes: int) -> list[int]:
    """How many images of each class index the split has: `classes` numbers."""
    return [int(count) for count in np.bincount(split.labels, minlength=classes)]


def _load_half(data_set: DataSet, half: Half, settings: TrainingSettings) -> Split:
    if data_set.enlarged_from is not None:
        original = _load_half(find_data_set(data_set.enlarged_from), half, settings)
        return Split(resized(original.images, *data_set.shape[:2]), original.labels)
    if data_set.own is not None:
        return _own_half(data_set.own, half, settings)
    if settings.data_dir is not None:
        source = _local_file(data_set, half, settings.data_dir)
        images, labels = read_parquet(source, data_set.shape)
    elif data_set.archive is not None:
        source = fetch(data_set.archive, settings.cache_dir / data_set.name)
        images, labels = read_archive(source, half)
    else:
        raise DataError(data_set.name, "is published nowhere", "Point ROTULO_DATA_DIR at a copy.")
    split = Split(images, labels)
    _check(split, data_set, half, source)
    return split


def _own_half(own: OwnData, half: Half, settings: TrainingSettings) -> Split:
    """The pictures where they were, or under their name in ROTULO_DATA_DIR."""
    path = Path(own.path)
    if not path.exists() and settings.data_dir is not None:
        path = settings.data_dir / own.name
    _, labelled = read_half(path, half, own.input)
    split = split_of(labelled)
    if split_digest(split) != (own.train_sha256 if half == "train" else own.test_sha256):
        raise DataError(
            path,
            f"its {half} pictures are not those that the run began with",
            "Put them back as they were, or begin another run.",
        )
    return split


def _local_file(data_set: DataSet, half: Half, folder: Path) -> Path:
    candidates = (folder / f"{half}.parquet", folder / data_set.name / f"{half}.parquet")
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise DataError(
        candidates[0],
        "is missing",
        f"Put the {half} half of {data_set.name} there in the Hugging Face Parquet layout, or "
        "unset ROTULO_DATA_DIR to fetch the public original.",
    )


def _check(split: Split, data_set: DataSet, half: Half, source: Path) -> None:
    expected = data_set.train_size if half == "train" else data_set.test_size
    if len(split) != expected:
        raise DataError(
            source,
            f"holds {len(split)} images where {data_set.name} has {expected} ({half})",
            "Delete it and fetch it again.",
        )
    digest = split_digest(split)
    wanted = data_set.train_sha256 if half == "train" else data_set.test_sha256
    if digest != wanted:
        raise DataError(
            source,
            f"its images and labels have the SHA-256 {digest}, not {wanted}",
            f"It is not the {half} half of {data_set.name}: delete it and fetch it again.",
        )


def _stratify(
    labels: NDArray[np.int64], validation_size: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of training and validation images, each class in its share, in ascending order."""
    classes, counts = np.unique(labels, return_counts=True)
    shares = counts * validation_size / len(labels)
    quotas = np.floor(shares).astype(int)
    # What rounding left over goes to the classes that lost most by it.
    for place in np.argsort(quotas - shares)[: validation_size - quotas.sum()]:
        quotas[place] += 1
    generator = np.random.default_rng(seed)
    chosen = [
        generator.permutation(np.flatnonzero(labels == label))[:quota]
        for label, quota in zip(classes, quotas, strict=True)
    ]
    validation = np.sort(np.concatenate(chosen))
    return np.setdiff1d(np.arange(len(labels)), validation), validation


def _take(split: Split, places: NDArray[np.int64]) -> Split:
    return Split(split.images[places], split.labels[places])
