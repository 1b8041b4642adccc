"""A small network that learns something within a minute: for trying the line, not for serving.

python -m training fit tiny
"""

from training.recipe import Augmentation, Fit, NesterovSgd, Recipe, TinyCnn, Triangle
from training.recipes import register

TINY = register(
    Recipe(
        name="tiny",
        family="tiny",
        summary="two small convolutions, three epochs: to try the whole line in a minute",
        model=TinyCnn(),
        augmentation=Augmentation(flip="random", translate=2),
        fit=Fit(
            epochs=3,
            batch_size=128,
            optimiser=NesterovSgd(learning_rate=0.1, weight_decay=5e-5),
            schedule=Triangle(),
        ),
    )
)
