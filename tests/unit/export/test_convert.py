from __future__ import annotations

import keras
import onnx
import pytest

from export.convert import CONVERSION_OPSET, to_onnx
from export.errors import ConversionFailed
from export.network import Network
from tests.colours import TINY
from training.fit import build_model


def test_the_graph_takes_raw_pixels_and_gives_logits() -> None:
    proto = to_onnx(Network(build_model(TINY), TINY.views))
    (image,) = proto.graph.input
    (logits,) = proto.graph.output
    assert (image.name, logits.name) == ("image", "logits")
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    axes = image.type.tensor_type.shape.dim
    assert [axis.dim_value for axis in axes] == [0, 16, 16, 3]
    assert {entry.version for entry in proto.opset_import if not entry.domain} == {CONVERSION_OPSET}


def test_a_model_in_mixed_precision_is_refused() -> None:
    images = keras.Input((4, 4, 3), dtype="uint8")
    flat = keras.layers.Flatten()(images)
    half = keras.Model(images, keras.layers.Dense(2, dtype="mixed_bfloat16")(flat))
    half.dtype_policy = keras.DTypePolicy("mixed_bfloat16")
    with pytest.raises(ConversionFailed, match="bfloat16"):
        to_onnx(Network(half, "single"))
