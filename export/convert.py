"""Keras to ONNX: uint8 pixels [N, H, W, C] in, float32 logits [N, classes] out, N free."""

import logging

import onnx
import tensorflow as tf
import tf2onnx

from export.errors import ConversionFailed
from export.network import Network
from service.providers.signature import INPUT_NAME

# The newest that tf2onnx writes; `export.optimise` raises it where that buys speed.
CONVERSION_OPSET = 18
LOGS_OF_CONVERTER = ("tf2onnx", "tf2onnx.tfonnx", "tf2onnx.optimizer")


def to_onnx(network: Network) -> onnx.ModelProto:
    """The network as one graph: everything between raw pixels and logits.

    Args:
        network: of a float32 model (`training.fit.load_model` gives one); mixed precision does not
            run in ONNX Runtime.

    Raises:
        ConversionFailed: the model computes in another type, or has what ONNX cannot say.
    """
    model = network.model
    if model.dtype_policy.compute_dtype != "float32":
        raise ConversionFailed(f"the model computes in {model.dtype_policy.compute_dtype}")
    signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name=INPUT_NAME)]

    def outputs(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return network.outputs(image)

    for name in LOGS_OF_CONVERTER:
        logging.getLogger(name).setLevel(logging.WARNING)
    proto: onnx.ModelProto
    try:
        proto, _ = tf2onnx.convert.from_function(
            tf.function(outputs, input_signature=signature),
            input_signature=signature,
            opset=CONVERSION_OPSET,
        )
    except (ValueError, KeyError, RuntimeError, NotImplementedError) as error:
        raise ConversionFailed(f"tf2onnx cannot convert {model.name}: {error}") from error
    return proto
