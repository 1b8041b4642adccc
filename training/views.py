"""Variants of an image whose logits are averaged: accuracy for the price of more passes."""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.recipe import Views

# Six variants of each make 600 passes: at 192 pixels the widest layer of EfficientNet-Lite0 then
# has 0.5 of the 2.1 thousand million numbers at which TensorFlow's kernels on the CPU crash.
BATCH = 100


def averaged_logits(model: keras.Model, views: Views, images: tf.Tensor) -> tf.Tensor:
    """Logits float32 [N, classes] of uint8 images [N, H, W, C], by one pass over all variants.

    `flip` adds the mirror image. `flip-shift` adds to both of these two diagonal shifts by a pixel,
    the four of which together weigh as much as the unshifted two (Jordan 2024, section 3.5).
    """
    if views == "single":
        return model(images, training=False)
    variants = [images]
    if views == "flip-shift":
        padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
        variants += [padded[:, :-2, :-2], padded[:, 2:, 2:]]
    variants += [variant[:, :, ::-1] for variant in variants]
    logits = tf.split(model(tf.concat(variants, 0), training=False), len(variants))
    weights = {"flip": [0.5] * 2, "flip-shift": [0.25, 0.125, 0.125] * 2}[views]
    return tf.add_n([part * weight for part, weight in zip(logits, weights, strict=True)])


def logits_of(model: keras.Model, views: Views, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits [N, classes] of any number of images [N, H, W, C], in batches."""
    step = tf.function(lambda batch: averaged_logits(model, views, batch))
    parts = [step(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    return np.concatenate([part.numpy() for part in parts])
