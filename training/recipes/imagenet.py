"""ResNet50 and VGG16 from `keras.applications` with ImageNet weights, on CIFAR-10's 32 pixels.

The study has 34.58 % on validation with both of its ResNet50, and 61.58 % (50:55 minutes) and
64.09 % (104 minutes) with its VGG16.

    python -m training fit vgg16-base
    ROTULO_WEIGHTS_DIR=FOLDER python -m training fit resnet50-base
    python -m training fit resnet50-base --from-scratch

The weights are fetched from where Keras has them. Where that cannot be, the fit ends before it
starts and names the file, which may lie in `ROTULO_WEIGHTS_DIR` instead. They were never fetched
where this was written, and these recipes were never fitted with them.

What differs here, and why: pixels are scaled inside the graph as the weights expect them (blue,
green, red, less ImageNet's means). A ResNet50 that is fed 0..1 sees next to nothing, which may
explain the study's 34.58 %. What the study does not print, and how it is here: the base of both
`-base` recipes and of `resnet50-improved` is frozen, that of `vgg16-improved` learns at 1e-5; a
dense layer of 256; 25 epochs for the `-base` ones. Mixed precision is a matter of the machine.
"""

from training.recipe import Adam, Augmentation, Backbone, EarlyStopping, Fit, Recipe
from training.recipes import Reported, register

DENSE = (256,)

RESNET50_BASE = register(
    Recipe(
        name="resnet50-base",
        family="imagenet",
        summary="ResNet50 with ImageNet weights, frozen, a dense layer",
        model=Backbone(name="resnet50", dense=DENSE),
        fit=Fit(epochs=25, batch_size=64, optimiser=Adam()),
    ),
    Reported(0.3458),
)

RESNET50_IMPROVED = register(
    Recipe(
        name="resnet50-improved",
        family="imagenet",
        summary="ResNet50 with ImageNet weights, frozen, dropout, zoom, shear, a lower rate",
        model=Backbone(name="resnet50", dense=DENSE, dropout=0.5),
        augmentation=Augmentation(flip="random", zoom=0.2, shear=10),
        fit=Fit(epochs=50, batch_size=64, optimiser=Adam(learning_rate=1e-4)),
    ),
    Reported(0.3458),
)

VGG16_BASE = register(
    Recipe(
        name="vgg16-base",
        family="imagenet",
        summary="VGG16 with ImageNet weights, frozen, a dense layer",
        model=Backbone(name="vgg16", dense=DENSE),
        fit=Fit(epochs=25, batch_size=64, optimiser=Adam()),
    ),
    Reported(0.6158),
)

VGG16_IMPROVED = register(
    Recipe(
        name="vgg16-improved",
        family="imagenet",
        summary="VGG16 with ImageNet weights, fitted at 1e-5, augmentation, early stopping",
        model=Backbone(name="vgg16", frozen=False, dense=DENSE, dropout=0.5),
        augmentation=Augmentation(flip="random", rotate=15, shift=0.1, zoom=0.1),
        fit=Fit(
            epochs=50,
            batch_size=64,
            optimiser=Adam(learning_rate=1e-5),
            early_stopping=EarlyStopping(monitor="val_loss", patience=5),
            keep_best="val_accuracy",
        ),
    ),
    Reported(0.6409),
)
