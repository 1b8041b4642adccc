"""The parts of a recipe that say how weights are found: optimiser, schedule, and when to stop."""

from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from training.part import Part, UnitInterval


class NesterovSgd(Part):
    """Stochastic gradient descent with Nesterov momentum and groups for biases.

    `learning_rate` is per mean loss of one batch. `weight_decay` is the share by which a step at
    the full learning rate shrinks a weight, whatever that rate is. Biases and the shifts of batch
    norms learn `bias_factor` times as fast, and shrink only if `decay_biases`.
    """

    kind: Literal["nesterov-sgd"] = "nesterov-sgd"
    learning_rate: PositiveFloat
    momentum: UnitInterval = 0.9
    weight_decay: NonNegativeFloat = 0.0
    bias_factor: PositiveFloat = 1.0
    decay_biases: bool = True


class Sgd(Part):
    """Keras's `SGD` with its defaults: no momentum."""

    kind: Literal["sgd"] = "sgd"
    learning_rate: PositiveFloat = 0.01
    momentum: UnitInterval = 0.0


class Adam(Part):
    """Keras's `Adam` with its defaults (Kingma 2014, arXiv 1412.6980)."""

    kind: Literal["adam"] = "adam"
    learning_rate: PositiveFloat = 1e-3


class AdamW(Part):
    """Keras's `AdamW` (Loshchilov 2017, arXiv 1711.05101).

    A step at rate r shrinks a weight by the share r * `weight_decay`; biases and norms, which have
    one dimension, do not shrink.
    """

    kind: Literal["adamw"] = "adamw"
    learning_rate: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.004


class RmsProp(Part):
    """Keras's `RMSprop` with its defaults (Tieleman 2012, lecture 6.5)."""

    kind: Literal["rmsprop"] = "rmsprop"
    learning_rate: PositiveFloat = 1e-3


Optimiser = Annotated[NesterovSgd | Sgd | Adam | AdamW | RmsProp, Field(discriminator="kind")]


class Triangle(Part):
    """Linear from `start` to 1 at the share `peak` of all steps, then linear to `end`."""

    kind: Literal["triangle"] = "triangle"
    start: UnitInterval = 0.2
    peak: UnitInterval = 0.23
    end: UnitInterval = 0.07


class Steps(Part):
    """A factor of 1, times `factor` at each of the shares `at` of all steps."""

    kind: Literal["steps"] = "steps"
    at: tuple[UnitInterval, ...] = (0.5, 0.75)
    factor: UnitInterval = 0.1


class EpochSteps(Part):
    """A factor of 1, and from the epochs `at` on (counted from 0) those of `factors`.

    `of` is how many epochs these are counted in: a fit of another length follows in proportion.
    """

    kind: Literal["epoch-steps"] = "epoch-steps"
    at: tuple[NonNegativeInt, ...]
    factors: tuple[UnitInterval, ...]
    of: PositiveInt

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(self.at) != len(self.factors) or list(self.at) != sorted(self.at):
            raise ValueError("`at` must ascend and have a factor for each epoch")
        return self


class Cosine(Part):
    """Linear from 0 over the share `warm_up`, then half a cosine from 1 to `end`.

    Loshchilov 2016, arXiv 1608.03983, without restarts.
    """

    kind: Literal["cosine"] = "cosine"
    warm_up: UnitInterval = 0.0
    end: UnitInterval = 0.0


class Constant(Part):
    """A factor of 1 throughout."""

    kind: Literal["constant"] = "constant"


Schedule = Annotated[Triangle | Steps | EpochSteps | Cosine | Constant, Field(discriminator="kind")]


class Lookahead(Part):
    """Slow weights that the fast ones return to every few steps, more firmly towards the end.

    The pull after a share t of all steps is `strength` * t**3 (Jordan 2024, listing 4; Zhang 2019,
    arXiv 1907.08610).
    """

    every: PositiveInt = 5
    strength: UnitInterval = 0.95**5


Monitor = Literal["val_loss", "val_accuracy"]


class EarlyStopping(Part):
    """The fit ends after `patience` epochs in a row that improved `monitor` by no `least`."""

    monitor: Monitor = "val_loss"
    patience: PositiveInt = 5
    least: NonNegativeFloat = 0.0


class Plateau(Part):
    """The rate shrinks by `factor` whenever `patience` epochs in a row did not improve `monitor`.

    It multiplies what the schedule says. Together they never go below the share `floor` of the
    recipe's rate.
    """

    monitor: Monitor = "val_loss"
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    patience: PositiveInt = 10
    least: NonNegativeFloat = 0.0
    floor: UnitInterval = 0.0


class LogisticHead(Part):
    """The last layer alone is fitted first, by logistic regression on the network's features.

    Each training image is seen as it is and in `variants` - 1 variants. Of the `strengths`, from
    firm to free, the one of the best likelihood over so many `folds` of the training images is
    taken.
    """

    variants: Annotated[int, Field(ge=1, le=64)] = 4
    strengths: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (1e-4, 1e-3, 1e-2, 1e-1)
    folds: Annotated[int, Field(ge=2, le=5)] = 3
