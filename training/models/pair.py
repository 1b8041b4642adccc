"""Two networks in one graph: what one mistakes, the other often sees."""

from collections.abc import Callable

import keras
from keras import layers

from training.layers import Halve
from training.recipe import Network, Pair

ImageShape = tuple[int, int, int]
Build = Callable[[Network, ImageShape, int], keras.Model]


def build_pair(config: Pair, shape: ImageShape, classes: int, build: Build) -> keras.Model:
    """The weighted sum of both networks' logits.

    The networks are its layers `first` and `second`, so their weights come one after the other.

    Raises:
        ValueError: a network cannot be built for images of that size, or has no features.
    """
    images = keras.Input(shape, dtype="uint8", name="image")
    outputs = []
    seconds = Halve(name="halve")(images) if config.second_halved else images
    for name, network, looked_at in (
        ("first", config.first, images),
        ("second", config.second, seconds),
    ):
        member = build(network, looked_at.shape[1:], classes)
        seen = member.get_layer("features").output
        outputs.append(keras.Model(member.input, [member.output, seen], name=name)(looked_at))
    (first, seen), (second, _) = outputs
    weighted = [
        layers.Rescaling(weight, dtype="float32", name=f"{name}_weighted")(logits)
        for name, weight, logits in zip(
            ("first", "second"), config.weights, (first, second), strict=True
        )
    ]
    logits = layers.Add(dtype="float32", name="logits")(weighted)
    pair = PairModel(images, logits, name="pair")
    pair.features = seen
    return pair


@keras.saving.register_keras_serializable(package="rotulo")
class PairModel(keras.Model):
    """The two networks; `features` is the output by which the first one knows an image.

    It is not on the way to the logits, so that no layer of the model is called that.
    """

    features: keras.KerasTensor
