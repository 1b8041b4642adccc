"""Images and targets in batches, for fitting and for validation."""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.augmentation import augment
from training.data import Split
from training.datasets import find_data_set
from training.mixing import mix
from training.recipe import Recipe
from training.run import RunConfig
from training.streams import Stream


def training_batches(
    split: Split,
    config: RunConfig,
    start: int,
    end: int,
    others: NDArray[np.uint8] | None = None,
) -> tf.data.Dataset:
    """Varied images and targets of the epochs from `start` to before `end`.

    Each batch is uint8 [N, H, W, C] and float32 [N, classes]; an epoch drops what fills no batch.
    With `others` [M, H, W, C] some of them come behind each batch, of every class alike.
    """
    recipe, seed = config.recipe, config.seed
    images, labels = tf.constant(split.images), tf.constant(split.labels)
    classes = len(find_data_set(recipe.data).classes)
    size = recipe.fit.batch_size
    steps = len(split) // size
    strangers = max(1, round(size * recipe.fit.others_share))

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(split), dtype=tf.int64), [tf.constant(seed, tf.int64), number]
        )
        batches = tf.data.Dataset.from_tensor_slices(
            tf.reshape(order[: steps * size], [steps, size])
        )
        return batches.enumerate(number * steps).map(
            lambda step, places: batch(number, step, places)
        )

    def batch(number: tf.Tensor, step: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        shown, targets = tf.gather(images, places), tf.one_hot(tf.gather(labels, places), classes)
        if others is not None:
            strange = tf.random.stateless_uniform(
                [strangers], [seed + Stream.OTHERS, step], 0, len(others), tf.int64
            )
            shown = tf.concat([shown, tf.gather(others, strange)], 0)
            targets = tf.concat([targets, tf.fill([strangers, classes], 1 / classes)], 0)
            places = tf.concat([places, len(split) + strange], 0)
        varied = augment(
            shown,
            places,
            augmentation=recipe.augmentation,
            seed=seed,
            epoch=number,
            step=step,
        )
        return mix(varied, targets, recipe.augmentation.mix, seed=seed, step=step)

    return _untuned(tf.data.Dataset.range(start, end).flat_map(epoch).prefetch(2))


def validation_batches(split: Split, recipe: Recipe) -> tf.data.Dataset | None:
    """Images as they are and their targets; None if there are no images."""
    if not len(split):
        return None
    classes = len(find_data_set(recipe.data).classes)
    targets = keras.utils.to_categorical(split.labels, classes)
    return _untuned(
        tf.data.Dataset.from_tensor_slices((split.images, targets)).batch(recipe.fit.batch_size)
    )


def _untuned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """The same without the thread that tunes a pipeline: there is nothing to tune here.

    Its naps double in length, and where it shares its pool's only thread the end of an epoch waits
    for one.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)
