"""EfficientNet-Lite0 with ImageNet weights, fine-tuned on CIFAR-10 enlarged to 128 pixels.

Tan 2019 (arXiv 1905.11946) fine-tunes EfficientNet-B0 to 98.1 % on CIFAR-10 at 224 pixels; the
Lite variant (Liu 2020) has ReLU6 and no squeeze-and-excitation, and runs well on processors.

    python -m training fit efficientnet-lite0
    python -m training fit efficientnet-lite0-192 --begin-with RUN

What differs here, and why:

- 128 pixels a side instead of 224: a third of the arithmetic, and a 32-pixel image holds no more.
- The stem and the first five blocks keep ImageNet's weights, as do the filters of depthwise
  convolutions: a step takes less than half the time.
- A small rate: with the batch norms folded, a rate of 0.02 kills the network in its first steps.
"""

from training.recipe import Augmentation, EfficientNetLite, Fit, NesterovSgd, Recipe, Triangle
from training.recipes import register

EFFICIENTNET_LITE0 = register(
    Recipe(
        name="efficientnet-lite0",
        family="efficientnet",
        summary="Liu 2020: ImageNet weights, fine-tuned at 128 pixels",
        model=EfficientNetLite(resolution=128, frozen_blocks=5),
        augmentation=Augmentation(flip="random", translate=4),
        fit=Fit(
            epochs=4,
            batch_size=64,
            optimiser=NesterovSgd(learning_rate=0.003, momentum=0.9, weight_decay=1e-6),
            schedule=Triangle(start=0.1, peak=0.15, end=0.01),
        ),
    )
)

# More pixels for a network that knows the classes already (Touvron 2019, arXiv 1906.06423): two
# epochs at 192 cost what five do at 128.
EFFICIENTNET_LITE0_192 = register(
    Recipe(
        name="efficientnet-lite0-192",
        family="efficientnet",
        summary="the same at 192 pixels, to go on with a run at 128",
        model=EfficientNetLite(resolution=192, frozen_blocks=5),
        augmentation=Augmentation(flip="random", translate=4, zoom=0.15),
        fit=Fit(
            epochs=2,
            batch_size=64,
            optimiser=NesterovSgd(learning_rate=0.002, momentum=0.9, weight_decay=1e-6),
            schedule=Triangle(start=0.3, peak=0.1, end=0.01),
        ),
    )
)
