"""Turning, shearing, shifting and zooming a batch of images, each in its own way."""

import math
from typing import NamedTuple

import tensorflow as tf


class Movement(NamedTuple):
    """How each of N images moves about its centre: float32 [N] each.

    `angle` turns and `shear_x`, `shear_y` slant, in radians; `shift_x`, `shift_y` are in pixels; a
    `scale` of 2 shows everything twice as large.
    """

    angle: tf.Tensor
    shear_x: tf.Tensor
    shear_y: tf.Tensor
    shift_x: tf.Tensor
    shift_y: tf.Tensor
    scale: tf.Tensor


def still(count: tf.Tensor) -> Movement:
    """The movement that changes nothing."""
    nought = tf.zeros([count])
    return Movement(nought, nought, nought, nought, nought, nought + 1)


def radians(degrees: float) -> float:
    """Degrees as radians."""
    return degrees * math.pi / 180


def move(images: tf.Tensor, movement: Movement, fill: str) -> tf.Tensor:
    """Images uint8 [N, H, W, C] after their movements, by bilinear interpolation.

    Args:
        images: the batch.
        movement: of each image.
        fill: `reflect` or `constant` (black).
    """
    height, width = images.shape[1], images.shape[2]
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=_transforms(movement, (width - 1) / 2, (height - 1) / 2),
        output_shape=[height, width],
        interpolation="BILINEAR",
        fill_mode=fill.upper(),
        fill_value=0.0,
    )
    return tf.cast(tf.clip_by_value(tf.round(moved), 0, 255), tf.uint8)


def _transforms(movement: Movement, middle_x: float, middle_y: float) -> tf.Tensor:
    """From each place of the result to the place that it shows: float32 [N, 8]."""
    cosine, sine = tf.cos(movement.angle), tf.sin(movement.angle)
    slant_x, slant_y = tf.tan(movement.shear_x), tf.tan(movement.shear_y)
    # The product of a slant and a turn, divided by the scale.
    a = (cosine + slant_x * sine) / movement.scale
    b = (-sine + slant_x * cosine) / movement.scale
    c = (slant_y * cosine + sine) / movement.scale
    d = (-slant_y * sine + cosine) / movement.scale
    x, y = middle_x + movement.shift_x, middle_y + movement.shift_y
    nought = tf.zeros_like(a)
    columns = [a, b, middle_x - a * x - b * y, c, d, middle_y - c * x - d * y, nought, nought]
    return tf.stack(columns, axis=1)
