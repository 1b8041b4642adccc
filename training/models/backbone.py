"""Networks of `keras.applications` under a head of one's own."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from training.recipe import Backbone

# What Keras's authors subtracted from blue, green and red (`preprocess_input`, mode `caffe`).
IMAGENET_MEANS = (103.939, 116.779, 123.68)
COLOURS = 3

BACKBONE = "backbone"
BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "resnet50": keras.applications.ResNet50,
    "vgg16": keras.applications.VGG16,
}
POOLINGS: dict[str, Callable[..., Any]] = {
    "mean": layers.GlobalAveragePooling2D,
    "max": layers.GlobalMaxPooling2D,
}


@keras.saving.register_keras_serializable(package="rotulo")
class ImageNetScaling(layers.Layer):
    """Pixels 0..255 as the published weights expect them: blue, green, red, less their means."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Pixels of any number type [N, H, W, 1 or 3] to the compute type [N, H, W, 3]."""
        pixels = ops.cast(inputs, "float32")
        if inputs.shape[-1] != COLOURS:
            pixels = ops.concatenate([pixels] * COLOURS, axis=-1)
        centred = pixels[..., ::-1] - ops.convert_to_tensor(IMAGENET_MEANS, "float32")
        return ops.cast(centred, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Three channels, whatever came in."""
        return (*input_shape[:-1], COLOURS)


def build_backbone(config: Backbone, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """The backbone with random weights, pooling, dense layers, a linear head.

    `training.pretrained` puts the weights fitted on ImageNet in. A grey image goes in as three
    equal channels.
    """
    images = keras.Input(shape, dtype="uint8", name="image")
    x = ImageNetScaling(name="scaling")(images)
    backbone = BUILDERS[config.name](include_top=False, weights=None, input_shape=(*shape[:2], 3))
    # Keras names the model for its builder, and layers are found by name.
    backbone.name = BACKBONE
    backbone.trainable = not config.frozen
    x = POOLINGS[config.pooling](name="features")(backbone(x))
    for width in config.dense:
        x = layers.Dense(width, activation="relu")(x)
        if config.dropout:
            x = layers.Dropout(config.dropout)(x)
    if config.dropout and not config.dense:
        x = layers.Dropout(config.dropout)(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name=config.name)
