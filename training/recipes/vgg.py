"""VGG16 with batch norm for CIFAR-10, from random weights.

Simonyan 2014, arXiv 1409.1556, configuration D, with the norms and the one dense layer of 512 that
Liu 2015 ("Very deep convolutional neural network based image classification using small training
sample size") gave it for small images. Some 93.6 % on test in the field's tables.

    python -m training fit vgg16-bn
"""

from training.recipe import Augmentation, Cosine, Fit, NesterovSgd, PlainCnn, Recipe, Stage
from training.recipes import Reported, register

VGG16_BN = register(
    Recipe(
        name="vgg16-bn",
        family="vgg",
        summary="Simonyan 2014 with batch norm: thirteen convolutions, 93.6 %",
        model=PlainCnn(
            stages=(
                Stage(filters=(64, 64)),
                Stage(filters=(128, 128)),
                Stage(filters=(256, 256, 256)),
                Stage(filters=(512, 512, 512)),
                Stage(filters=(512, 512, 512)),
            ),
            dense=(512,),
            dropout=0.5,
            norm=True,
            scaling="standardise",
        ),
        augmentation=Augmentation(flip="random", translate=4),
        fit=Fit(
            epochs=160,
            batch_size=128,
            optimiser=NesterovSgd(learning_rate=0.05, momentum=0.9, weight_decay=0.05 * 5e-4),
            schedule=Cosine(warm_up=0.03),
        ),
    ),
    Reported(0.936, source="the field", split="test"),
)
