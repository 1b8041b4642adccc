"""The CIFAR family of residual networks (He 2015, arXiv 1512.03385, section 4.2)."""

import keras
from keras import layers

from training.layers import BatchNormalization, Standardise
from training.models.plain import penalty
from training.recipe import ResNet

LAYERS_BESIDE_BLOCKS = 2
STAGES = 3
LAYERS_PER_BLOCK = 2


def build_resnet(config: ResNet, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Depth 6n + 2: a convolution, three stages of n blocks, mean pooling, a linear head.

    Raises:
        ValueError: the depth is not 6n + 2.
    """
    blocks, rest = divmod(config.depth - LAYERS_BESIDE_BLOCKS, STAGES * LAYERS_PER_BLOCK)
    if rest or not blocks:
        raise ValueError(f"depth {config.depth} is not 6n + 2")
    images = keras.Input(shape, dtype="uint8", name="image")
    x = Standardise(name="standardise")(images)
    x = layers.Activation("relu")(_convolution_norm(x, config, config.width, stride=1))
    for stage in range(STAGES):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            x = _block(x, config, config.width * 2**stage, stride)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    logits = layers.Dense(classes, kernel_initializer="he_normal", dtype="float32", name="logits")(
        x
    )
    return keras.Model(images, logits, name=f"resnet{config.depth}")


def _block(x: keras.KerasTensor, config: ResNet, width: int, stride: int) -> keras.KerasTensor:
    y = layers.Activation("relu")(_convolution_norm(x, config, width, stride))
    y = _convolution_norm(y, config, width, stride=1)
    return layers.Activation("relu")(layers.Add()([_shortcut(x, config, width, stride), y]))


def _shortcut(x: keras.KerasTensor, config: ResNet, width: int, stride: int) -> keras.KerasTensor:
    """Option A of the paper, every second pixel and zeros for the new channels, or B, 1×1."""
    if stride == 1:
        return x
    if config.shortcut == "projection":
        return _convolution_norm(x, config, width, stride, kernel=1)
    x = layers.AveragePooling2D(1, strides=stride)(x)
    extra = width - x.shape[-1]
    # Channels are the last axis; Keras pads only the first two, so they take turns.
    x = layers.Permute((1, 3, 2))(x)
    x = layers.ZeroPadding2D(((0, 0), (extra // 2, extra - extra // 2)))(x)
    return layers.Permute((1, 3, 2))(x)


def _convolution_norm(
    x: keras.KerasTensor, config: ResNet, width: int, stride: int, kernel: int = 3
) -> keras.KerasTensor:
    x = layers.Conv2D(
        width,
        kernel,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=penalty(config.l2),
    )(x)
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
