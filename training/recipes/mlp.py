"""Dense networks on CIFAR-10: the study's grid, and its best ones with dropout and early stopping.

Three optimisers with Keras's defaults, three activations, one to three hidden layers, 50 epochs in
batches of 32, pixels scaled to 0..1. A dense network knows nothing of neighbouring pixels: the
study's best reaches 66.3 % on validation, where a small convolutional network has 80 %.

    python -m training grid mlp
    python -m training grid mlp-dropout
    python -m training grid mlp-early
    python -m training fit mlp-adam-relu-3

What the study does not print, and how it is here: dropout of one half after each hidden layer;
early stopping after three epochs without a lower loss on validation, with the weights of the epoch
of the lowest. The study prints the figures of RMSprop with sigmoid as those of Adam with sigmoid,
which is a slip: for these recipes no figure of it is kept.
"""

from collections.abc import Callable
from typing import Literal

from training.recipe import Adam, EarlyStopping, Fit, Mlp, Recipe, RmsProp, Sgd
from training.recipes import Reported, register

WIDTHS = (512, 256, 256)
EPOCHS = 50
BATCH_SIZE = 32
# With 3,072 pixels in and ten classes out.
PARAMETERS = {1: 1_578_506, 2: 1_707_274, 3: 1_773_066}

OptimiserName = Literal["sgd", "adam", "rmsprop"]
ActivationName = Literal["relu", "tanh", "sigmoid"]
OPTIMISERS: dict[OptimiserName, Callable[[], Sgd | Adam | RmsProp]] = {
    "sgd": Sgd,
    "adam": Adam,
    "rmsprop": RmsProp,
}

# Accuracy on validation with one, two and three hidden layers.
GRID: dict[tuple[OptimiserName, ActivationName], tuple[float | None, ...]] = {
    ("sgd", "relu"): (0.5414, 0.5685, 0.5802),
    ("sgd", "tanh"): (0.4993, 0.5391, 0.5503),
    ("sgd", "sigmoid"): (0.3949, 0.3330, 0.1909),
    ("adam", "relu"): (0.5748, 0.5989, 0.6039),
    ("adam", "tanh"): (0.5034, 0.4791, 0.4411),
    ("adam", "sigmoid"): (0.6015, 0.6235, 0.5667),
    ("rmsprop", "relu"): (0.6000, 0.6630, 0.6443),
    ("rmsprop", "tanh"): (0.4997, 0.5533, 0.5717),
    ("rmsprop", "sigmoid"): (None, None, None),
}

# The depth that the study took on from each pair, and its accuracy with dropout and with early
# stopping.
CHOSEN: dict[tuple[OptimiserName, ActivationName], tuple[int, float, float]] = {
    ("sgd", "relu"): (3, 0.4924, 0.5357),
    ("sgd", "tanh"): (3, 0.4296, 0.4278),
    ("sgd", "sigmoid"): (1, 0.4058, 0.3504),
    ("adam", "relu"): (3, 0.2911, 0.4621),
    ("adam", "tanh"): (1, 0.4114, 0.4064),
    ("adam", "sigmoid"): (1, 0.4991, 0.4447),
    ("rmsprop", "relu"): (3, 0.3756, 0.4463),
    ("rmsprop", "tanh"): (3, 0.4178, 0.4017),
    ("rmsprop", "sigmoid"): (1, 0.5084, 0.4495),
}


def _recipe(
    family: str,
    optimiser: OptimiserName,
    activation: ActivationName,
    layers: int,
    accuracy: float | None,
) -> Recipe:
    fit = Fit(epochs=EPOCHS, batch_size=BATCH_SIZE, optimiser=OPTIMISERS[optimiser]())
    model = Mlp(hidden=WIDTHS[:layers], activation=activation)
    if family == "mlp-dropout":
        model = model.model_copy(update={"dropout": 0.5})
    if family == "mlp-early":
        stopping = EarlyStopping(monitor="val_loss", patience=3)
        fit = fit.model_copy(update={"early_stopping": stopping, "keep_best": "val_loss"})
    extra = {"mlp": "", "mlp-dropout": ", dropout", "mlp-early": ", early stopping"}[family]
    return register(
        Recipe(
            name=f"{family}-{optimiser}-{activation}-{layers}",
            family=family,
            summary=f"{layers} hidden, {optimiser}, {activation}{extra}",
            model=model,
            fit=fit,
        ),
        Reported(accuracy, parameters=PARAMETERS[layers]),
    )


for (_optimiser, _activation), _accuracies in GRID.items():
    for _layers, _accuracy in enumerate(_accuracies, start=1):
        _recipe("mlp", _optimiser, _activation, _layers, _accuracy)

for (_optimiser, _activation), (_layers, _dropped, _stopped) in CHOSEN.items():
    _recipe("mlp-dropout", _optimiser, _activation, _layers, _dropped)
    _recipe("mlp-early", _optimiser, _activation, _layers, _stopped)
