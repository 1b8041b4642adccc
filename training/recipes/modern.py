"""ReXNet and CoAtNet, whose papers fit them on ImageNet, from random weights on CIFAR-10.

Han 2020, "Rethinking channel dimensions for efficient model design", arXiv 2007.00992; Dai 2021,
"CoAtNet: marrying convolution and attention for all data sizes", arXiv 2106.04803. The study prints
no figure for ReXNet and 75.44 % on test for CoAtNet-0 after 20 epochs in batches of 16; 90.2 % is a
public zoo's. Both halve an image five times: here twice less, since it has 32 pixels and not 224.

    python -m training fit rexnet
    python -m training fit coatnet-0
"""

from training.recipe import (
    AdamW,
    Augmentation,
    CoAtNet,
    Cosine,
    Fit,
    NesterovSgd,
    Recipe,
    ReXNet,
)
from training.recipes import Reported, register

TURNED = Augmentation(flip="random", rotate=15)

REXNET = register(
    Recipe(
        name="rexnet",
        family="modern",
        summary="Han 2020: inverted bottlenecks of linearly growing width",
        model=ReXNet(strides=(1, 1, 2, 2, 1, 1, 2)),
        augmentation=TURNED,
        fit=Fit(
            epochs=100,
            batch_size=128,
            optimiser=NesterovSgd(learning_rate=0.1, momentum=0.9, weight_decay=0.1 * 1e-4),
            schedule=Cosine(warm_up=0.05),
        ),
    ),
)

COATNET_0 = register(
    Recipe(
        name="coatnet-0",
        family="modern",
        summary="Dai 2021: convolutions, then relative attention",
        model=CoAtNet(strides=(1, 2, 2, 2, 1)),
        augmentation=TURNED,
        fit=Fit(
            epochs=20,
            batch_size=16,
            optimiser=AdamW(learning_rate=2e-4, weight_decay=0.05),
            schedule=Cosine(warm_up=0.05),
        ),
    ),
    Reported(0.7544, split="test"),
)
