"""Densely connected networks with bottlenecks and compression (Huang 2016, arXiv 1608.06993)."""

import keras
from keras import layers

from training.layers import BatchNormalization, Standardise
from training.recipe import DenseNet

# A bottleneck passes so many times the growth on to its 3×3 convolution (section 3 of the paper).
BOTTLENECK = 4


def build_densenet(config: DenseNet, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """A convolution, dense blocks with compressing transitions, mean pooling, a linear head."""
    images = keras.Input(shape, dtype="uint8", name="image")
    x = _convolution(Standardise(name="standardise")(images), config.first, 3)
    for block in range(config.blocks):
        if block:
            x = _convolution(_activated(x), int(x.shape[-1] * config.compression), 1)
            x = layers.AveragePooling2D(2)(x)
        for _ in range(config.layers):
            y = _convolution(_activated(x), BOTTLENECK * config.growth, 1)
            y = _convolution(_activated(y), config.growth, 3)
            x = layers.Concatenate()([x, y])
    x = layers.GlobalAveragePooling2D(name="features")(_activated(x))
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="densenet")


def _convolution(x: keras.KerasTensor, width: int, kernel: int) -> keras.KerasTensor:
    return layers.Conv2D(
        width, kernel, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)


def _activated(x: keras.KerasTensor) -> keras.KerasTensor:
    x = BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return layers.Activation("relu")(x)
