"""Keras against the file that ships, through the service's own loader, on real images."""

from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.errors import ParityError
from service.classifier import Classifier
from service.errors import InferenceFailed
from training.recipe import Views
from training.views import logits_of

MINIMUM_IMAGES = 2_000
TOLERANCE = 1e-3
BATCH = 100
# Images that are also sent alone, since a batch of one takes other paths through the kernels.
SINGLES = 200


@dataclass(frozen=True, slots=True)
class Parity:
    """How close the two came: the largest difference of a logit, over `images` images.

    `logits` [images, classes] are what the file gave.
    """

    images: int
    largest_difference: float
    logits: NDArray[np.float32] = field(repr=False, compare=False)


def prove_parity(
    model: keras.Model, views: Views, classifier: Classifier, images: NDArray[np.uint8]
) -> Parity:
    """Compare the logits of both on images [N, H, W, C], in batches and one by one.

    Raises:
        ParityError: there are too few images, the file fails on some, a top-1 differs, or a logit
            by more than `TOLERANCE`.
    """
    if len(images) < MINIMUM_IMAGES:
        raise ParityError(f"parity needs {MINIMUM_IMAGES} images or more, got {len(images)}")
    # On a processor, because a GPU's TensorFloat-32 would make Keras the less exact of the two.
    with tf.device("CPU:0"):
        expected = logits_of(model, views, images)
    try:
        together = classifier_logits(classifier, images)
        alone = classifier_logits(classifier, images[:SINGLES], batch=1)
    except InferenceFailed as error:
        raise ParityError("the ONNX file gives no finite logits for real images") from error
    largest = max(_difference(together, expected), _difference(alone, expected[:SINGLES]))
    return Parity(len(images), largest, together)


def classifier_logits(
    classifier: Classifier, images: NDArray[np.uint8], batch: int = BATCH
) -> NDArray[np.float32]:
    """Logits [N, classes] of any number of images [N, H, W, C], `batch` at a time."""
    starts = range(0, len(images), batch)
    return np.concatenate([classifier.run(images[start : start + batch]) for start in starts])


def _difference(given: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The largest difference of a logit.

    Raises:
        ParityError: a top-1 differs, or a logit by more than `TOLERANCE`.
    """
    others = int((given.argmax(axis=1) != expected.argmax(axis=1)).sum())
    largest = float(np.abs(given - expected).max())
    # Not `largest > TOLERANCE`, which a NaN would pass.
    if others or not largest <= TOLERANCE:
        raise ParityError(
            f"the ONNX file and Keras differ: another top-1 on {others} of {len(expected)} images, "
            f"a logit by {largest:.2g} where {TOLERANCE:g} is allowed; nothing was written"
        )
    return largest
