"""A person's own classes in minutes: EfficientNet-Lite0 with ImageNet weights under a new head.

    python -m training fit transfer --data FOLDER
    python -m training fit transfer-fine-tuned --data FOLDER

`FOLDER` holds a folder a class; docs/own-classes.md tells the whole way. `transfer` leaves the
network as it is and fits its last layer by logistic regression on what it sees in four variants of
each picture; 160 pixels a side cost half of 224. `transfer-fine-tuned` begins with the same and
then lets the upper blocks follow, which takes many times as long.
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

RESOLUTION = 160
VARIED = Augmentation(flip="random", rotate=8, shift=0.08, zoom=0.15)
SLOW = NesterovSgd(learning_rate=0.001, momentum=0.9, weight_decay=1e-6)

TRANSFER = register(
    Recipe(
        name="transfer",
        family="transfer",
        summary="one's own classes: a new head on ImageNet weights, in minutes",
        model=EfficientNetLite(resolution=RESOLUTION, frozen_blocks=16),
        augmentation=VARIED,
        fit=Fit(epochs=0, batch_size=32, optimiser=SLOW, head=LogisticHead()),
    )
)

TRANSFER_FINE_TUNED = register(
    Recipe(
        name="transfer-fine-tuned",
        family="transfer",
        summary="one's own classes: the new head, and then the upper blocks too",
        model=EfficientNetLite(resolution=RESOLUTION, frozen_blocks=10),
        augmentation=VARIED,
        fit=Fit(
            epochs=5,
            batch_size=32,
            optimiser=SLOW,
            schedule=Triangle(start=0.1, peak=0.2, end=0.01),
            head=LogisticHead(),
        ),
    )
)
