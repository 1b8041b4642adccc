"""CoAtNet (Dai 2021, arXiv 2106.04803): convolutions first, then attention that knows distances."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.typing import NDArray

from training.layers import BatchNormalization, FusedActivation, Standardise
from training.recipe import CoAtNet

EXPANSION = 4
# What squeeze and excitation keeps of a block's input.
SQUEEZE = 4
CONVOLUTIONAL_STAGES = 2


def build_coatnet(config: CoAtNet, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """A stem, stages of MBConv and of relative attention, mean pooling, a linear head."""
    images = keras.Input(shape, dtype="uint8", name="image")
    x = Standardise(name="standardise")(images)
    for number in range(config.depths[0]):
        stride = 1 if number else config.strides[0]
        x = layers.Conv2D(config.widths[0], 3, stride, padding="same", use_bias=not number)(x)
        if not number:
            x = FusedActivation("gelu")(_norm(x))
    stages = zip(config.widths[1:], config.depths[1:], config.strides[1:], strict=True)
    for stage, (width, depth, first_stride) in enumerate(stages):
        for block in range(depth):
            stride = 1 if block else first_stride
            if stage < CONVOLUTIONAL_STAGES:
                x = _mbconv(x, width, stride)
            else:
                x = _transformer(x, width, stride, config)
    x = layers.LayerNormalization(epsilon=1e-5)(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    if config.dropout:
        x = layers.Dropout(config.dropout)(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="coatnet")


@keras.saving.register_keras_serializable(package="rotulo")
class RelativeAttention(layers.Layer):
    """Self-attention over the places of a map, with a learned bias for each distance and head.

    Takes and gives [N, H, W, C], the result with `width` channels; H and W are fixed when built.

    Args:
        width: the channels of the result.
        head_width: the channels of a head; `width` is a multiple of it.
    """

    def __init__(self, width: int, head_width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.head_width = head_width
        self.heads = width // head_width
        self.projection = layers.Dense(3 * width, dtype=self.dtype_policy)
        self.output_projection = layers.Dense(width, dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the projections, and a bias for each distance and head."""
        _, height, width, channels = input_shape
        if height is None or width is None:
            raise ValueError("relative attention needs a map of a fixed size")
        self.projection.build((None, None, channels))
        self.output_projection.build((None, None, self.width))
        self.distances = _distances(height, width)
        self.bias = self.add_weight(
            name="distance_bias",
            shape=((2 * height - 1) * (2 * width - 1), self.heads),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Let each place look at all places."""
        height, width, channels = inputs.shape[1:]
        places = height * width
        rows = self.projection(ops.reshape(inputs, (-1, places, channels)))
        rows = ops.reshape(rows, (-1, places, 3, self.heads, self.head_width))
        queries, keys, values = (ops.transpose(rows[:, :, part], (0, 2, 1, 3)) for part in range(3))
        bias = ops.take(self.bias, self.distances, axis=0)
        bias = ops.transpose(ops.reshape(bias, (places, places, self.heads)), (2, 0, 1))
        scores = ops.matmul(queries * self.head_width**-0.5, ops.transpose(keys, (0, 1, 3, 2)))
        shares = ops.softmax(scores + ops.cast(bias, scores.dtype))
        mixed = ops.transpose(ops.matmul(shares, values), (0, 2, 1, 3))
        outputs = self.output_projection(ops.reshape(mixed, (-1, places, self.width)))
        return ops.reshape(outputs, (-1, height, width, self.width))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """As the input's, with `width` channels."""
        return (*input_shape[:-1], self.width)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to build this layer again."""
        return {**super().get_config(), "width": self.width, "head_width": self.head_width}


def _distances(height: int, width: int) -> NDArray[np.int32]:
    """For each pair of places, row by row, the number of their distance: int32 [(H·W)²]."""
    rows, columns = (axis.reshape(-1) for axis in np.mgrid[:height, :width])
    down = rows[:, None] - rows[None] + height - 1
    right = columns[:, None] - columns[None] + width - 1
    numbers: NDArray[np.int32] = (down * (2 * width - 1) + right).reshape(-1).astype(np.int32)
    return numbers


def _mbconv(x: keras.KerasTensor, width: int, stride: int) -> keras.KerasTensor:
    before = x.shape[-1]
    y = _norm(x)
    y = layers.Conv2D(EXPANSION * width, 1, stride, padding="same", use_bias=False)(y)
    y = FusedActivation("gelu")(_norm(y))
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    y = FusedActivation("gelu")(_norm(y))
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(y)
    squeezed = layers.Conv2D(max(before // SQUEEZE, 1), 1, activation="silu")(squeezed)
    y = layers.Multiply()([y, layers.Conv2D(EXPANSION * width, 1, activation="sigmoid")(squeezed)])
    return layers.Add()([_shortcut(x, width, stride), layers.Conv2D(width, 1)(y)])


def _transformer(
    x: keras.KerasTensor, width: int, stride: int, config: CoAtNet
) -> keras.KerasTensor:
    y = _pooled(layers.LayerNormalization(epsilon=1e-5)(x), stride)
    y = RelativeAttention(width, config.head_width)(y)
    x = layers.Add()([_shortcut(x, width, stride), y])
    y = layers.Dense(EXPANSION * width)(layers.LayerNormalization(epsilon=1e-5)(x))
    return layers.Add()([x, layers.Dense(width)(FusedActivation("gelu")(y))])


def _shortcut(x: keras.KerasTensor, width: int, stride: int) -> keras.KerasTensor:
    pooled = _pooled(x, stride)
    return pooled if x.shape[-1] == width else layers.Conv2D(width, 1)(pooled)


def _pooled(x: keras.KerasTensor, stride: int) -> keras.KerasTensor:
    return layers.MaxPooling2D(stride, padding="same")(x) if stride > 1 else x


def _norm(x: keras.KerasTensor) -> keras.KerasTensor:
    return BatchNormalization(momentum=0.9, epsilon=1e-3)(x)
