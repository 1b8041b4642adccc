"""EfficientNet-Lite0 with ImageNet weights, fine-tuned on CIFAR-10 enlarged to 128 pixels.

Tan 2019 (arXiv 1905.11946) fine-tunes EfficientNet-B0 to 98.1 % on CIFAR-10 at 224 pixels; the
Lite variant (Liu 2020) has ReLU6 and no squeeze-and-excitation, and runs well on processors.

    python -m training fit efficientnet-lite0-frozen
    python -m training fit efficientnet-lite0
    python -m training fit efficientnet-lite0-cutout
    python -m training fit efficientnet-lite0-192 --begin-with RUN

What differs here, and why:

- 128 pixels a side instead of 224: a third of the arithmetic, and a 32-pixel image holds no more.
- The stem and the first five blocks keep ImageNet's weights, as do the filters of depthwise
  convolutions: a step takes less than half the time.
- A small rate: with the batch norms folded, a rate of 0.02 kills the network in its first steps.
"""

from training.recipe import (
    Augmentation,
    EfficientNetLite,
    Fit,
    LogisticHead,
    NesterovSgd,
    Recipe,
    Triangle,
)
from training.recipes import register
from training.recipes.transfer import TRANSFER

RISE_AND_FALL = Triangle(start=0.1, peak=0.15, end=0.01)


def _fine_tuned(  # noqa: PLR0913 - what they differ in
    name: str,
    summary: str,
    *,
    epochs: int,
    rate: float,
    pixels: int = 128,
    batch_size: int = 64,
    cutout: int = 0,
    schedule: Triangle = RISE_AND_FALL,
) -> Recipe:
    return Recipe(
        name=name,
        family="efficientnet",
        summary=summary,
        model=EfficientNetLite(resolution=pixels, frozen_blocks=5),
        augmentation=Augmentation(flip="random", translate=4, zoom=0.15, cutout=cutout),
        fit=Fit(
            epochs=epochs,
            batch_size=batch_size,
            optimiser=NesterovSgd(learning_rate=rate, momentum=0.9, weight_decay=1e-6),
            schedule=schedule,
        ),
    )


EFFICIENTNET_LITE0 = register(
    _fine_tuned(
        "efficientnet-lite0",
        "Liu 2020: ImageNet weights, fine-tuned at 128 pixels",
        epochs=6,
        rate=0.003,
    )
)

# Another way to the same place, so that the mean of the two (`average`) lies deeper.
EFFICIENTNET_LITE0_CUTOUT = register(
    _fine_tuned(
        "efficientnet-lite0-cutout",
        "the same with cutout, for twice as many epochs in larger batches",
        epochs=12,
        rate=0.006,
        batch_size=128,
        cutout=8,
    )
)

# More pixels for a network that knows the classes already (Touvron 2019, arXiv 1906.06423): two
# epochs at 192 cost what five do at 128.
EFFICIENTNET_LITE0_192 = register(
    _fine_tuned(
        "efficientnet-lite0-192",
        "the same at 192 pixels, to go on with a run at 128",
        epochs=2,
        rate=0.002,
        pixels=192,
        schedule=Triangle(start=0.3, peak=0.1, end=0.01),
    )
)

# What ImageNet's weights see of CIFAR-10 by themselves: `transfer`, on each image as it is.
EFFICIENTNET_LITE0_FROZEN = register(
    TRANSFER.model_copy(
        update={
            "name": "efficientnet-lite0-frozen",
            "family": "efficientnet",
            "summary": "Liu 2020: ImageNet weights as they are, at 160 pixels, and a new head",
            "fit": TRANSFER.fit.model_copy(update={"head": LogisticHead(variants=1)}),
        }
    )
)
