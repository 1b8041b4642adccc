"""Keras to ONNX: uint8 pixels [N, H, W, C] in, float32 logits [N, classes] out, N free."""

import logging

import keras
import onnx
import tensorflow as tf
import tf2onnx

from export.errors import ConversionFailed
from service.classifier import INPUT_NAME, OUTPUT_NAME
from training.recipe import Views
from training.views import averaged_logits

# The newest that tf2onnx writes; `export.optimise` raises it where that buys speed.
CONVERSION_OPSET = 18
LOGS_OF_CONVERTER = ("tf2onnx", "tf2onnx.tfonnx", "tf2onnx.optimizer")


def to_onnx(model: keras.Model, views: Views) -> onnx.ModelProto:
    """The model with its views as one graph: everything between raw pixels and logits.

    Args:
        model: a float32 model (`training.fit.load_model` gives one); mixed precision does not run
            in ONNX Runtime.
        views: the variants of an image whose logits the graph averages.

    Raises:
        ConversionFailed: the model computes in another type, or has what ONNX cannot say.
    """
    if model.dtype_policy.compute_dtype != "float32":
        raise ConversionFailed(f"the model computes in {model.dtype_policy.compute_dtype}")
    signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name=INPUT_NAME)]

    def logits(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT_NAME: averaged_logits(model, views, image)}

    for name in LOGS_OF_CONVERTER:
        logging.getLogger(name).setLevel(logging.WARNING)
    proto: onnx.ModelProto
    try:
        proto, _ = tf2onnx.convert.from_function(
            tf.function(logits, input_signature=signature),
            input_signature=signature,
            opset=CONVERSION_OPSET,
        )
    except (ValueError, KeyError, RuntimeError, NotImplementedError) as error:
        raise ConversionFailed(f"tf2onnx cannot convert {model.name}: {error}") from error
    return proto
