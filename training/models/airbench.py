"""The network of airbench94 (Jordan 2024, arXiv 2404.00498, section 3 and listing 4)."""

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from training.layers import (
    FusedActivation,
    IdentityFirst,
    ShiftedNormActivation,
    Standardise,
    Whitening,
)
from training.recipe import Airbench

NORM_EPSILON = 1e-12


def build_airbench(config: Airbench, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Whitening, three blocks of two convolutions, global pooling, a linear head without bias."""
    images = keras.Input(shape, dtype="uint8", name="image")
    x = Standardise(name="standardise")(images)
    x = Whitening(shape[-1], name="whitening")(x)
    x = FusedActivation(config.activation, name="whitening_activation")(x)
    for number, width in enumerate(config.widths, start=1):
        x = _convolution(width, f"block{number}_first")(x)
        x = layers.MaxPooling2D(name=f"block{number}_pool")(x)
        x = _norm(config, f"block{number}_first")(x)
        x = _convolution(width, f"block{number}_second")(x)
        x = _norm(config, f"block{number}_second")(x)
    x = layers.GlobalMaxPooling2D(name="features")(x)
    fan_in = config.widths[-1] ** -0.5
    x = layers.Dense(
        classes,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomUniform(-fan_in, fan_in),
        dtype="float32",
        name="head",
    )(x)
    logits = layers.Rescaling(config.head_scale, dtype="float32", name="logits")(x)
    return AirbenchModel(images, logits, name="airbench")


@keras.saving.register_keras_serializable(package="rotulo")
class AirbenchModel(keras.Model):
    """The network, with what its whitening layer needs to know of the data."""

    def adapt_to(self, images: NDArray[np.uint8]) -> None:
        """Set standardisation and whitening from training images [N, H, W, C]."""
        standardise = self.get_layer("standardise")
        standardise.adapt_to(images)
        whitening = self.get_layer("whitening")
        sample = keras.ops.cast(standardise(images[: Whitening.IMAGES]), "float32")
        whitening.adapt_standardised(keras.ops.convert_to_numpy(sample))

    def learn_whitening_bias(self, *, learns: bool) -> None:
        """Let the whitening layer's bias follow its gradient, or freeze it."""
        self.get_layer("whitening").learn_bias(learns=learns)


def _convolution(width: int, name: str) -> layers.Layer:
    return layers.Conv2D(
        width,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer=IdentityFirst(),
        name=f"{name}_convolution",
    )


def _norm(config: Airbench, name: str) -> layers.Layer:
    return ShiftedNormActivation(
        config.activation,
        momentum=config.norm_momentum,
        epsilon=NORM_EPSILON,
        name=f"{name}_norm",
    )
