"""Looks at a data set before anything is fitted to it, and writes down what there is to see.

A folder with `exploration.json` and pictures; the report of a run on the same data takes its
findings from there. The test half is counted and compared with the training half for duplicates,
and none of its images is shown: nothing here may lead to a choice by it.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from training.data import Split, class_counts, load_test, load_whole_training_half
from training.datasets import DataSet, find_data_set
from training.duplicates import Found, near_duplicates
from training.figures import mosaic_png
from training.human_labels import LabelNoise, find_file, label_noise
from training.own_data import OwnData
from training.run import write_atomically
from training.settings import TrainingSettings

RECORD: Final = "exploration.json"
SAMPLES_PICTURE: Final = "samples.png"
MEANS_PICTURE: Final = "means.png"
DUPLICATES_PICTURE: Final = "duplicates.png"
SAMPLES: Final = 10
PAIRS_SHOWN: Final = 8
# Pixels that a small image is enlarged to.
SIDE: Final = 64
BLOCK: Final = 1024


class Duplicates(BaseModel):
    """How many pairs of images are the same picture or nearly; those of other labels among them.

    `images` are those in any pair, of the second split where there are two. `complete` is false
    where there were too many candidates to look at all.
    """

    model_config = ConfigDict(frozen=True)

    pairs: int
    identical: int
    other_label: int
    images: int
    complete: bool


class Exploration(BaseModel):
    """What was seen. Means and deviations are of pixel values in 0..255, a number a channel."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train: tuple[int, ...]
    test: tuple[int, ...] | None
    channel_means: tuple[float, ...]
    channel_deviations: tuple[float, ...]
    within_train: Duplicates
    within_test: Duplicates | None
    across: Duplicates | None
    label_noise: LabelNoise | None


def exploration_folder(settings: TrainingSettings, name: str) -> Path:
    """Where the exploration of a data set of that name is, unless another place was named."""
    return settings.runs_dir / "explored" / name


def read_exploration(folder: Path, sha256: str) -> Exploration | None:
    """The exploration of the data with that digest; None if there is none here."""
    try:
        found = Exploration.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found.sha256 == sha256 else None


def explore(data: str | OwnData, settings: TrainingSettings, folder: Path) -> Exploration:
    """Look at a data set and write what was found, and pictures, into `folder`.

    Raises:
        DataError: the data cannot be used.
    """
    data_set = find_data_set(data)
    train = load_whole_training_half(data, settings)
    test = load_test(data, settings) if data_set.test_size else None
    within = near_duplicates(train.images)
    mean, deviation = _moments(train.images)
    total = len(data_set.classes)
    exploration = Exploration(
        name=data_set.name,
        sha256=data_set.train_sha256,
        shape=data_set.shape,
        classes=tuple(label.id for label in data_set.classes),
        train=tuple(class_counts(train, total)),
        test=tuple(class_counts(test, total)) if test else None,
        channel_means=mean,
        channel_deviations=deviation,
        within_train=_counted(within, train, train),
        within_test=_counted(near_duplicates(test.images), test, test) if test else None,
        across=_counted(near_duplicates(train.images, test.images), train, test) if test else None,
        label_noise=_people(data_set, settings, train, test),
    )
    folder.mkdir(parents=True, exist_ok=True)
    _draw(folder, train, total, within)
    write_atomically(folder / RECORD, exploration.model_dump_json(indent=2) + "\n")
    return exploration


def _counted(found: Found, first: Split, second: Split) -> Duplicates:
    within = first is second
    images = {pair.second for pair in found.pairs}
    if within:
        images |= {pair.first for pair in found.pairs}
    differ = sum(first.labels[pair.first] != second.labels[pair.second] for pair in found.pairs)
    return Duplicates(
        pairs=len(found.pairs),
        identical=sum(pair.distance == 0 for pair in found.pairs),
        other_label=int(differ),
        images=len(images),
        complete=found.complete,
    )


def _moments(images: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, in blocks: a copy in floats would be large."""
    channels = images.shape[3]
    sums, squares = np.zeros(channels), np.zeros(channels)
    for start in range(0, len(images), BLOCK):
        values = images[start : start + BLOCK].reshape(-1, channels).astype(np.float64)
        sums += values.sum(axis=0)
        squares += (values**2).sum(axis=0)
    number = images.size / channels
    mean = sums / number
    deviation = np.sqrt(np.maximum(squares / number - mean**2, 0))
    return tuple(map(float, mean)), tuple(map(float, deviation))


def _people(
    data_set: DataSet, settings: TrainingSettings, train: Split, test: Split | None
) -> LabelNoise | None:
    """What people answered, where their answers lie beside the data."""
    file = find_file(settings, data_set)
    if file is None:
        return None
    labels = test.labels if test else None
    return label_noise(file, train.labels, labels, len(data_set.classes))


def _draw(folder: Path, train: Split, classes: int, within: Found) -> None:
    scale = max(1, SIDE // max(train.images.shape[1:3]))
    rows, means = [], []
    for index in range(classes):
        images = train.images[train.labels == index]
        rows.append(images[:SAMPLES])
        mean = images.mean(axis=0, dtype=np.float64)
        deviation = images.std(axis=0, dtype=np.float64)
        spread = 255 * deviation / max(float(deviation.max()), 1.0)
        means.append(np.stack([mean, spread]).round().astype(np.uint8))
    (folder / SAMPLES_PICTURE).write_bytes(mosaic_png(rows, scale))
    (folder / MEANS_PICTURE).write_bytes(mosaic_png(means, scale))
    picture = folder / DUPLICATES_PICTURE
    picture.unlink(missing_ok=True)
    shown = within.pairs[:PAIRS_SHOWN]
    if shown:
        pairs = [train.images[[pair.first, pair.second]] for pair in shown]
        picture.write_bytes(mosaic_png(pairs, scale))
