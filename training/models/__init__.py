"""One builder a family: a recipe's model part, an image's shape and a number of classes to logits.

Every model takes uint8 pixels [N, H, W, C] in 0..255 and gives float32 logits [N, classes].
"""

from collections.abc import Callable
from typing import Any

import keras

from training.models.airbench import build_airbench
from training.models.backbone import build_backbone
from training.models.coatnet import build_coatnet
from training.models.densenet import build_densenet
from training.models.efficientnet import build_efficientnet_lite
from training.models.pair import build_pair
from training.models.plain import build_mlp, build_plain_cnn
from training.models.preactivated import (
    build_residual_blocks,
    build_resnet_v2,
    build_wide_resnet,
)
from training.models.resnet import build_resnet
from training.models.rexnet import build_rexnet
from training.models.tiny import build_tiny_cnn
from training.recipe import Model, Pair

ImageShape = tuple[int, int, int]

# By the part's kind, which says of what type it is.
BUILDERS: dict[str, Callable[[Any, ImageShape, int], keras.Model]] = {
    "airbench": build_airbench,
    "backbone": build_backbone,
    "coatnet": build_coatnet,
    "densenet": build_densenet,
    "efficientnet-lite": build_efficientnet_lite,
    "mlp": build_mlp,
    "plain-cnn": build_plain_cnn,
    "residual-blocks": build_residual_blocks,
    "resnet": build_resnet,
    "resnet-v2": build_resnet_v2,
    "rexnet": build_rexnet,
    "tiny-cnn": build_tiny_cnn,
    "wide-resnet": build_wide_resnet,
}


def build(model: Model, shape: ImageShape, classes: int) -> keras.Model:
    """A new model with random weights, drawn from Keras's global seed.

    Raises:
        ValueError: there is no such network for images of that size.
    """
    if isinstance(model, Pair):
        return build_pair(model, shape, classes, build)
    return BUILDERS[model.kind](model, shape, classes)
