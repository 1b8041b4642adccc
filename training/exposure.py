"""Outlier exposure: pictures of other things that a fit is shown beside those of its classes.

To the loss each of them is of every class alike (Hendrycks 2019, arXiv 1812.04606), so that the
network keeps features that tell strangers, which it would forget while it learns its classes. A
quarter of the pictures is held back from every fit: what says of them "familiar" is wrong, and has
not learned it by heart.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from training.drawn import drawn
from training.errors import RunError
from training.labelled import input_of
from training.resizing import resized
from training.run import OtherPictures, Run

Pictures = NDArray[np.uint8]

# One picture in so many is held back, and so many of each drawn kind are shown as well.
HELD_BACK: Final = 4
DRAWN: Final = 40
FEWEST: Final = 2 * HELD_BACK
# The same parts for every seed of a fit, so that a mean of fits has seen none of those held back.
SPLIT_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Others:
    """Pictures uint8 [N, H, W, C] of other things: what a fit is shown, and what it never sees."""

    shown: Pictures
    held_back: Pictures


def describe_others(pictures: Pictures) -> OtherPictures:
    """What a run is known by that is shown these pictures.

    Raises:
        RunError: there are too few to hold some back.
    """
    if len(pictures) < FEWEST:
        raise RunError(f"{len(pictures)} pictures of other things are too few; {FEWEST} at least")
    digest = hashlib.sha256(np.ascontiguousarray(pictures).tobytes()).hexdigest()
    return OtherPictures(sha256=digest, count=len(pictures))


def keep_others(run: Run, pictures: Pictures) -> None:
    """Put the pictures into the run's folder, whole or not at all, unless they are there."""
    if run.others.exists():
        return
    partial = run.others.with_name("partial.others.npz")
    np.savez_compressed(partial, x=pictures)
    partial.replace(run.others)


def all_others(run: Run) -> Pictures:
    """The pictures in the run's folder, shown and held back.

    Raises:
        RunError: they are not there, or not the ones that the run was started with.
    """
    try:
        with np.load(run.others) as arrays:
            pictures: Pictures = arrays["x"]
    except OSError as error:
        raise RunError(f"{run.folder} has lost its pictures of other things") from error
    if describe_others(pictures) != run.config.others:
        raise RunError(f"{run.others} is not what the run was started with")
    return pictures


def others_of(run: Run) -> Others:
    """The run's pictures of other things, of its size; errors as for `all_others`."""
    pictures = fitting(run, all_others(run))
    order = np.random.default_rng(SPLIT_SEED).permutation(len(pictures))
    back = len(pictures) // HELD_BACK
    return Others(pictures[np.sort(order[back:])], pictures[np.sort(order[:back])])


def fitting(run: Run, pictures: Pictures) -> Pictures:
    """Pictures at the size that the run's network takes."""
    spec = input_of(run)
    return resized(pictures, spec.height, spec.width)


def shown_to(run: Run) -> Pictures | None:
    """What a fit is shown: the run's own, and some of each drawn kind; None without any."""
    if run.config.others is None:
        return None
    kinds = drawn(input_of(run), DRAWN, run.config.seed)
    return np.concatenate([others_of(run).shown, *kinds.values()])


@keras.saving.register_keras_serializable(package="rotulo")
class KnownAccuracy(keras.metrics.CategoricalAccuracy):
    """The share of right labels among pictures that are not of every class alike."""

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Count a batch: targets and logits [N, classes]."""
        del sample_weight  # A fit has none.
        known = ops.max(y_true, axis=-1) > ops.min(y_true, axis=-1)
        super().update_state(y_true, y_pred, ops.cast(known, "float32"))
