"""For photos of 224×224 pixels in six classes, such as Intel's scenes: four networks of the study.

    python -m training fit dense-224 --data DATA
    python -m training fit backbone-224 --data DATA

The study has 19, 70, 76 and 87 % on validation. Its first two are built as its printed parameters
demand: 37,632,250, 62,750, 62,750 and 1,506 in the dense one; 1,568,250 in the first dense layer
of the convolutional one, which therefore sees maps of 14×14; and 12,294 that learn on the backbone.
The residual one is read as blocks of 32, 64, 64, 128, 128, 256, 256 and 256 filters. Epochs,
batches and rates are ours, since the study prints none. None of them was fitted where this was
written: the photos are not here, nor are the backbone's ImageNet weights (see `imagenet`).
"""

from training.recipe import (
    Adam,
    Augmentation,
    Backbone,
    Fit,
    Mlp,
    PlainCnn,
    Recipe,
    ResidualBlocks,
    Stage,
)
from training.recipes import Reported, register

DATA = "intel-scenes"
FIT = Fit(epochs=20, batch_size=32, optimiser=Adam(), keep_best="val_accuracy")
VARIED = Augmentation(flip="random", rotate=10, zoom=0.1)

DENSE_224 = register(
    Recipe(
        name="dense-224",
        family="scenes",
        summary="three dense layers of 250",
        data=DATA,
        model=Mlp(hidden=(250, 250, 250)),
        fit=FIT,
    ),
    Reported(0.19, data=DATA, parameters=37_759_256),
)

CONV_224 = register(
    Recipe(
        name="conv-224",
        family="scenes",
        summary="convolutions of 8, 16 and 32 filters, a dense layer of 250",
        data=DATA,
        model=PlainCnn(
            stages=(Stage(filters=(8,), stride=2), Stage(filters=(16,)), Stage(filters=(32,))),
            dense=(250,),
        ),
        augmentation=VARIED,
        fit=FIT,
    ),
    Reported(0.70, data=DATA, parameters=1_575_788),
)

RESIDUAL_224 = register(
    Recipe(
        name="residual-224",
        family="scenes",
        summary="eight residual blocks of 32 to 256 filters",
        data=DATA,
        model=ResidualBlocks(),
        augmentation=VARIED,
        fit=FIT,
    ),
    Reported(0.76, data=DATA),
)

BACKBONE_224 = register(
    Recipe(
        name="backbone-224",
        family="scenes",
        summary="ResNet50 with ImageNet weights, frozen, global max pooling",
        data=DATA,
        model=Backbone(name="resnet50", pooling="max"),
        augmentation=VARIED,
        fit=FIT,
    ),
    Reported(0.87, data=DATA, parameters=12_294),
)
