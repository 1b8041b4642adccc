"""The parts of a recipe that say what its network is: one class a family, built in `models`."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from training.part import Part, UnitInterval

Activation = Literal["relu", "tanh", "sigmoid"]
DropRate = Annotated[float, Field(ge=0, lt=1)]


class Airbench(Part):
    """Jordan 2024 (arXiv 2404.00498): whitening convolution, three blocks, scaled linear head."""

    kind: Literal["airbench"] = "airbench"
    widths: tuple[PositiveInt, PositiveInt, PositiveInt] = (64, 256, 256)
    activation: Literal["gelu", "relu"] = "gelu"
    norm_momentum: UnitInterval = 0.6
    head_scale: PositiveFloat = 1 / 9


class ResNet(Part):
    """He 2015 (arXiv 1512.03385), section 4.2: the CIFAR family of depth 6n + 2.

    Where the width grows, shortcuts are filled up with zeros (the paper's option A) or projected
    by a 1×1 convolution (option B). `l2` is the penalty on the convolutions.
    """

    kind: Literal["resnet"] = "resnet"
    depth: PositiveInt = 20
    width: PositiveInt = 16
    shortcut: Literal["zeros", "projection"] = "zeros"
    l2: NonNegativeFloat = 0.0


class TinyCnn(Part):
    """Two small convolutions: fitted in seconds, so that the line can be tested cheaply."""

    kind: Literal["tiny-cnn"] = "tiny-cnn"
    width: PositiveInt = 8


class Mlp(Part):
    """Pixels scaled to 0..1, dense layers of the widths `hidden`, each followed by dropout."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[PositiveInt, ...]
    activation: Activation = "relu"
    dropout: DropRate = 0.0


class Stage(Part):
    """Convolutions of some numbers of filters, and what follows them.

    `kernel`, `stride` and `pool` are sides in pixels; the stride is the first convolution's alone.
    A pool of 1 is none. With `same` padding a convolution of stride 1 keeps the size.
    """

    filters: tuple[PositiveInt, ...]
    kernel: PositiveInt = 3
    stride: PositiveInt = 1
    padding: tuple[Literal["same", "valid"], ...] = ("same",)
    pool: PositiveInt = 2
    dropout: DropRate = 0.0

    @model_validator(mode="after")
    def _one_padding_a_convolution(self) -> Self:
        if len(self.padding) not in {1, len(self.filters)}:
            raise ValueError("give one padding for all convolutions or one for each")
        return self


class PlainCnn(Part):
    """Stages of convolutions, then dense layers, without shortcuts.

    With `norm`, batch norm follows each convolution and hidden dense layer, which then have no
    bias. `dropout` follows each hidden dense layer, and `l2` is the penalty on their weights.
    Pixels are scaled to 0..1, or standardised as the training images are.
    """

    kind: Literal["plain-cnn"] = "plain-cnn"
    stages: tuple[Stage, ...]
    dense: tuple[PositiveInt, ...] = ()
    dropout: DropRate = 0.0
    l2: NonNegativeFloat = 0.0
    norm: bool = False
    scaling: Literal["unit", "standardise"] = "unit"


class ResidualBlocks(Part):
    """Residual blocks of two convolutions, a block a width, each pooled where the width grows."""

    kind: Literal["residual-blocks"] = "residual-blocks"
    widths: tuple[PositiveInt, ...] = (32, 64, 64, 128, 128, 256, 256, 256)


class Backbone(Part):
    """A network of `keras.applications` under a linear head, with weights fitted on ImageNet.

    With `weights` of `none` it starts from random ones. A frozen backbone does not learn, and its
    batch norms keep their statistics. `pooling` is over all places of the last feature map.
    """

    kind: Literal["backbone"] = "backbone"
    name: Literal["resnet50", "vgg16"]
    weights: Literal["imagenet", "none"] = "imagenet"
    frozen: bool = True
    pooling: Literal["mean", "max"] = "mean"
    dense: tuple[PositiveInt, ...] = ()
    dropout: DropRate = 0.0


class DenseNet(Part):
    """Huang 2016 (arXiv 1608.06993): dense blocks of bottleneck layers, compressed in between."""

    kind: Literal["densenet"] = "densenet"
    blocks: PositiveInt = 4
    layers: PositiveInt = 12
    growth: PositiveInt = 12
    first: PositiveInt = 24
    compression: Annotated[float, Field(gt=0, le=1)] = 0.5


class ResNetV2(Part):
    """He 2016 (arXiv 1603.05027): bottlenecks with norm and activation first, depth 9n + 2."""

    kind: Literal["resnet-v2"] = "resnet-v2"
    depth: PositiveInt = 155
    width: PositiveInt = 16
    l2: NonNegativeFloat = 0.0


class WideResNet(Part):
    """Zagoruyko 2016 (arXiv 1605.07146): depth 6n + 4, `widen` times as many filters."""

    kind: Literal["wide-resnet"] = "wide-resnet"
    depth: PositiveInt = 16
    widen: PositiveInt = 8
    dropout: DropRate = 0.0


class ReXNet(Part):
    """Han 2020 (arXiv 2007.00992): inverted bottlenecks whose width grows linearly.

    `strides` are those of the stem and of the six stages; the paper's are for photos of 224 pixels.
    """

    kind: Literal["rexnet"] = "rexnet"
    width: PositiveFloat = 1.0
    strides: tuple[PositiveInt, ...] = Field((2, 1, 2, 2, 2, 1, 2), min_length=7, max_length=7)
    dropout: DropRate = 0.2


class CoAtNet(Part):
    """Dai 2021 (arXiv 2106.04803), table 3: two stages of MBConv, two of relative attention.

    `widths` and `depths` are of the stem and the four stages; `strides` likewise.
    """

    kind: Literal["coatnet"] = "coatnet"
    widths: tuple[PositiveInt, ...] = Field((64, 96, 192, 384, 768), min_length=5, max_length=5)
    depths: tuple[PositiveInt, ...] = Field((2, 2, 3, 5, 2), min_length=5, max_length=5)
    strides: tuple[PositiveInt, ...] = Field((2, 2, 2, 2, 2), min_length=5, max_length=5)
    head_width: PositiveInt = 32
    dropout: DropRate = 0.0


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


Network = Annotated[
    Airbench
    | EfficientNetLite
    | ResNet
    | TinyCnn
    | Mlp
    | PlainCnn
    | ResidualBlocks
    | Backbone
    | DenseNet
    | ResNetV2
    | WideResNet
    | ReXNet
    | CoAtNet,
    Field(discriminator="kind"),
]


class Pair(Part):
    """Two networks that look at the same image: the sum of their logits, each times its weight.

    The first one's features are the pair's, so it is the first that knows what is familiar. Where
    `second_halved`, the second one looks at the image at half its size.
    """

    kind: Literal["pair"] = "pair"
    first: Network
    second: Network
    weights: tuple[PositiveFloat, PositiveFloat]
    second_halved: bool = False


Model = Annotated[Network | Pair, Field(discriminator="kind")]
