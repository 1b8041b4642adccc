"""Residual networks in which norm and activation come before the convolutions (He 2016)."""

import keras
from keras import layers

from training.layers import BatchNormalization, Standardise
from training.models.plain import penalty
from training.recipe import ResidualBlocks, ResNetV2, WideResNet

STAGES = 3


def build_wide_resnet(config: WideResNet, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Depth 6n + 4: a convolution, three stages of n blocks, norm, mean pooling, a linear head.

    Raises:
        ValueError: the depth is not 6n + 4.
    """
    blocks, rest = divmod(config.depth - 4, 2 * STAGES)
    if rest or not blocks:
        raise ValueError(f"depth {config.depth} is not 6n + 4")
    images = keras.Input(shape, dtype="uint8", name="image")
    x = _convolution(Standardise(name="standardise")(images), 16, 3)
    for stage in range(STAGES):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            x = _basic(x, 16 * config.widen * 2**stage, stride, config.dropout)
    return _finish(images, x, classes, f"wide_resnet{config.depth}_{config.widen}")


def build_resnet_v2(config: ResNetV2, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Depth 9n + 2: a convolution, three stages of n bottlenecks, norm, mean pooling, a head.

    A stage ends with four times the filters of its bottlenecks, and twice those after the first.

    Raises:
        ValueError: the depth is not 9n + 2.
    """
    blocks, rest = divmod(config.depth - 2, 3 * STAGES)
    if rest or not blocks:
        raise ValueError(f"depth {config.depth} is not 9n + 2")
    images = keras.Input(shape, dtype="uint8", name="image")
    x = Standardise(name="standardise")(images)
    x = _convolution(x, config.width, 3, l2=config.l2)
    inner = config.width
    for stage in range(STAGES):
        outer = 4 * config.width if not stage else 2 * inner
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            x = _bottleneck(x, (inner, outer), stride, first=not block, config=config)
        inner = outer
    return _finish(images, x, classes, f"resnet{config.depth}_v2")


def build_residual_blocks(
    config: ResidualBlocks, shape: tuple[int, int, int], classes: int
) -> keras.Model:
    """Pixels at half their size, a block a width with pooling where it grows, a linear head."""
    images = keras.Input(shape, dtype="uint8", name="image")
    x = _convolution(Standardise(name="standardise")(images), config.widths[0], 3, 2)
    for width in config.widths:
        if width != x.shape[-1]:
            x = layers.MaxPooling2D()(x)
        x = _basic(x, width, 1, 0.0)
    return _finish(images, x, classes, "residual_blocks")


def _basic(x: keras.KerasTensor, width: int, stride: int, dropout: float) -> keras.KerasTensor:
    """Two convolutions; where the width changes, the shortcut starts after the first activation."""
    active = _activated(x)
    changes = stride > 1 or x.shape[-1] != width
    shortcut = _convolution(active, width, 1, stride) if changes else x
    y = _activated(_convolution(active, width, 3, stride))
    if dropout:
        y = layers.Dropout(dropout)(y)
    return layers.Add()([shortcut, _convolution(y, width, 3)])


def _bottleneck(
    x: keras.KerasTensor,
    widths: tuple[int, int],
    stride: int,
    *,
    first: bool,
    config: ResNetV2,
) -> keras.KerasTensor:
    inner, outer = widths
    active = _activated(x)
    y = _activated(_convolution(active, inner, 1, stride, l2=config.l2))
    y = _activated(_convolution(y, inner, 3, l2=config.l2))
    y = _convolution(y, outer, 1, l2=config.l2)
    return layers.Add()([_convolution(active, outer, 1, stride, l2=config.l2) if first else x, y])


def _convolution(
    x: keras.KerasTensor, width: int, kernel: int, stride: int = 1, l2: float = 0.0
) -> keras.KerasTensor:
    return layers.Conv2D(
        width,
        kernel,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=penalty(l2),
    )(x)


def _activated(x: keras.KerasTensor) -> keras.KerasTensor:
    x = BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return layers.Activation("relu")(x)


def _finish(
    images: keras.KerasTensor, x: keras.KerasTensor, classes: int, name: str
) -> keras.Model:
    x = layers.GlobalAveragePooling2D(name="features")(_activated(x))
    logits = layers.Dense(classes, kernel_initializer="he_normal", dtype="float32", name="logits")(
        x
    )
    return keras.Model(images, logits, name=name)
