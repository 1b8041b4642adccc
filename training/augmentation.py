"""Variation of training images, as pure functions of a seed, an epoch and a step.

Nothing here keeps a state, so that a run that was killed goes on with the images that it would
have seen.
"""

import numpy as np
import tensorflow as tf

from training.geometry import move, radians, still
from training.rand_augment import rand_augment
from training.recipe import Augmentation
from training.streams import Stream, uniform

# Half of full brightness, which standardising makes nearly nought.
GREY = 128
# Binomial, which is nearly Gaussian.
BLUR = np.array([1, 4, 6, 4, 1], np.float32) / 16


def augment(
    images: tf.Tensor,
    indices: tf.Tensor,
    *,
    augmentation: Augmentation,
    seed: int,
    epoch: tf.Tensor,
    step: tf.Tensor,
) -> tf.Tensor:
    """Vary a batch of images, but for mixing, which changes targets too (`mixing.mix`).

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
    if augmentation.moves:
        images = _move(images, augmentation, seed, step)
    if augmentation.translate:
        images = _translate(images, augmentation, seed, step)
    if augmentation.rand_augment:
        fill = augmentation.fill
        images = rand_augment(images, augmentation.rand_augment, fill, seed=seed, step=step)
    if augmentation.focus:
        images = _refocus(images, augmentation.focus, seed, step)
    if augmentation.cutout:
        images = _cut_out(images, augmentation.cutout, seed, step)
    return images


def _flips(
    indices: tf.Tensor, augmentation: Augmentation, seed: int, epoch: tf.Tensor, step: tf.Tensor
) -> tf.Tensor:
    """Which images to mirror: bool [N]."""
    if augmentation.flip == "random":
        coins = tf.random.stateless_uniform(
            tf.shape(indices), [seed + Stream.FLIPS, step], 0, 2, tf.int64
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
        [2, batch], [seed + Stream.CROPS, step], 0, 2 * reach + 1, tf.int32
    )
    rows = shifts[0][:, None] + tf.range(height)
    columns = shifts[1][:, None] + tf.range(width)
    cut = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(cut, columns, axis=2, batch_dims=1)


def _move(images: tf.Tensor, augmentation: Augmentation, seed: int, step: tf.Tensor) -> tf.Tensor:
    """Turn, shear, shift and zoom each image within the recipe's bounds."""
    count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    signed = uniform([5, count], seed, Stream.MOVEMENTS, step, -1, 1)
    movement = still(count)._replace(
        angle=signed[0] * radians(augmentation.rotate),
        shear_x=signed[1] * radians(augmentation.shear),
        shift_x=signed[2] * augmentation.shift * width,
        shift_y=signed[3] * augmentation.shift * height,
        scale=1 + signed[4] * augmentation.zoom,
    )
    return move(images, movement, augmentation.fill)


def _refocus(images: tf.Tensor, sharpest: float, seed: int, step: tf.Tensor) -> tf.Tensor:
    """Blur or sharpen each image by moving it along the line through its blurred self."""
    pixels, channels = tf.cast(images, tf.float32), images.shape[3]
    reach = len(BLUR) // 2
    padded = tf.pad(pixels, [[0, 0], [reach, reach], [reach, reach], [0, 0]], "REFLECT")
    kernel = tf.tile((BLUR[:, None] * BLUR)[..., None, None], [1, 1, channels, 1])
    blurred = tf.nn.depthwise_conv2d(padded, kernel, [1, 1, 1, 1], "VALID")
    amount = uniform([tf.shape(images)[0]], seed, Stream.FOCUS, step, -1, sharpest)
    moved = pixels + amount[:, None, None, None] * (pixels - blurred)
    return tf.cast(tf.clip_by_value(tf.round(moved), 0, 255), images.dtype)


def _cut_out(images: tf.Tensor, side: int, seed: int, step: tf.Tensor) -> tf.Tensor:
    """Cover a square whose centre may lie anywhere, so that its edges may lie outside."""
    count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    draws = uniform([2, count], seed, Stream.SQUARES, step)

    def covered(size: int, draw: tf.Tensor) -> tf.Tensor:
        first = tf.cast(tf.floor(draw * size), tf.int32) - side // 2
        places = tf.range(size)[None] - first[:, None]
        return (places >= 0) & (places < side)

    square = covered(height, draws[0])[:, :, None] & covered(width, draws[1])[:, None, :]
    return tf.where(square[..., None], tf.constant(GREY, images.dtype), images)
