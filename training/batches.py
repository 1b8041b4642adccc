"""Images and targets in batches, for fitting and for validation."""

import keras
import tensorflow as tf

from training.augmentation import augment
from training.data import Split
from training.datasets import find_data_set
from training.mixing import mix
from training.recipe import Recipe
from training.run import RunConfig


def training_batches(split: Split, config: RunConfig, start: int, end: int) -> tf.data.Dataset:
    """Varied images and targets of the epochs from `start` to before `end`.

    Each batch is uint8 [N, H, W, C] and float32 [N, classes]; an epoch drops what fills no batch.
    """
    recipe, seed = config.recipe, config.seed
    images, labels = tf.constant(split.images), tf.constant(split.labels)
    classes = len(find_data_set(recipe.data).classes)
    size = recipe.fit.batch_size
    steps = len(split) // size

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
        varied = augment(
            tf.gather(images, places),
            places,
            augmentation=recipe.augmentation,
            seed=seed,
            epoch=number,
            step=step,
        )
        targets = tf.one_hot(tf.gather(labels, places), classes)
        return mix(varied, targets, recipe.augmentation.mix, seed=seed, step=step)

    return tf.data.Dataset.range(start, end).flat_map(epoch).prefetch(2)


def validation_batches(split: Split, recipe: Recipe) -> tf.data.Dataset | None:
    """Images as they are and their targets; None if there are no images."""
    if not len(split):
        return None
    classes = len(find_data_set(recipe.data).classes)
    targets = keras.utils.to_categorical(split.labels, classes)
    return tf.data.Dataset.from_tensor_slices((split.images, targets)).batch(recipe.fit.batch_size)
