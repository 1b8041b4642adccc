"""How much a picture is like those that a model was fitted on: what tells a face from a cat.

A model says which of its classes a picture is most like, and is as sure of it for a picture of
something else. A reference, taken from the features of training images, gives the graph a second
output, the higher the more familiar. Thresholds are quantiles of validation images, which are all
of known classes.

Methods, compared on unknown pictures by `bench.unknown`; all but the last are fitted to no kind of
unknown picture:

- `energy`: the logarithm of the sum of the logits' exponentials (Liu 2020, arXiv 2010.03759).
- `neighbours`: the cosine to the k-th nearest training image (Sun 2022, arXiv 2204.06507), in the
  main directions of the features.
- `relative`: the negative Mahalanobis distance to the nearest class, less the one to all of them
  (Ren 2021, arXiv 2106.09022), in the same directions.
- `outliers`: a linear probe that was shown pictures of other things (`training.outliers`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.errors import RunError
from training.models.pair import PairModel
from training.run import Run

FittedMethod = Literal["energy", "neighbours", "relative"]
Method = FittedMethod | Literal["outliers"]
METHODS: tuple[FittedMethod, ...] = get_args(FittedMethod)
Arrays = dict[str, NDArray[np.float32]]

ARRAYS_FILE = "familiarity.npz"
RECORD_FILE = "familiarity.json"

# Directions that are kept of the features, and training images that stay as neighbours: together
# less than 2 MB in the bundle, for features of 1,280 numbers.
DIRECTIONS = 128
NEIGHBOURS = 2_000
NEAREST = 10
# Added to variances, as a share of their mean, so that silent directions do not shout.
RIDGE = 1e-3


@dataclass(frozen=True, slots=True)
class Reference:
    """What the score of `method` needs of the training images."""

    method: Method
    arrays: Arrays

    def score(self, features: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Familiarity float32 [N] of features [N, D] and logits [N, classes]."""
        return _SCORES[self.method](self.arrays, features, logits)


def with_features(model: keras.Model) -> keras.Model:
    """The model with its features behind its logits: [N, classes + D].

    Raises:
        RunError: the model has no layer that is called `features`.
    """
    features = model.features if isinstance(model, PairModel) else _features_layer(model).output
    output = keras.layers.Concatenate(dtype="float32")([model.output, features])
    return keras.Model(model.input, output, name=model.name)


def _features_layer(model: keras.Model) -> keras.Layer:
    try:
        return model.get_layer("features")
    except ValueError as error:
        raise RunError(f"{model.name} has no layer 'features' to tell the familiar by") from error


def fit_reference(
    method: FittedMethod, features: NDArray[np.float32], labels: NDArray[np.int64], *, seed: int = 0
) -> Reference:
    """The reference of training images, from their features [N, D] and labels [N]."""
    if method == "energy":
        return Reference(method, {})
    projection = _projection(features)
    projected = _project(projection, features).numpy()
    fitted = (_bank if method == "neighbours" else _distances)(projected, labels, seed)
    return Reference(method, {**projection, **fitted})


def read_reference(run: Run) -> Reference | None:
    """The run's reference; None if none was fitted."""
    path: Path = run.folder / ARRAYS_FILE
    if not path.is_file():
        return None
    with np.load(path) as arrays:
        return Reference(run.read(RECORD_FILE)["method"], dict(arrays))


def _projection(features: NDArray[np.float32]) -> Arrays:
    """The main directions [D, d] of features of length one, and their mean [D]."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    mean = unit.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(unit - mean, rowvar=False))
    kept = directions[:, ::-1][:, : min(DIRECTIONS, directions.shape[1])]
    return {"mean": mean.astype(np.float32), "directions": kept.astype(np.float32)}


def _project(arrays: Arrays, features: NDArray[np.float32] | tf.Tensor) -> tf.Tensor:
    unit = tf.math.l2_normalize(tf.cast(features, tf.float32), axis=1)
    return tf.matmul(unit - arrays["mean"], arrays["directions"])


def _bank(projected: NDArray[np.float32], _: NDArray[np.int64], seed: int) -> Arrays:
    count = min(NEIGHBOURS, len(projected))
    kept = projected[np.random.default_rng(seed).choice(len(projected), count, replace=False)]
    unit: NDArray[np.float32] = kept / np.linalg.norm(kept, axis=1, keepdims=True)
    return {"neighbours": unit}


def _distances(projected: NDArray[np.float32], labels: NDArray[np.int64], _: int) -> Arrays:
    """Whitening within classes and overall, and where the class centres then are."""
    classes = np.unique(labels)
    centres = np.stack([projected[labels == label].mean(axis=0) for label in classes])
    within = _whitening(projected - centres[np.searchsorted(classes, labels)])
    overall = _whitening(projected - projected.mean(axis=0))
    return {
        "within": within,
        "centres": (centres @ within).astype(np.float32),
        "overall": overall,
        "centre": (projected.mean(axis=0) @ overall).astype(np.float32),
    }


def _whitening(centred: NDArray[np.float32]) -> NDArray[np.float32]:
    covariance = np.cov(centred, rowvar=False)
    ridge = RIDGE * np.trace(covariance) / len(covariance)
    variances, directions = np.linalg.eigh(covariance)
    whitening: NDArray[np.float32] = (directions / np.sqrt(variances + ridge)).astype(np.float32)
    return whitening


def energy(logits: tf.Tensor) -> tf.Tensor:
    """The logarithm [N] of the sum of the exponentials of logits [N, classes]."""
    # Written out: tf2onnx turns `reduce_logsumexp` into ten nodes with a check for infinities.
    top = tf.reduce_max(logits, axis=1)
    return top + tf.math.log(tf.reduce_sum(tf.exp(logits - top[:, None]), axis=1))


def _outliers(arrays: Arrays, features: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    weights = arrays["weights"][:, None]
    seen = tf.matmul(features, weights[:-1])[:, 0]
    return seen + weights[-1, 0] * energy(logits) + arrays["bias"][0]


def _neighbours(arrays: Arrays, features: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    unit = tf.math.l2_normalize(_project(arrays, features), axis=1)
    cosines = tf.matmul(unit, arrays["neighbours"], transpose_b=True)
    nearest = min(NEAREST, len(arrays["neighbours"]))
    return tf.math.top_k(cosines, nearest).values[:, nearest - 1]


def _relative(arrays: Arrays, features: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    projected = _project(arrays, features)
    within = tf.matmul(projected, arrays["within"])
    apart = within[:, None, :] - arrays["centres"][None]
    nearest = tf.reduce_min(tf.reduce_sum(apart * apart, axis=2), axis=1)
    overall = tf.matmul(projected, arrays["overall"]) - arrays["centre"]
    return tf.reduce_sum(overall * overall, axis=1) - nearest


Score = Callable[[Arrays, tf.Tensor, tf.Tensor], tf.Tensor]
_SCORES: dict[Method, Score] = {
    "energy": lambda _, __, logits: energy(logits),
    "neighbours": _neighbours,
    "relative": _relative,
    "outliers": _outliers,
}
