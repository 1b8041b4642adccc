"""EfficientNet-Lite0 with ImageNet weights, fine-tuned on CIFAR-10 enlarged to 128 pixels.

Tan 2019 (arXiv 1905.11946) fine-tunes EfficientNet-B0 to 98.1 % on CIFAR-10 at 224 pixels; the
Lite variant (Liu 2020) has ReLU6 and no squeeze-and-excitation, and runs well on processors.

    python -m training fit efficientnet-lite0-frozen
    python -m training fit efficientnet-lite0
    python -m training fit efficientnet-lite0-mixup
    python -m training average RUN RUN --run MEAN
    python -m training fit efficientnet-lite0-further --begin-with MEAN --others PICTURES
    python -m training fit efficientnet-lite0-192 --begin-with MEAN --others PICTURES

What differs here, and why:

- 128 pixels a side instead of 224: a third of the arithmetic, and a 32-pixel image holds no more.
- The stem and the first five blocks keep ImageNet's weights, as do the filters of depthwise
  convolutions: a step takes less than half the time.
- AdamW at a small rate: with the batch norms folded, plain gradient descent is either slow (0.003)
  or kills the network in its first steps (0.02).
"""

from training.datasets import CIFAR10_64
from training.recipe import (
    AdamW,
    Augmentation,
    EfficientNetLite,
    Fit,
    LogisticHead,
    Mix,
    Recipe,
    Triangle,
)
from training.recipes import register
from training.recipes.transfer import TRANSFER

VARIED = Augmentation(flip="random", translate=4, zoom=0.15)
CUT = VARIED.model_copy(update={"cutout": 8})


def _fine_tuned(
    name: str,
    summary: str,
    *,
    epochs: int,
    rate: float,
    pixels: int = 128,
    augmentation: Augmentation = CUT,
) -> Recipe:
    return Recipe(
        name=name,
        family="efficientnet",
        summary=summary,
        model=EfficientNetLite(resolution=pixels, frozen_blocks=5),
        augmentation=augmentation,
        fit=Fit(
            epochs=epochs,
            batch_size=64,
            optimiser=AdamW(learning_rate=rate, weight_decay=0.05),
            schedule=Triangle(start=0.1, peak=0.15, end=0.01),
        ),
    )


EFFICIENTNET_LITE0 = register(
    _fine_tuned(
        "efficientnet-lite0",
        "Liu 2020: ImageNet weights, fine-tuned at 128 pixels",
        epochs=6,
        rate=1.5e-4,
    )
)

# Another way to the same place, so that the mean of the two (`average`) lies deeper.
EFFICIENTNET_LITE0_MIXUP = register(
    _fine_tuned(
        "efficientnet-lite0-mixup",
        "the same with blended images, to be averaged with it",
        epochs=6,
        rate=1.5e-4,
        augmentation=VARIED.model_copy(update={"mix": Mix(kind="mixup", alpha=0.2)}),
    )
)

# For what a fit should learn last: to leave pictures of other things alone.
EFFICIENTNET_LITE0_FURTHER = register(
    _fine_tuned(
        "efficientnet-lite0-further",
        "the same at a third of the rate, to go on with a run",
        epochs=2,
        rate=5e-5,
    )
)

# More pixels for a network that knows the classes already (Touvron 2019, arXiv 1906.06423).
EFFICIENTNET_LITE0_192 = register(
    _fine_tuned(
        "efficientnet-lite0-192",
        "the same at 192 pixels, to go on with a run at 128",
        epochs=4,
        rate=1e-4,
        pixels=192,
    )
)

# 32 pixels lose what photos at natural size have: the same for images of 64, which are blurred and
# sharpened at will, since CIFAR-10 has none that are sharp at that size.
EFFICIENTNET_LITE0_PHOTOS = register(
    _fine_tuned(
        "efficientnet-lite0-photos",
        "the same at 192 pixels for images of 64, blurred and sharpened",
        epochs=4,
        rate=1e-4,
        pixels=192,
        augmentation=Augmentation(flip="random", translate=8, zoom=0.15, focus=2.0, cutout=16),
    ).model_copy(update={"data": CIFAR10_64.name})
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
