"""EfficientNet-Lite0 (Liu 2020; Tan 2019, arXiv 1905.11946) with its ImageNet weights.

Its batch norms are folded into the convolutions before fitting starts: half the memory traffic,
and nothing that depends on the batch. They keep ImageNet's statistics: taken anew from enlarged
32-pixel images they amplify the channels that such blurry images leave silent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from training.pretrained import efficientnet_lite0_weights
from training.recipe import EfficientNetLite

ImageShape = tuple[int, int, int]
Weights = dict[str, NDArray[np.float32]]

NORM_EPSILON = 1e-3
STEM_WIDTH = 32
TOP_WIDTH = 1280
# How the network was fitted: (pixel - 127) / 128.
PIXEL_MEAN = 127.0
PIXEL_DEVIATION = 128.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A row of table 1 of Tan 2019: `repeats` blocks, the first with the stride."""

    expansion: int
    kernel: int
    stride: int
    width: int
    repeats: int


STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)


@dataclass(frozen=True, slots=True)
class Convolution:
    """One convolution of the network and what it is called in the published weights."""

    name: str
    weights: str
    norm: str
    kind: Literal["full", "depthwise"]
    kernel: int
    stride: int
    width: int
    activated: bool


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted residual block; `residual` adds its input to its output."""

    convolutions: tuple[Convolution, ...]
    residual: bool


def build_efficientnet_lite(
    config: EfficientNetLite, shape: ImageShape, classes: int
) -> keras.Model:
    """Enlarge to `config.resolution`, the backbone, mean pooling, a linear head."""
    images = keras.Input(shape, dtype="uint8", name="image")
    x = layers.Rescaling(1 / PIXEL_DEVIATION, -PIXEL_MEAN / PIXEL_DEVIATION, name="scaled")(images)
    if shape[:2] != (config.resolution, config.resolution):
        x = layers.Resizing(
            config.resolution, config.resolution, interpolation="bilinear", name="enlarged"
        )(x)
    x = _backbone(x, config)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    logits = layers.Dense(classes, kernel_initializer="zeros", dtype="float32", name="logits")(x)
    return EfficientNetModel(images, logits, name="efficientnet_lite0")


@keras.saving.register_keras_serializable(package="rotulo")
class EfficientNetModel(keras.Model):
    """The network, with its way from published weights to its own."""

    def adapt_to(self, _: NDArray[np.uint8]) -> None:
        """Take the ImageNet weights, whatever the training images are.

        Raises:
            DataError: the weights are not installed.
        """
        weights = efficientnet_lite0_weights()
        for convolution in convolutions():
            layer = self.get_layer(f"{convolution.name}_convolution")
            layer.set_weights(folded(weights, convolution))


@keras.saving.register_keras_serializable(package="rotulo")
class ThinnedDepthwise(layers.DepthwiseConv2D):
    """A depthwise convolution of stride 2 that fits as fast as one of stride 1 in bfloat16.

    oneDNN has no kernel for the gradient of such a stride in bfloat16, and its reference takes two
    fifths of a step. While fitting, every place is computed and every second one kept: the same
    numbers where the sides are even, as elsewhere the padding begins at another pixel.
    """

    def call(self, inputs: keras.KerasTensor, *, training: bool = False) -> keras.KerasTensor:
        """Convolve and add the bias; `inputs` are [N, H, W, C]."""
        if not training or inputs.shape[1] % 2 or inputs.shape[2] % 2:
            return super().call(inputs)
        everywhere = ops.depthwise_conv(inputs, self.kernel, strides=1, padding="same")
        return everywhere[:, 1::2, 1::2] + ops.cast(self.bias, everywhere.dtype)


def blocks() -> Iterator[Block]:
    """The sixteen blocks, in order."""
    number, inputs = 0, STEM_WIDTH
    for stage in STAGES:
        for repeat in range(stage.repeats):
            stride = 1 if repeat else stage.stride
            yield _block(number, inputs, stage, stride)
            number, inputs = number + 1, stage.width


def convolutions() -> Iterator[Convolution]:
    """Every convolution, in order."""
    yield STEM
    for block in blocks():
        yield from block.convolutions
    yield TOP


STEM = Convolution("stem", "_conv_stem", "_bn0", "full", 3, 2, STEM_WIDTH, activated=True)
TOP = Convolution("top", "_conv_head", "_bn1", "full", 1, 1, TOP_WIDTH, activated=True)


def _block(number: int, inputs: int, stage: Stage, stride: int) -> Block:
    name, published = f"block{number + 1}", f"_blocks.{number}."
    hidden = inputs * stage.expansion
    parts = [
        Convolution(f"{name}_expand", f"{published}_expand_conv", f"{published}_bn0", "full",
                    1, 1, hidden, activated=True),
        Convolution(f"{name}_depthwise", f"{published}_depthwise_conv", f"{published}_bn1",
                    "depthwise", stage.kernel, stride, hidden, activated=True),
        Convolution(f"{name}_project", f"{published}_project_conv", f"{published}_bn2", "full",
                    1, 1, stage.width, activated=False),
    ]  # fmt: skip
    kept = parts if stage.expansion > 1 else parts[1:]
    return Block(tuple(kept), residual=stride == 1 and inputs == stage.width)


def _backbone(x: keras.KerasTensor, config: EfficientNetLite) -> keras.KerasTensor:
    x = _unit(x, STEM, config, learns=config.frozen_blocks == 0)
    for number, block in enumerate(blocks(), start=1):
        learns = number > config.frozen_blocks
        y = x
        for convolution in block.convolutions:
            y = _unit(y, convolution, config, learns=learns)
        x = layers.Add()([x, y]) if block.residual else y
    return _unit(x, TOP, config, learns=config.frozen_blocks < BLOCKS)


BLOCKS = sum(stage.repeats for stage in STAGES)


def _unit(
    x: keras.KerasTensor,
    convolution: Convolution,
    config: EfficientNetLite,
    *,
    learns: bool,
) -> keras.KerasTensor:
    name = f"{convolution.name}_convolution"
    depthwise = convolution.kind == "depthwise"
    if depthwise:
        # Where nothing before it learns no gradient passes, and the plain one is faster.
        kind = ThinnedDepthwise if learns and convolution.stride > 1 else layers.DepthwiseConv2D
        layer = kind(convolution.kernel, convolution.stride, "same", name=name)
    else:
        layer = layers.Conv2D(
            convolution.width, convolution.kernel, convolution.stride, "same",
            name=name,
        )  # fmt: skip
    layer.trainable = learns and (config.depthwise_learns or not depthwise)
    x = layer(x)
    return layers.ReLU(6, name=f"{convolution.name}_activation")(x) if convolution.activated else x


def folded(weights: Weights, convolution: Convolution) -> list[NDArray[np.float32]]:
    """Kernel and bias of a convolution that does what the published one and its norm do."""
    # PyTorch has [out, in, height, width]; a depthwise filter is [channels, 1, ...] there.
    axes = (2, 3, 0, 1) if convolution.kind == "depthwise" else (2, 3, 1, 0)
    kernel = weights[f"{convolution.weights}.weight"].transpose(axes)
    gain, shift, mean, variance = (
        weights[f"{convolution.norm}.{part}"]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / np.sqrt(variance + NORM_EPSILON)
    shaped = scale[:, None] if convolution.kind == "depthwise" else scale
    return [kernel * shaped, shift - mean * scale]
