"""What a recipe's network is, in Spanish sentences for people who do not read its code."""

from collections.abc import Callable
from typing import Any

from training.recipe import (
    Airbench,
    Backbone,
    CoAtNet,
    DenseNet,
    EfficientNetLite,
    Mlp,
    Model,
    Pair,
    PlainCnn,
    ResidualBlocks,
    ResNet,
    ResNetV2,
    ReXNet,
    TinyCnn,
    WideResNet,
)
from training.spanish import number, percent

ACTIVATIONS = {"relu": "ReLU", "tanh": "tangente hiperbólica", "sigmoid": "sigmoide"}
BACKBONES = {"resnet50": "ResNet50", "vgg16": "VGG16"}
POOLINGS = {"mean": "el promedio", "max": "el máximo"}


def model_in_words(model: Model) -> str:
    """The architecture."""
    return SENTENCES[model.kind](model)


def listed(numbers: tuple[int, ...]) -> str:
    """Numbers as they are said: `512, 256 y 256`."""
    *first, last = map(number, numbers)
    return f"{', '.join(first)} y {last}" if first else last


def _airbench(model: Airbench) -> str:
    widths = ", ".join(str(width) for width in model.widths)
    return (
        "Red airbench (Jordan 2024, arXiv 2404.00498): una convolución fija de 2×2 que "
        "blanquea los parches, tres bloques de dos convoluciones de 3×3 con "
        f"{widths} filtros y activación {model.activation.upper()}, y una salida lineal "
        f"escalada por {number(model.head_scale, 3)}."
    )


def _resnet(model: ResNet) -> str:
    return (
        f"Red residual ResNet-{model.depth} (He 2015, arXiv 1512.03385): tres etapas de "
        f"bloques residuales, que parten con {model.width} filtros y los doblan en cada etapa"
        f"{_penalised(model.l2)}."
    )


def _tiny(model: TinyCnn) -> str:
    return f"Red pequeña de dos convoluciones ({model.width} y {2 * model.width} filtros)."


def _mlp(model: Mlp) -> str:
    layers = "una capa densa" if len(model.hidden) == 1 else f"{len(model.hidden)} capas densas"
    return (
        f"Perceptrón multicapa: los píxeles en fila, {layers} de {listed(model.hidden)} unidades "
        f"con activación {ACTIVATIONS[model.activation]}{_dropped(model.dropout)}, y una salida "
        "lineal."
    )


def _plain_cnn(model: PlainCnn) -> str:
    filters = tuple(width for stage in model.stages for width in stage.filters)
    dense = f", capas densas de {listed(model.dense)} unidades" if model.dense else ""
    norm = " con normalización por lotes" if model.norm else ""
    return (
        f"Red convolucional en {len(model.stages)} etapas, con convoluciones de {listed(filters)} "
        f"filtros{norm} y activación ReLU{dense}{_dropped(model.dropout)}{_penalised(model.l2)}, y "
        "una salida lineal."
    )


def _residual_blocks(model: ResidualBlocks) -> str:
    return f"Bloques residuales de dos convoluciones, con {listed(model.widths)} filtros."


def _backbone(model: Backbone) -> str:
    weights = (
        "con pesos ajustados en ImageNet"
        if model.weights == "imagenet"
        else "desde pesos al azar, a propósito y sin ImageNet"
    )
    learns = "fija" if model.frozen else "que también se ajusta"
    dense = f", capas densas de {listed(model.dense)} unidades" if model.dense else ""
    return (
        f"Red {BACKBONES[model.name]} {weights}, {learns}; sobre ella, {POOLINGS[model.pooling]} "
        f"de cada canal{dense}{_dropped(model.dropout)} y una salida lineal."
    )


def _densenet(model: DenseNet) -> str:
    return (
        f"Red DenseNet-BC (Huang 2016, arXiv 1608.06993): {model.blocks} bloques densos de "
        f"{model.layers} capas, cada una con {model.growth} canales nuevos, y una compresión de "
        f"{number(model.compression, 1)} entre bloques."
    )


def _efficientnet_lite(model: EfficientNetLite) -> str:
    side, frozen = model.resolution, model.frozen_blocks
    return (
        "Red EfficientNet-Lite0 (Tan 2019, arXiv 1905.11946) con pesos ajustados en ImageNet; "
        f"amplía las imágenes a {side}×{side} píxeles y deja fijos {frozen} de sus 16 bloques"
        f"{_dropped(model.dropout)}."
    )


def _resnet_v2(model: ResNetV2) -> str:
    return (
        f"Red residual de {model.depth} capas en su segunda versión (He 2016, arXiv 1603.05027): "
        f"cuellos de botella que normalizan y activan antes de cada convolución"
        f"{_penalised(model.l2)}."
    )


def _wide_resnet(model: WideResNet) -> str:
    return (
        f"Red residual ancha WRN-{model.depth}-{model.widen} (Zagoruyko 2016, arXiv 1605.07146): "
        f"pocas capas con {model.widen} veces los filtros{_dropped(model.dropout)}."
    )


def _rexnet(model: ReXNet) -> str:
    return (
        f"Red ReXNet {number(model.width, 1)} (Han 2020, arXiv 2007.00992): dieciséis cuellos de "
        f"botella invertidos cuyo ancho crece linealmente{_dropped(model.dropout)}."
    )


def _coatnet(model: CoAtNet) -> str:
    return (
        "Red CoAtNet (Dai 2021, arXiv 2106.04803): dos etapas de convoluciones y dos de atención "
        f"relativa, con {listed(model.widths)} canales{_dropped(model.dropout)}."
    )


def _pair(model: Pair) -> str:
    size = ", que la ve a la mitad de su tamaño" if model.second_halved else ""
    first, second = model_in_words(model.first), model_in_words(model.second)
    return (
        "Dos redes que miran la misma imagen y cuyos logits se suman con pesos "
        f"{number(model.weights[0], 2)} y {number(model.weights[1], 2)}. "
        f"La primera: {first} La segunda{size}: {second}"
    )


def _dropped(rate: float) -> str:
    return f", que al ajustar apaga al azar {percent(rate, 0)} de las unidades" if rate else ""


def _penalised(strength: float) -> str:
    return f", con una penalización L2 de {number(strength, 4)}" if strength else ""


# By the part's kind, which says of what type it is.
SENTENCES: dict[str, Callable[[Any], str]] = {
    "airbench": _airbench,
    "backbone": _backbone,
    "coatnet": _coatnet,
    "densenet": _densenet,
    "efficientnet-lite": _efficientnet_lite,
    "mlp": _mlp,
    "pair": _pair,
    "plain-cnn": _plain_cnn,
    "residual-blocks": _residual_blocks,
    "resnet": _resnet,
    "resnet-v2": _resnet_v2,
    "rexnet": _rexnet,
    "tiny-cnn": _tiny,
    "wide-resnet": _wide_resnet,
}
