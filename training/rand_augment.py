"""RandAugment (Cubuk 2019, arXiv 1909.13719) with operations of its own for each image.

Keras's layer of that name draws one operation for the whole batch, from a state that a checkpoint
does not hold. Here the draws depend on seed and step alone; Keras's layers change the pixels.
"""

from collections.abc import Callable
from functools import cache

import tensorflow as tf
from keras import layers

from training.geometry import move, radians, still
from training.streams import Stream, uniform
from training.variation import RandAugment

# What a magnitude of 1 means (table 6 of Cubuk 2018, arXiv 1805.09501), shifts as shares of a side.
MOST_TURNED, MOST_SLANTED, MOST_SHIFTED = radians(30), 0.3, 0.3
MOST_ENHANCED, MOST_BITS_LOST = 0.9, 4
# The operations before these move pixels, and the first does nothing at all.
FIRST_OF_COLOUR = 6
RANGE = (0, 255)
COLOURS = 3

Change = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def rand_augment(
    images: tf.Tensor, config: RandAugment, fill: str, *, seed: int, step: tf.Tensor
) -> tf.Tensor:
    """Images uint8 [N, H, W, C] after so many operations each; see `augmentation.augment`."""
    count = tf.shape(images)[0]
    colours = _colour_changes(images.shape[-1])
    operations = FIRST_OF_COLOUR + len(colours)
    drawn = uniform([config.operations, count], seed, Stream.OPERATIONS, step, 0, operations)
    signed = uniform([config.operations, count], seed, Stream.MAGNITUDES, step, -1, 1)
    for number in range(config.operations):
        chosen = tf.cast(drawn[number], tf.int32)
        strength = signed[number] * config.magnitude
        images = _moved(images, chosen, strength, fill)
        floats = tf.cast(images, tf.float32)
        for place, change in enumerate(colours, start=FIRST_OF_COLOUR):
            picked = (chosen == place)[:, None, None, None]
            floats = tf.where(picked, change(floats, strength), floats)
        images = tf.cast(tf.clip_by_value(tf.round(floats), *RANGE), tf.uint8)
    return images


def _moved(images: tf.Tensor, chosen: tf.Tensor, strength: tf.Tensor, fill: str) -> tf.Tensor:
    height, width = images.shape[1], images.shape[2]

    def only(place: int, most: float) -> tf.Tensor:
        return tf.where(chosen == place, strength * most, 0.0)

    movement = still(tf.shape(images)[0])._replace(
        angle=only(1, MOST_TURNED),
        shear_x=tf.atan(only(2, MOST_SLANTED)),
        shear_y=tf.atan(only(3, MOST_SLANTED)),
        shift_x=only(4, MOST_SHIFTED * width),
        shift_y=only(5, MOST_SHIFTED * height),
    )
    moves = (chosen > 0) & (chosen < FIRST_OF_COLOUR)
    return tf.where(moves[:, None, None, None], move(images, movement, fill), images)


@cache
def _colour_changes(channels: int) -> tuple[Change, ...]:
    """What changes values and not places: (float32 [N, H, W, C], strength [N] in -1..1) -> same."""
    # The layers hold variables for draws of their own, which belong to no graph.
    with tf.init_scope():
        common = {"value_range": RANGE, "dtype": "float32"}
        contrast_layer = layers.RandomContrast(0.5, **common)
        autocontrast = layers.AutoContrast(**common)
        equalization = layers.Equalization(**common)
        posterization = layers.RandomPosterization(8, **common)
        solarization = layers.Solarization(**common)
        brightness_layer = layers.RandomBrightness(0.5, **common)
        sharpness_layer = layers.RandomSharpness(0.5, **common)
        colour_layer = layers.RandomColorDegeneration(0.5, **common)

    def enhanced(strength: tf.Tensor) -> tf.Tensor:
        return (strength * MOST_ENHANCED)[:, None, None, None]

    def contrast(images: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
        return contrast_layer.transform_images(images, {"contrast_factor": 1 + enhanced(strength)})

    def brightness(images: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
        # A black image is the darkest, as in the paper; Keras's layer adds instead of multiplying.
        change = enhanced(strength) * tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
        return brightness_layer.transform_images(images, {"rgb_delta": change})

    def sharpness(images: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
        factor = (1 + strength * MOST_ENHANCED) / 2
        return sharpness_layer.transform_images(images, {"factor": factor})

    def posterize(images: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
        lost = tf.cast(tf.round(tf.abs(strength) * MOST_BITS_LOST), tf.uint8)
        return posterization.transform_images(images, {"shift_factor": lost})

    def solarize(images: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
        thresholds = (256 * (1 - tf.abs(strength)))[:, None, None, None]
        drawn = {"thresholds": thresholds, "additions": tf.zeros_like(thresholds)}
        return solarization.transform_images(images, drawn)

    def colour(images: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
        return colour_layer.transform_images(images, {"factor": enhanced(strength)})

    always: tuple[Change, ...] = (
        contrast,
        brightness,
        sharpness,
        posterize,
        solarize,
        lambda images, _: autocontrast.transform_images(images, None),
        lambda images, _: equalization.transform_images(images, None),
    )
    return (*always, colour) if channels == COLOURS else always
