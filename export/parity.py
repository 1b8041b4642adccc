"""Keras against the file that ships, through the service's own loader, on real images."""

from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.errors import ParityError
from export.network import Network
from service.classifier import Classifier
from service.errors import InferenceFailed

MINIMUM_IMAGES = 2_000
TOLERANCE = 1e-3
BATCH = 100
# Images that are also sent alone, since a batch of one takes other paths through the kernels.
SINGLES = 200


@dataclass(frozen=True, slots=True)
class Parity:
    """How close the two came: the largest difference of a logit, over `images` images.

    `evidence` [images, evidence_size] is what the file gave.
    """

    images: int
    largest_difference: float
    evidence: NDArray[np.float32] = field(repr=False, compare=False)


def prove_parity(network: Network, classifier: Classifier, images: NDArray[np.uint8]) -> Parity:
    """Compare what both give for images [N, H, W, C], in batches and one by one.

    Raises:
        ParityError: there are too few images, the file fails on some, a top-1 differs, a logit by
            more than `TOLERANCE`, or a familiarity by more than that share of the largest.
    """
    if len(images) < MINIMUM_IMAGES:
        raise ParityError(f"parity needs {MINIMUM_IMAGES} images or more, got {len(images)}")
    # On a processor, because a GPU's TensorFloat-32 would make Keras the less exact of the two.
    with tf.device("CPU:0"):
        expected = network.evidence_of(images)
    try:
        together = classifier_evidence(classifier, images)
        alone = classifier_evidence(classifier, images[:SINGLES], batch=1)
    except InferenceFailed as error:
        raise ParityError("the ONNX file gives no finite logits for real images") from error
    classes = network.model.output_shape[-1]
    largest = max(
        _difference(given, wanted, classes)
        for given, wanted in ((together, expected), (alone, expected[:SINGLES]))
    )
    return Parity(len(images), largest, together)


def classifier_evidence(
    classifier: Classifier, images: NDArray[np.uint8], batch: int = BATCH
) -> NDArray[np.float32]:
    """Evidence [N, evidence_size] of any number of images [N, H, W, C], `batch` at a time."""
    starts = range(0, len(images), batch)
    return np.concatenate([classifier.run(images[start : start + batch]) for start in starts])


def classifier_logits(
    classifier: Classifier, images: NDArray[np.uint8], batch: int = BATCH
) -> NDArray[np.float32]:
    """Logits [N, classes] of any number of images [N, H, W, C], `batch` at a time."""
    evidence = classifier_evidence(classifier, images, batch)
    return evidence[:, : len(classifier.manifest.labels)]


def _difference(given: NDArray[np.float32], expected: NDArray[np.float32], classes: int) -> float:
    """The largest difference of a logit, the first `classes` of each row.

    Raises:
        ParityError: a top-1 differs, or a number by more than it may.
    """
    differences = np.abs(given - expected)
    logits, others = differences[:, :classes], differences[:, classes:]
    turned = int((given[:, :classes].argmax(axis=1) != expected[:, :classes].argmax(axis=1)).sum())
    largest = float(logits.max())
    # Not `largest > TOLERANCE`, which a NaN would pass.
    if turned or not largest <= TOLERANCE:
        raise ParityError(
            f"the ONNX file and Keras differ: another top-1 on {turned} of {len(expected)} images, "
            f"a logit by {largest:.2g} where {TOLERANCE:g} is allowed; nothing was written"
        )
    allowed = TOLERANCE * max(1.0, float(np.abs(expected[:, classes:]).max(initial=0)))
    if not others.max(initial=0) <= allowed:
        raise ParityError(
            f"the ONNX file and Keras differ in a familiarity by {others.max():.2g} where "
            f"{allowed:.2g} is allowed; nothing was written"
        )
    return largest
