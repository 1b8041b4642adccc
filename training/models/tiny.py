"""A network that is fitted in seconds."""

import keras
from keras import layers

from training.layers import FusedActivation, ShiftedNormActivation, Standardise
from training.recipe import TinyCnn


def build_tiny_cnn(config: TinyCnn, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Two strided convolutions with normalisation, global pooling, a linear head."""
    images = keras.Input(shape, dtype="uint8", name="image")
    x = Standardise(name="standardise")(images)
    x = layers.Conv2D(config.width, 3, 2, padding="same", name="first")(x)
    x = FusedActivation("gelu")(x)
    x = layers.Conv2D(2 * config.width, 3, padding="same", use_bias=False, name="second")(x)
    x = layers.MaxPooling2D()(x)
    x = ShiftedNormActivation("relu")(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="tiny_cnn")
