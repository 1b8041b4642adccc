"""DenseNet-BC with three compressions.

Huang 2016, "Densely connected convolutional networks", arXiv 1608.06993: four dense blocks of
twelve bottleneck layers, growth 12, 24 filters before. The study fits them on FER2013 (48 pixels,
grey, seven emotions) for 200 epochs in batches of 32 and has 68.28, 69.09 and 69.34 % on validation
after 5 h 12, 2 h 16 and 5 h 36. Here the default is CIFAR-10.

    python -m training grid densenet --epochs 10
    python -m training fit densenet-c05

The rate of 1e-3 falls at epochs 80, 120, 160 and 180 as in Keras's CIFAR-10 example. Plateaus of
five epochs lower it further: in the study the schedule, which sets the rate anew at each epoch,
undoes that. The weights of the best epoch on validation are kept.
"""

from training.recipe import Augmentation, DenseNet, EpochSteps, Fit, Plateau, Recipe, RmsProp
from training.recipes import Reported, register

ACCURACIES = {0.3: 0.6828, 0.5: 0.6909, 0.7: 0.6934}
SCHEDULE = EpochSteps(at=(80, 120, 160, 180), factors=(1e-1, 1e-2, 1e-3, 5e-4), of=200)
PLATEAU = Plateau(monitor="val_loss", factor=0.1**0.5, patience=5, floor=5e-4)

for _compression, _accuracy in ACCURACIES.items():
    register(
        Recipe(
            name=f"densenet-c{_compression:.1f}".replace(".", ""),
            family="densenet",
            summary=f"Huang 2016: 4 blocks of 12 bottlenecks, compression {_compression}",
            model=DenseNet(compression=_compression),
            augmentation=Augmentation(flip="random", shift=0.1),
            fit=Fit(
                epochs=200,
                batch_size=32,
                optimiser=RmsProp(learning_rate=1e-3),
                schedule=SCHEDULE,
                plateau=PLATEAU,
                keep_best="val_accuracy",
            ),
        ),
        Reported(_accuracy, data="fer2013"),
    )
