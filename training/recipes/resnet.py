"""Residual networks for CIFAR-10.

He 2015, "Deep residual learning for image recognition", arXiv 1512.03385, section 4.2: 91.25 % on
test with 20 layers and 93.03 % with 56 after some 180 epochs of batches of 128, rate 0.1 divided by
ten at half and three quarters, weight decay 1e-4, shifts of up to 4 pixels over zeros and random
flips.

    python -m training fit resnet20
    python -m training fit resnet56

`resnet-v1-104` and `resnet-v2-155` are the study's, after Keras's CIFAR-10 example (He 2016, arXiv
1603.05027, for the second): Adam at 1e-3 that falls at epochs 80, 120, 160 and 180, L2 of 1e-4,
batches of 64, 200 epochs, the best epoch kept. On FER2013 they have 66.52 and 66.27 % on validation
after 6 h 09 and 7 h 22; here the default is CIFAR-10.

    python -m training grid resnet-study --epochs 10
"""

from training.recipe import (
    Adam,
    Augmentation,
    EpochSteps,
    Fit,
    NesterovSgd,
    Recipe,
    ResNet,
    ResNetV2,
    Steps,
)
from training.recipes import Reported, register

# He's decay enters the gradient: a step at rate 0.1 shrinks a weight by 1e-4 of 0.1.
HE_FIT = Fit(
    epochs=182,
    batch_size=128,
    optimiser=NesterovSgd(learning_rate=0.1, momentum=0.9, weight_decay=1e-5),
    schedule=Steps(at=(0.5, 0.75), factor=0.1),
)
HE_AUGMENTATION = Augmentation(flip="random", translate=4, fill="constant")

RESNET20 = register(
    Recipe(
        name="resnet20",
        family="resnet",
        summary="He 2015: 0.27 M parameters, 91.25 % after 182 epochs",
        model=ResNet(depth=20),
        augmentation=HE_AUGMENTATION,
        fit=HE_FIT,
    ),
    Reported(0.9125, source="He 2015", split="test", parameters=269_722),
)

RESNET56 = register(
    Recipe(
        name="resnet56",
        family="resnet",
        summary="He 2015: 0.85 M parameters, 93.03 % after 182 epochs",
        model=ResNet(depth=56),
        augmentation=HE_AUGMENTATION,
        fit=HE_FIT,
    ),
    Reported(0.9303, source="He 2015", split="test", parameters=853_018),
)

STUDY_FIT = Fit(
    epochs=200,
    batch_size=64,
    optimiser=Adam(learning_rate=1e-3),
    schedule=EpochSteps(at=(80, 120, 160, 180), factors=(1e-1, 1e-2, 1e-3, 5e-4), of=200),
    keep_best="val_accuracy",
)
STUDY_AUGMENTATION = Augmentation(flip="random", shift=0.1)

RESNET_V1_104 = register(
    Recipe(
        name="resnet-v1-104",
        family="resnet-study",
        summary="104 layers, projected shortcuts, Adam, 200 epochs",
        model=ResNet(depth=104, shortcut="projection", l2=1e-4),
        augmentation=STUDY_AUGMENTATION,
        fit=STUDY_FIT,
    ),
    Reported(0.6652, data="fer2013"),
)

RESNET_V2_155 = register(
    Recipe(
        name="resnet-v2-155",
        family="resnet-study",
        summary="155 layers, bottlenecks with norm first, Adam, 200 epochs",
        model=ResNetV2(depth=155, l2=1e-4),
        augmentation=STUDY_AUGMENTATION,
        fit=STUDY_FIT,
    ),
    Reported(0.6627, data="fer2013"),
)
