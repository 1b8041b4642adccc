"""Fits the last layer alone, by logistic regression on features that are computed once.

The frozen network looks at each training image as it is and in a few variants; what it saw is kept
in the run folder, so that a fit that was stopped goes on. How firmly the weights are held small is
chosen by cross-validation among the training images, all variants of an image on one side; the
validation images take no part.
"""

import warnings
from itertools import count
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from training.augmentation import augment
from training.calibration import negative_log_likelihood
from training.callbacks import Progress
from training.data import Split
from training.errors import RunError
from training.optimisation import LogisticHead
from training.run import Run

RECORD = "head.json"
FEATURES = "features"
BATCH = 64
ITERATIONS = 500

Array = NDArray[np.float32]


def fit_head(
    model: keras.Model, run: Run, train: Split, head: LogisticHead, progress: Progress
) -> None:
    """Put the weights of a logistic regression into the model's layer `logits`.

    Raises:
        RunError: the model has no layers `features` and `logits`.
    """
    seen = _seen(model, run, train, head, progress)
    scale = float(seen.std()) or 1.0
    centre = seen.mean(axis=(0, 1))
    scaled = (seen - centre) / scale
    losses = {
        strength: _cross_validated(scaled, train.labels, head, strength, run.config.seed)
        for strength in head.strengths
    }
    best = min(losses, key=lambda strength: losses[strength])
    kernel, bias = _regression(scaled, train.labels, best)
    kernel = kernel / scale
    model.get_layer("logits").set_weights([kernel, bias - centre @ kernel])
    run.write(
        RECORD,
        {
            "strength": best,
            "folds": head.folds,
            "variants": head.variants,
            "negative_log_likelihood": {f"{key:g}": loss for key, loss in losses.items()},
        },
    )


def _seen(
    model: keras.Model, run: Run, train: Split, head: LogisticHead, progress: Progress
) -> Array:
    """Features [variants, N, D]; those that the run folder has are not computed again."""
    try:
        features = keras.Model(model.input, model.get_layer("features").output)
        model.get_layer("logits")
    except ValueError as error:
        raise RunError(f"{model.name} has no layers 'features' and 'logits'") from error
    folder = run.folder / FEATURES
    folder.mkdir(exist_ok=True)
    kept = [folder / f"{number}.npy" for number in range(head.variants)]
    done = next(number for number in count() if number == len(kept) or not kept[number].is_file())
    progress.begin(epochs=head.variants, done=done, images=len(train))
    step = tf.function(lambda images: tf.cast(features(images, training=False), tf.float32))
    for number in range(done, head.variants):
        parts = []
        for start in range(0, len(train), BATCH):
            images = _variant(train.images[start : start + BATCH], run, number, start)
            parts.append(step(images).numpy())
            progress.step(images=len(images), loss=0.0, accuracy=0.0)
        _keep(np.concatenate(parts), kept[number])
    return np.stack([np.load(path, allow_pickle=False) for path in kept])


def _variant(images: NDArray[np.uint8], run: Run, number: int, start: int) -> tf.Tensor:
    batch = tf.constant(images)
    if not number:
        return batch
    return augment(
        batch,
        tf.range(start, start + len(images), dtype=tf.int64),
        augmentation=run.config.recipe.augmentation,
        seed=run.config.seed,
        epoch=tf.constant(number, tf.int64),
        # Unique to the variant and the batch.
        step=tf.constant(number + (start << 8), tf.int64),
    )


def _keep(array: Array, path: Path) -> None:
    temporary = path.with_name(f"partial.{path.name}")
    np.save(temporary, array, allow_pickle=False)
    temporary.replace(path)


def _cross_validated(
    scaled: Array, labels: NDArray[np.int64], head: LogisticHead, strength: float, seed: int
) -> float:
    """Negative log-likelihood, in nats, of unvaried images that the regression has not seen."""
    folds = StratifiedKFold(head.folds, shuffle=True, random_state=seed)
    losses = []
    for fitted, held in folds.split(labels, labels):
        kernel, bias = _regression(scaled[:, fitted], labels[fitted], strength)
        logits = scaled[0, held] @ kernel + bias
        losses.append(negative_log_likelihood(logits, labels[held]))
    return float(np.mean(losses))


def _regression(scaled: Array, labels: NDArray[np.int64], strength: float) -> tuple[Array, Array]:
    """Kernel [D, classes] and bias [classes] for features [variants, N, D].

    `strength` weighs the mean over images against the penalty of weights: the greater, the freer.
    """
    variants, number, width = scaled.shape
    regression = LogisticRegression(C=strength / variants, max_iter=ITERATIONS)
    with warnings.catch_warnings():
        # Where that is not enough the penalty is so weak that cross-validation rules it out.
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(scaled.reshape(variants * number, width), np.tile(labels, variants))
    kernel, bias = regression.coef_.T, regression.intercept_
    if kernel.shape[1] == 1:
        # scikit-learn gives two classes one column; its halves say the same.
        kernel, bias = np.hstack([-kernel, kernel]) / 2, np.hstack([-bias, bias]) / 2
    return kernel.astype(np.float32), bias.astype(np.float32)
