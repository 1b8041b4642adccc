"""ResNet-20 for CIFAR-10.

He 2015, "Deep residual learning for image recognition", arXiv 1512.03385, section 4.2: 91.25 % on
test after some 180 epochs of batches of 128, rate 0.1 divided by ten at half and three quarters,
weight decay 1e-4, shifts of up to 4 pixels over zeros and random flips.

    python -m training fit resnet20
"""

from training.recipe import Augmentation, Fit, NesterovSgd, Recipe, ResNet, Steps
from training.recipes import register

RESNET20 = register(
    Recipe(
        name="resnet20",
        family="resnet",
        summary="He 2015: 0.27 M parameters, 91.25 % after 182 epochs",
        model=ResNet(depth=20),
        augmentation=Augmentation(flip="random", translate=4, fill="constant"),
        fit=Fit(
            epochs=182,
            batch_size=128,
            # He's decay enters the gradient: a step at rate 0.1 shrinks a weight by 1e-4 of 0.1.
            optimiser=NesterovSgd(learning_rate=0.1, momentum=0.9, weight_decay=1e-5),
            schedule=Steps(at=(0.5, 0.75), factor=0.1),
        ),
    )
)
