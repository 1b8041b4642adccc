"""One builder a family: a recipe's model part, an image's shape and a number of classes to logits.

Every model takes uint8 pixels [N, H, W, C] in 0..255 and gives float32 logits [N, classes].
"""

import keras

from training.models.airbench import build_airbench
from training.models.efficientnet import build_efficientnet_lite
from training.models.resnet import build_resnet
from training.models.tiny import build_tiny_cnn
from training.recipe import Airbench, EfficientNetLite, Model, ResNet

ImageShape = tuple[int, int, int]


def build(model: Model, shape: ImageShape, classes: int) -> keras.Model:
    """A new model with random weights, drawn from Keras's global seed."""
    if isinstance(model, Airbench):
        return build_airbench(model, shape, classes)
    if isinstance(model, EfficientNetLite):
        return build_efficientnet_lite(model, shape, classes)
    if isinstance(model, ResNet):
        return build_resnet(model, shape, classes)
    return build_tiny_cnn(model, shape, classes)
