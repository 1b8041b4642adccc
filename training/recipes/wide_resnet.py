"""Wide residual networks.

Zagoruyko 2016, "Wide residual networks", arXiv 1605.07146, table 5: 95.73 % on CIFAR-10's test with
WRN-16-8 and 96.00 % with WRN-28-10, 200 epochs in batches of 128, Nesterov momentum, rate 0.1 times
0.2 at epochs 60, 120 and 160, weight decay 5e-4, flips and crops with reflection. With cutout of 16
pixels WRN-28-10 has 96.92 % (DeVries 2017, arXiv 1708.04552).

    python -m training fit wrn-16-8

They ask for a GPU, and were never fitted to their end where this was written.
"""

from training.recipe import Augmentation, EpochSteps, Fit, NesterovSgd, Recipe, WideResNet
from training.recipes import Reported, register

CROPS = Augmentation(flip="random", translate=4)
FIT = Fit(
    epochs=200,
    batch_size=128,
    optimiser=NesterovSgd(learning_rate=0.1, momentum=0.9, weight_decay=0.1 * 5e-4),
    schedule=EpochSteps(at=(60, 120, 160), factors=(0.2, 0.04, 0.008), of=200),
)

WRN_16_8 = register(
    Recipe(
        name="wrn-16-8",
        family="wide-resnet",
        summary="Zagoruyko 2016: 11.0 M parameters, 95.73 % after 200 epochs",
        model=WideResNet(depth=16, widen=8),
        augmentation=CROPS,
        fit=FIT,
    ),
    Reported(0.9573, source="Zagoruyko 2016", split="test", parameters=10_961_370),
)

WRN_28_10 = register(
    Recipe(
        name="wrn-28-10",
        family="wide-resnet",
        summary="Zagoruyko 2016: 36.5 M parameters, 96.00 % after 200 epochs",
        model=WideResNet(depth=28, widen=10),
        augmentation=CROPS,
        fit=FIT,
    ),
    Reported(0.9600, source="Zagoruyko 2016", split="test", parameters=36_479_194),
)

WRN_28_10_CUTOUT = register(
    Recipe(
        name="wrn-28-10-cutout",
        family="wide-resnet",
        summary="WRN-28-10 with cutout of 16 pixels (DeVries 2017)",
        model=WideResNet(depth=28, widen=10),
        augmentation=CROPS.model_copy(update={"cutout": 16}),
        fit=FIT,
    ),
    Reported(0.9692, source="DeVries 2017", split="test", parameters=36_479_194),
)
