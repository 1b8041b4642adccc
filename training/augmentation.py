"""Variation of training images, as pure functions of a seed, an epoch and a step.

Nothing here keeps a state, so that a run that was killed goes on with the images that it would
have seen.
"""

import tensorflow as tf

from training.recipe import Augmentation

# Streams of random numbers that must not meet, drawn from one seed.
_FLIP_STREAM = 1
_SHIFT_STREAM = 2


def augment(
    images: tf.Tensor,
    indices: tf.Tensor,
    *,
    augmentation: Augmentation,
    seed: int,
    epoch: tf.Tensor,
    step: tf.Tensor,
) -> tf.Tensor:
    """Vary a batch of images.

    Args:
        images: uint8 [N, H, W, C].
        indices: int64 [N], the images' places in the training split; alternating flips need them.
        augmentation: what varies.
        seed: of the run.
        epoch: int64 scalar, from 0.
        step: int64 scalar, unique to this batch in the whole run.

    Returns:
        uint8 [N, H, W, C]
    """
    if augmentation.flip != "none":
        flipped = _flips(indices, augmentation, seed, epoch, step)
        images = tf.where(flipped[:, None, None, None], images[:, :, ::-1, :], images)
    if augmentation.translate:
        images = _translate(images, augmentation, seed, step)
    return images


def _flips(
    indices: tf.Tensor, augmentation: Augmentation, seed: int, epoch: tf.Tensor, step: tf.Tensor
) -> tf.Tensor:
    """Which images to mirror: bool [N]."""
    if augmentation.flip == "random":
        coins = tf.random.stateless_uniform(
            tf.shape(indices), [seed + _FLIP_STREAM, step], 0, 2, tf.int64
        )
        return coins == 1
    # The first side of each image is a coin thrown by its place; after that the sides alternate.
    hashed = tf.strings.to_hash_bucket_strong(tf.strings.as_string(indices), 2, [seed, 0])
    return (hashed + epoch) % 2 == 1


def _translate(
    images: tf.Tensor, augmentation: Augmentation, seed: int, step: tf.Tensor
) -> tf.Tensor:
    """Shift each image by up to `translate` pixels each way."""
    reach = augmentation.translate
    batch, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    mode = "REFLECT" if augmentation.fill == "reflect" else "CONSTANT"
    padded = tf.pad(images, [[0, 0], [reach, reach], [reach, reach], [0, 0]], mode)
    shifts = tf.random.stateless_uniform(
        [2, batch], [seed + _SHIFT_STREAM, step], 0, 2 * reach + 1, tf.int32
    )
    rows = shifts[0][:, None] + tf.range(height)
    columns = shifts[1][:, None] + tf.range(width)
    cut = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(cut, columns, axis=2, batch_dims=1)
