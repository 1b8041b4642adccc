"""What an experiment is: frozen, typed, and written whole into its run folder.

A recipe names its data, its model, how images are varied while fitting, and how the weights are
found. Two runs of one recipe with one seed on one device do the same thing.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

UnitInterval = Annotated[float, Field(ge=0.0, le=1.0)]


class Part(BaseModel):
    """Base of the parts of a recipe: immutable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Airbench(Part):
    """Jordan 2024 (arXiv 2404.00498): whitening convolution, three blocks, scaled linear head."""

    kind: Literal["airbench"] = "airbench"
    widths: tuple[PositiveInt, PositiveInt, PositiveInt] = (64, 256, 256)
    activation: Literal["gelu", "relu"] = "gelu"
    norm_momentum: UnitInterval = 0.6
    head_scale: PositiveFloat = 1 / 9


class ResNet(Part):
    """He 2015 (arXiv 1512.03385), section 4.2: the CIFAR family of depth 6n + 2."""

    kind: Literal["resnet"] = "resnet"
    depth: PositiveInt = 20
    width: PositiveInt = 16


class TinyCnn(Part):
    """Two small convolutions: fitted in seconds, so that the line can be tested cheaply."""

    kind: Literal["tiny-cnn"] = "tiny-cnn"
    width: PositiveInt = 8


class EfficientNetLite(Part):
    """EfficientNet-Lite0 with ImageNet weights, at `resolution` pixels a side inside the graph.

    The first `frozen_blocks` of its sixteen blocks (and the stem with them) keep their weights;
    `depthwise_learns` says whether the filters of depthwise convolutions follow their gradient,
    which costs as much time as all the rest and gains little.
    """

    kind: Literal["efficientnet-lite"] = "efficientnet-lite"
    resolution: Annotated[int, Field(ge=32, le=512, multiple_of=32)] = 128
    frozen_blocks: Annotated[int, Field(ge=0, le=16)] = 0
    depthwise_learns: bool = False
    dropout: UnitInterval = 0.2


Model = Annotated[Airbench | EfficientNetLite | ResNet | TinyCnn, Field(discriminator="kind")]


class Augmentation(Part):
    """How a training image varies from epoch to epoch.

    `flip` is left-right: `alternating` shows each image once as it is and once mirrored in every
    two epochs (Jordan 2024, section 3.6). `translate` is the largest shift in pixels.
    """

    flip: Literal["none", "random", "alternating"] = "none"
    translate: Annotated[int, Field(ge=0)] = 0
    fill: Literal["reflect", "constant"] = "reflect"


class NesterovSgd(Part):
    """Stochastic gradient descent with Nesterov momentum and groups for biases.

    `learning_rate` is per mean loss of one batch. `weight_decay` is the share by which a step at
    the full learning rate shrinks a weight, whatever that rate is. Biases and the shifts of batch
    norms learn `bias_factor` times as fast, and shrink only if `decay_biases`.
    """

    kind: Literal["nesterov-sgd"] = "nesterov-sgd"
    learning_rate: PositiveFloat
    momentum: UnitInterval = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    bias_factor: PositiveFloat = 1.0
    decay_biases: bool = True


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


Schedule = Annotated[Triangle | Steps, Field(discriminator="kind")]


class Lookahead(Part):
    """Slow weights that the fast ones return to every few steps, more firmly towards the end.

    The pull after a share t of all steps is `strength` * t**3 (Jordan 2024, listing 4; Zhang 2019,
    arXiv 1907.08610).
    """

    every: PositiveInt = 5
    strength: UnitInterval = 0.95**5


class Fit(Part):
    """How the weights are found."""

    epochs: PositiveInt
    batch_size: PositiveInt
    optimiser: NesterovSgd
    schedule: Schedule
    label_smoothing: UnitInterval = 0.0
    lookahead: Lookahead | None = None
    whitening_bias_epochs: PositiveInt | None = None


Views = Literal["single", "flip", "flip-shift"]


class Recipe(Part):
    """One experiment. `views` are the variants of an image whose logits are averaged at the end."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    family: str
    summary: str
    data: str = "cifar10"
    model: Model
    augmentation: Augmentation = Augmentation()
    fit: Fit
    views: Views = "single"
