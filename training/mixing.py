"""Mixing each image and its target with another one of the batch: a pure function of seed and step.

Targets are probabilities, so a mixture of two classes is one too.
"""

import tensorflow as tf

from training.streams import Stream, uniform
from training.variation import Mix


def mix(
    images: tf.Tensor, targets: tf.Tensor, config: Mix | None, *, seed: int, step: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mix a batch.

    Args:
        images: uint8 [N, H, W, C].
        targets: float32 [N, classes], each row adding up to 1.
        config: how; None leaves the batch as it is.
        seed: of the run.
        step: int64 scalar, unique to this batch in the whole run.

    Returns:
        Images and targets of the same shapes and types.
    """
    if config is None:
        return images, targets
    partners = tf.random.experimental.stateless_shuffle(
        tf.range(tf.shape(images)[0]), [seed + Stream.PARTNERS, step]
    )
    kept = _beta(config.alpha, tf.shape(images)[0], seed, step)
    others = tf.gather(images, partners)
    if config.kind == "mixup":
        share = kept[:, None, None, None]
        blended = tf.cast(images, tf.float32) * share + tf.cast(others, tf.float32) * (1 - share)
        images = tf.cast(tf.round(blended), images.dtype)
    else:
        pasted = _boxes(images, 1 - kept, seed, step)
        images = tf.where(pasted[..., None], others, images)
        kept = 1 - tf.reduce_mean(tf.cast(pasted, tf.float32), axis=(1, 2))
    return images, targets * kept[:, None] + tf.gather(targets, partners) * (1 - kept[:, None])


def _beta(alpha: float, count: tf.Tensor, seed: int, step: tf.Tensor) -> tf.Tensor:
    """Draws from Beta(alpha, alpha): float32 [N] in 0..1."""
    draws = tf.random.stateless_gamma([2, count], [seed + Stream.SHARES, step], alpha)
    total = draws[0] + draws[1]
    # A small alpha draws noughts; two of them are as good as either.
    return tf.where(total > 0, draws[0] / tf.maximum(total, 1e-30), 1.0)


def _boxes(images: tf.Tensor, shares: tf.Tensor, seed: int, step: tf.Tensor) -> tf.Tensor:
    """Where boxes of these shares of the area lie, cut off at the edges: bool [N, H, W]."""
    height, width = images.shape[1], images.shape[2]
    middles = uniform([2, tf.shape(images)[0]], seed, Stream.BOXES, step)
    reach = tf.sqrt(shares) / 2

    def within(size: int, middle: tf.Tensor) -> tf.Tensor:
        places = (tf.range(size, dtype=tf.float32) + 0.5) / size
        return tf.abs(places[None] - middle[:, None]) < reach[:, None]

    rows, columns = within(height, middles[0]), within(width, middles[1])
    return rows[:, :, None] & columns[:, None, :]
