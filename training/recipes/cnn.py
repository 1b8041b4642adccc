"""Small convolutional networks on CIFAR-10.

`cnn-base` and `cnn-improved` are the study's, with the parameters that it prints: 58.17 % on
validation after 25 epochs in 16:41 minutes, and 66.70 % after 50 in 57:07. `cnn-4` has the four
convolutions and two dense layers of Keras's old CIFAR-10 example, with flips and rotations: 80.39 %
on test after 1,000 epochs. `alexnet` is Krizhevsky 2012 (NIPS 25) with 3×3 convolutions and dense
layers of 1,024 for small images; the study prints no figure.

    python -m training grid cnn

What the study does not print, and how it is here: the dropout rates, the L2 of 1e-3, how far images
move, and a patience of five epochs.
"""

from training.recipe import (
    Adam,
    Augmentation,
    Cosine,
    EarlyStopping,
    Fit,
    NesterovSgd,
    PlainCnn,
    Recipe,
    RmsProp,
    Stage,
)
from training.recipes import Reported, register

CNN_BASE = register(
    Recipe(
        name="cnn-base",
        family="cnn",
        summary="one convolution, one dense layer, Adam",
        model=PlainCnn(stages=(Stage(filters=(64,), padding=("valid",)),), dense=(128,)),
        fit=Fit(epochs=25, batch_size=32, optimiser=Adam()),
    ),
    Reported(0.5817, parameters=1_846_410),
)

CNN_IMPROVED = register(
    Recipe(
        name="cnn-improved",
        family="cnn",
        summary="two convolutions, dropout, L2, augmentation, Adam at 1e-4, early stopping",
        model=PlainCnn(
            stages=(
                Stage(filters=(64,), padding=("valid",)),
                Stage(filters=(128,), padding=("valid",), dropout=0.25),
            ),
            dense=(128,),
            dropout=0.5,
            l2=1e-3,
        ),
        augmentation=Augmentation(flip="random", rotate=15, shift=0.1),
        fit=Fit(
            epochs=50,
            batch_size=32,
            optimiser=Adam(learning_rate=1e-4),
            early_stopping=EarlyStopping(monitor="val_loss", patience=5),
            keep_best="val_loss",
        ),
    ),
    Reported(0.6670, parameters=666_890),
)

CNN_4 = register(
    Recipe(
        name="cnn-4",
        family="cnn",
        summary="four convolutions, two dense layers, flips and rotations, 1,000 epochs",
        model=PlainCnn(
            stages=(
                Stage(filters=(32, 32), padding=("same", "valid"), dropout=0.25),
                Stage(filters=(64, 64), padding=("same", "valid"), dropout=0.25),
            ),
            dense=(512,),
            dropout=0.5,
            scaling="standardise",
        ),
        augmentation=Augmentation(flip="random", rotate=15),
        fit=Fit(
            epochs=1000,
            batch_size=256,
            optimiser=RmsProp(learning_rate=1e-3),
            schedule=Cosine(),
        ),
    ),
    Reported(0.8039, split="test"),
)

ALEXNET = register(
    Recipe(
        name="alexnet",
        family="cnn",
        summary="Krizhevsky 2012 for small images: five convolutions, three dense layers",
        model=PlainCnn(
            stages=(
                Stage(filters=(64,), stride=2),
                Stage(filters=(192,)),
                Stage(filters=(384, 256, 256)),
            ),
            dense=(1024, 1024),
            dropout=0.5,
            scaling="standardise",
        ),
        augmentation=Augmentation(flip="random", rotate=15),
        fit=Fit(
            epochs=60,
            batch_size=128,
            optimiser=NesterovSgd(learning_rate=0.02, momentum=0.9, weight_decay=1e-5),
            schedule=Cosine(warm_up=0.05),
        ),
    ),
)
