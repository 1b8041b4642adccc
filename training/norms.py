"""Takes the statistics of batch norms anew, in float32, once a fit in bfloat16 has ended.

What a norm of a bfloat16 fit has followed are the statistics of rounded numbers. Where a channel's
mean is many times its deviation, which the first convolution of airbench94 makes so, rounding is a
good part of that deviation, and the network that is served in float32 is not the one that was
fitted. Averages over whole batches are more exact than moving ones in any case (Wu & Johnson 2021,
arXiv 2105.07576, "precise" batch norm).
"""

import keras
import numpy as np
from numpy.typing import NDArray

from training.layers import ShiftedNormActivation

IMAGES = 10_000


def norms_of(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers that follow the statistics of the batches that they see, of inner models too."""
    kinds = (keras.layers.BatchNormalization, ShiftedNormActivation)
    found: list[keras.layers.Layer] = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += norms_of(layer)
        elif isinstance(layer, kinds) and layer.trainable:
            found.append(layer)
    return found


def restate_norms(
    model: keras.Model, images: NDArray[np.uint8], *, batch_size: int, seed: int
) -> None:
    """Set every norm's mean and variance to their means over batches of up to 10,000 images.

    Args:
        model: in float32; nothing else of it changes.
        images: training images, uint8 [N, H, W, C], varied as the fit saw them.
        batch_size: of the fit, which the memory bears.
        seed: which of them are looked at.
    """
    norms = norms_of(model)
    kept = [layer.momentum for layer in norms]
    order = np.random.default_rng(seed).permutation(len(images))[:IMAGES]
    batches = np.array_split(order, max(1, len(order) // batch_size))
    try:
        for count, places in enumerate(batches, start=1):
            for layer in norms:
                layer.momentum = 1 - 1 / count
            model(images[places], training=True)
    finally:
        for layer, momentum in zip(norms, kept, strict=True):
            layer.momentum = momentum
