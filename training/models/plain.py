"""Networks without shortcuts: dense layers alone, or stages of convolutions before them."""

from itertools import cycle

import keras
from keras import layers

from training.layers import BatchNormalization, Standardise
from training.recipe import Mlp, PlainCnn, Stage

BRIGHTEST = 255


def build_mlp(config: Mlp, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Pixels in a row, hidden dense layers, a linear head."""
    images = keras.Input(shape, dtype="uint8", name="image")
    x = layers.Flatten()(layers.Rescaling(1 / BRIGHTEST)(images))
    for width in config.hidden:
        x = layers.Dense(width, activation=config.activation)(x)
        if config.dropout:
            x = layers.Dropout(config.dropout)(x)
    x = layers.Identity(name="features")(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="mlp")


def build_plain_cnn(config: PlainCnn, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Stages of convolutions with ReLU, dense layers, a linear head."""
    images = keras.Input(shape, dtype="uint8", name="image")
    unit = config.scaling == "unit"
    x = layers.Rescaling(1 / BRIGHTEST)(images) if unit else Standardise(name="standardise")(images)
    for stage in config.stages:
        x = _stage(x, stage, norm=config.norm)
    x = layers.Flatten()(x)
    for width in config.dense:
        x = layers.Dense(width, use_bias=not config.norm, kernel_regularizer=penalty(config.l2))(x)
        x = _activated(x, norm=config.norm)
        if config.dropout:
            x = layers.Dropout(config.dropout)(x)
    x = layers.Identity(name="features")(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="plain_cnn")


def penalty(strength: float) -> keras.regularizers.Regularizer | None:
    """The penalty `strength` * sum of squares; None for a strength of 0."""
    return keras.regularizers.L2(strength) if strength else None


def _stage(x: keras.KerasTensor, stage: Stage, *, norm: bool) -> keras.KerasTensor:
    stride = stage.stride
    for filters, padding in zip(stage.filters, cycle(stage.padding), strict=False):
        x = layers.Conv2D(filters, stage.kernel, stride, padding=padding, use_bias=not norm)(x)
        x = _activated(x, norm=norm)
        stride = 1
    if stage.pool > 1:
        x = layers.MaxPooling2D(stage.pool)(x)
    return layers.Dropout(stage.dropout)(x) if stage.dropout else x


def _activated(x: keras.KerasTensor, *, norm: bool) -> keras.KerasTensor:
    if norm:
        x = BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return layers.Activation("relu")(x)
