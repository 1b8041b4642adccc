"""Keras layers of our own: where the stock ones are slow, or where the data sets the weights."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

# sqrt(2 / pi) and the cubic term of the tanh formula of GELU (Hendrycks 2016, arXiv 1606.08415).
_GELU_SCALE = 0.7978845608028654
_GELU_CUBIC = 0.044715

IMAGE_AXES = 4

Elementwise = Callable[[tf.Tensor], tf.Tensor]


@runtime_checkable
class LearnsFromImages(Protocol):
    """A layer some of whose weights come from the training images, not from gradients."""

    def adapt_to(self, images: NDArray[np.uint8]) -> None:
        """Set those weights from images of shape [N, H, W, C]."""


def _relu(x: tf.Tensor) -> tf.Tensor:
    return tf.maximum(x, 0)


def _relu_slope(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x > 0, x.dtype)


def _gelu(x: tf.Tensor) -> tf.Tensor:
    return 0.5 * x * (1 + tf.tanh(_GELU_SCALE * (x + _GELU_CUBIC * x * x * x)))


def _gelu_slope(x: tf.Tensor) -> tf.Tensor:
    tanh = tf.tanh(_GELU_SCALE * (x + _GELU_CUBIC * x * x * x))
    inner = _GELU_SCALE * (1 + 3 * _GELU_CUBIC * x * x)
    return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * inner


# Each activation with its derivative.
ACTIVATIONS: dict[str, tuple[Elementwise, Elementwise]] = {
    "relu": (_relu, _relu_slope),
    "gelu": (_gelu, _gelu_slope),
}


def _fused_activation(activation: str) -> Elementwise:
    """The activation, whose forward and backward passes are each one XLA kernel."""
    forward, slope = ACTIVATIONS[activation]
    fused_forward = tf.function(forward, jit_compile=True)
    fused_backward = tf.function(lambda x, upstream: upstream * slope(x), jit_compile=True)

    @tf.custom_gradient
    def fused(x: tf.Tensor) -> tuple[tf.Tensor, Elementwise]:
        return fused_forward(x), lambda upstream: fused_backward(x, upstream)

    function: Elementwise = fused
    return function


def _batch_normalised(
    x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Images [N, H, W, C] by their own statistics, and these: mean and variance float32 [C].

    One kernel forward and one back, where Keras computes step by step: what costs time in a batch
    norm is memory traffic. Scale and shift are float32 [C].
    """
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=scale, offset=shift, mean=[], variance=[], epsilon=epsilon, is_training=True
    )
    # The kernel's variance is that of a sample; Keras follows the one of the batch itself.
    count = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
    return outputs, mean, variance * (count - 1) / count


def _follow(moving: keras.Variable, batch: tf.Tensor, momentum: float) -> None:
    moving.assign(moving * momentum + tf.stop_gradient(batch) * (1 - momentum))


@keras.saving.register_keras_serializable(package="rotulo")
class FusedActivation(keras.layers.Layer):
    """An activation whose forward and backward passes are each one XLA kernel.

    Args:
        activation: a key of `ACTIVATIONS`.
    """

    def __init__(self, activation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activation
        self._plain = ACTIVATIONS[activation][0]
        self._fused = _fused_activation(activation)

    def call(self, inputs: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Activate; `inputs` and result have the same shape and type."""
        return self._fused(inputs) if training else self._plain(inputs)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to build this layer again."""
        return {**super().get_config(), "activation": self.activation}


@keras.saving.register_keras_serializable(package="rotulo")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's, with scale and shift, whose training step is one kernel forward and one back."""

    def call(self, inputs: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Normalise images [N, H, W, C]; other shapes, and inference, are Keras's own."""
        if not (training and self.trainable and len(inputs.shape) == IMAGE_AXES):
            return super().call(inputs, training=training)
        outputs, mean, variance = _batch_normalised(
            inputs,
            tf.cast(self.gamma, tf.float32),
            tf.cast(self.beta, tf.float32),
            self.epsilon,
        )
        _follow(self.moving_mean, mean, self.momentum)
        _follow(self.moving_variance, variance, self.momentum)
        return outputs


@keras.saving.register_keras_serializable(package="rotulo")
class ShiftedNormActivation(keras.layers.Layer):
    """Batch normalisation with a learned shift but no scale, and an activation.

    Statistics are float32 whatever the compute type.

    Args:
        activation: a key of `ACTIVATIONS`.
        momentum: the share of the moving statistics that a step keeps, 0..1.
        epsilon: what is added to the variance.
    """

    def __init__(
        self,
        activation: str,
        *,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.activation = activation
        self.momentum = momentum
        self.epsilon = epsilon
        self._plain = ACTIVATIONS[activation][0]
        self._fused = _fused_activation(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the shift and the moving statistics, one number a channel."""
        channels = (input_shape[-1],)
        # Under mixed precision Keras would hand out weights in the compute type.
        self.shift = self.add_weight(
            name="shift", shape=channels, initializer="zeros", autocast=False
        )
        self.moving_mean = self.add_weight(
            name="moving_mean",
            shape=channels,
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        self.moving_variance = self.add_weight(
            name="moving_variance",
            shape=channels,
            initializer="ones",
            trainable=False,
            autocast=False,
        )

    def call(self, inputs: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Normalise by the batch's statistics when training, else by the moving ones."""
        shift = ops.convert_to_tensor(self.shift)
        if not training:
            scale = ops.rsqrt(self.moving_variance + self.epsilon)
            offset = shift - self.moving_mean * scale
            dtype = inputs.dtype
            return self._plain(inputs * ops.cast(scale, dtype) + ops.cast(offset, dtype))
        outputs, mean, variance = _batch_normalised(
            inputs, tf.ones_like(shift), tf.cast(shift, tf.float32), self.epsilon
        )
        _follow(self.moving_mean, mean, self.momentum)
        _follow(self.moving_variance, variance, self.momentum)
        return self._fused(outputs)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to build this layer again."""
        return {
            **super().get_config(),
            "activation": self.activation,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }


@keras.saving.register_keras_serializable(package="rotulo")
class Standardise(keras.layers.Layer):
    """Pixels 0..255 to zero mean and unit variance a channel, as the training images have them."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create mean and deviation, one number a channel, in units of pixel values."""
        channels = (input_shape[-1],)
        # Rounded to bfloat16, a mean of 125.3 would be 125.5.
        self.mean = self.add_weight(
            name="mean", shape=channels, initializer="zeros", trainable=False, autocast=False
        )
        self.deviation = self.add_weight(
            name="deviation", shape=channels, initializer="ones", trainable=False, autocast=False
        )

    def adapt_to(self, images: NDArray[np.uint8]) -> None:
        """Take mean and deviation from images of shape [N, H, W, C]."""
        self.mean.assign(images.mean(axis=(0, 1, 2), dtype=np.float64))
        self.deviation.assign(images.std(axis=(0, 1, 2), dtype=np.float64))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Pixels of any number type [N, H, W, C] to the compute type."""
        pixels = ops.cast(inputs, "float32")
        return ops.cast((pixels - self.mean) / self.deviation, self.compute_dtype)


@keras.saving.register_keras_serializable(package="rotulo")
class Halve(keras.layers.Layer):
    """Images at half their size: what the bilinear filter made twice as large is as it was.

    A pixel is three quarters of the two in its middle less a quarter of their neighbours, along
    either axis; at the edges the last pixel counts twice.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Pixels uint8 [N, 2 H, 2 W, C] to uint8 [N, H, W, C]."""
        x = ops.cast(inputs, "float32")
        for axis in (1, 2):
            x = ops.swapaxes(x, 1, axis)
            x = ops.concatenate([x[:, :1], x, x[:, -1:]], axis=1)
            x = 0.75 * (x[:, 1:-1:2] + x[:, 2::2]) - 0.25 * (x[:, :-2:2] + x[:, 3::2])
            x = ops.swapaxes(x, 1, axis)
        return ops.cast(ops.clip(ops.round(x), 0, 255), "uint8")


@keras.saving.register_keras_serializable(package="rotulo")
class Whitening(keras.layers.Conv2D):
    """A frozen 2×2 convolution that whitens patches, with a bias that learns for a while.

    Its filters are the principal directions of the training images' patches, scaled to unit
    variance, and their negatives (Jordan 2024, section 3.2).
    """

    PATCH = 2
    # Added to the eigenvalues; and how many images give the patches (Jordan 2024, listing 4).
    EPSILON = 5e-4
    IMAGES = 5000

    def __init__(self, channels: int, **kwargs: Any) -> None:
        self.channels = channels
        super().__init__(2 * self.PATCH**2 * channels, self.PATCH, padding="valid", **kwargs)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the filters, never trained, and the bias."""
        super().build(input_shape)
        self._kernel.trainable = False

    def learn_bias(self, *, learns: bool) -> None:
        """Let the bias follow its gradient, or freeze it."""
        self.bias.trainable = learns

    def adapt_standardised(self, images: NDArray[np.float32]) -> None:
        """Set the filters from standardised images [N, H, W, C]."""
        self._kernel.assign(whitening_filters(images, self.PATCH, self.EPSILON))

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to build this layer again."""
        return {"channels": self.channels, "name": self.name, "dtype": self.dtype_policy.name}


def whitening_filters(
    images: NDArray[np.float32], patch: int, epsilon: float
) -> NDArray[np.float32]:
    """Filters [patch, patch, C, 2·patch²·C] that whiten patches of images [N, H, W, C]."""
    channels = images.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(images, (patch, patch), axis=(1, 2))
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, patch * patch * channels)
    covariance = (rows.T.astype(np.float64) @ rows) / len(rows)
    variances, directions = np.linalg.eigh(covariance)
    scaled = directions[:, ::-1] / np.sqrt(variances[::-1] + epsilon)
    filters = np.concatenate([scaled, -scaled], axis=1)
    return filters.reshape(patch, patch, channels, -1).astype(np.float32)


@keras.saving.register_keras_serializable(package="rotulo")
class IdentityFirst(keras.initializers.Initializer):
    """Convolution filters of which the first ones pass their input on, as far as it goes.

    With C inputs, output i < C is input i; the rest are uniform in ±1/sqrt(fan-in), as PyTorch's
    default has them (Jordan 2024, section 3.3).
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> tf.Tensor:
        """Filters of `shape` [height, width, inputs, outputs]."""
        height, width, inputs, outputs = shape
        bound = (height * width * inputs) ** -0.5
        filters = np.array(
            keras.random.uniform(shape, -bound, bound, dtype="float32", seed=self.seed)
        )
        passed = min(inputs, outputs)
        filters[..., :passed] = 0
        filters[height // 2, width // 2, range(passed), range(passed)] = 1
        return ops.convert_to_tensor(filters, dtype=dtype or "float32")

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to build this initialiser again."""
        return {"seed": self.seed}
