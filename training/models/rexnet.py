"""ReXNet (Han 2020, arXiv 2007.00992, section 4): widths that grow linearly from block to block."""

import keras
from keras import layers, ops

from training.layers import BatchNormalization, Standardise
from training.recipe import ReXNet

STEM, FIRST, GROWN, LAST = 32, 16, 180, 1280
BLOCKS = (1, 2, 2, 3, 3, 5)
EXPANSION = 6
# Squeeze and excitation (Hu 2017) from the third stage on, with a twelfth of the channels.
FIRST_SQUEEZED, SQUEEZE = 2, 12


def build_rexnet(config: ReXNet, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """A stem, sixteen inverted bottlenecks, a wide 1×1 convolution, mean pooling, a linear head."""
    images = keras.Input(shape, dtype="uint8", name="image")
    stem, *strides = config.strides
    x = Standardise(name="standardise")(images)
    x = _convolution_norm(x, round(STEM * max(config.width, 1.0)), 3, stem)
    x = layers.Activation("silu")(x)
    width, step = FIRST / min(config.width, 1.0), GROWN / sum(BLOCKS)
    for stage, (blocks, stride) in enumerate(zip(BLOCKS, strides, strict=True)):
        for block in range(blocks):
            x = _bottleneck(
                x,
                round(width * config.width),
                1 if block else stride,
                expansion=EXPANSION if stage else 1,
                squeezes=stage >= FIRST_SQUEEZED,
            )
            width += step
    x = layers.Activation("silu")(_convolution_norm(x, int(LAST * config.width), 1))
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(config.dropout)(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="rexnet")


def _bottleneck(
    x: keras.KerasTensor, width: int, stride: int, *, expansion: int, squeezes: bool
) -> keras.KerasTensor:
    before = x.shape[-1]
    y = x
    if expansion > 1:
        y = layers.Activation("silu")(_convolution_norm(y, before * expansion, 1))
    y = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(y)
    y = _norm(y)
    if squeezes:
        y = _squeezed(y)
    y = _convolution_norm(layers.ReLU(6.0)(y), width, 1)
    if stride > 1 or before > width:
        return y
    # The shortcut reaches the first channels alone: the new ones start from nothing.
    return layers.Add()([ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, width - before))), y])


def _squeezed(x: keras.KerasTensor) -> keras.KerasTensor:
    width = x.shape[-1]
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = layers.Activation("relu")(_norm(layers.Conv2D(width // SQUEEZE, 1)(y)))
    return layers.Multiply()([x, layers.Conv2D(width, 1, activation="sigmoid")(y)])


def _convolution_norm(
    x: keras.KerasTensor, width: int, kernel: int, stride: int = 1
) -> keras.KerasTensor:
    return _norm(layers.Conv2D(width, kernel, stride, padding="same", use_bias=False)(x))


def _norm(x: keras.KerasTensor) -> keras.KerasTensor:
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
