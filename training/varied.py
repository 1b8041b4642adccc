"""What a recipe's augmentation does, to be looked at."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.augmentation import augment
from training.data import Split
from training.mixing import mix
from training.run import RunConfig

IMAGES_SHOWN = 4
EPOCHS_SHOWN = 7
# Mixing takes partners from the batch: there must be some.
BATCH = 64


def varied(train: Split, config: RunConfig, images: int = IMAGES_SHOWN) -> list[NDArray[np.uint8]]:
    """A row for each of the first images: as it is, and as consecutive epochs may show it.

    Each row is uint8 [1 + EPOCHS_SHOWN, H, W, C].
    """
    batch = train.images[:BATCH]
    steps_per_epoch = len(train) // config.recipe.fit.batch_size
    epochs = [
        _as_shown(batch, config, epoch, epoch * steps_per_epoch) for epoch in range(EPOCHS_SHOWN)
    ]
    columns = [batch, *epochs]
    return [np.stack([column[row] for column in columns]) for row in range(min(images, len(batch)))]


def _as_shown(
    images: NDArray[np.uint8], config: RunConfig, epoch: int, step: int
) -> NDArray[np.uint8]:
    recipe, number = config.recipe, tf.constant(step, tf.int64)
    changed = augment(
        tf.constant(images),
        tf.range(len(images), dtype=tf.int64),
        augmentation=recipe.augmentation,
        seed=config.seed,
        epoch=tf.constant(epoch, tf.int64),
        step=number,
    )
    no_targets = tf.zeros([len(images), 1])
    mixed, _ = mix(changed, no_targets, recipe.augmentation.mix, seed=config.seed, step=number)
    return np.asarray(mixed, np.uint8)
