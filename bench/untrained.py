"""A network of airbench94's size that learned nothing, as a bundle to measure servers with.

What a server adds to a network shows beside a small one: the shipped bundle runs its network on
several views of an image, some twelve times the arithmetic, and hides most of it. The weights are
random, which changes no time.
"""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from bench.pictures import SMALL, draw
from service.bundles import Bundle, find_bundles, load_bundle
from service.contract import MANIFEST_FILE, MODEL_FILE, Provenance
from service.settings import SHIPPED_BUNDLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME: Final = "untrained"
OPSET: Final = 18
SIDE: Final = 32
WHITENED: Final = 24
WIDTHS: Final = (64, 256, 256)
CLASSES: Final = 10
HEAD: Final = "head"
OFFSET: Final = "offset"
PICTURES: Final = 32


class _Graph:
    """Nodes and weights as they are added, with the name of the last tensor."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last = "image"

    def add(self, kind: str, *inputs: str, **attributes: Any) -> None:
        """Add a node behind the last one."""
        output = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *inputs], [output], **attributes))
        self.last = output

    def constant(self, name: str, value: NDArray[np.float32]) -> str:
        """Add a constant and return its name."""
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def random(self, name: str, *shape: int) -> str:
        """Add weights that keep the size of what passes (He 2015)."""
        spread = np.sqrt(2 / np.prod(shape[1:]))
        return self.constant(name, self._generator.normal(0, spread, shape).astype(np.float32))

    def convolve(self, channels: int, filters: int, side: int) -> None:
        """Add a convolution of square kernels and a ReLU; kernels of 3 keep the size."""
        name = f"kernel{len(self.weights)}"
        pads = [side // 2] * 4 if side % 2 else [0] * 4
        self.add("Conv", self.random(name, filters, channels, side, side), pads=pads)
        self.add("Relu")


def graph(seed: int = 0) -> onnx.ModelProto:
    """Return airbench94 with ReLU and no views: uint8 ``[N, 32, 32, 3]`` in, logits out."""
    parts = _Graph(seed)
    parts.add("Cast", to=TensorProto.FLOAT)
    parts.add("Sub", parts.constant("middle", np.asarray(127.5, np.float32)))
    parts.add("Div", parts.constant("spread", np.asarray(64, np.float32)))
    parts.add("Transpose", perm=[0, 3, 1, 2])
    parts.convolve(3, WHITENED, 2)
    before = WHITENED
    for width in WIDTHS:
        name = f"kernel{len(parts.weights)}"
        parts.add("Conv", parts.random(name, width, before, 3, 3), pads=[1] * 4)
        parts.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        parts.add("Relu")
        parts.convolve(width, width, 3)
        before = width
    parts.add("MaxPool", kernel_shape=[3, 3])
    parts.add("Flatten")
    parts.add("MatMul", parts.random(HEAD, before, CLASSES))
    parts.add("Add", parts.constant(OFFSET, np.zeros(CLASSES, np.float32)))
    parts.nodes[-1].output[0] = "logits"
    proto = helper.make_model(
        helper.make_graph(
            parts.nodes,
            NAME,
            [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
            parts.weights,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto


def spread_labels(proto: onnx.ModelProto) -> None:
    """Shift and scale the logits so that pictures get different labels.

    Random weights alone say the same of everything, and then no wrong answer would be noticed.
    """
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    pictures = [Image.open(io.BytesIO(draw(SMALL, seed))) for seed in range(PICTURES)]
    (logits,) = session.run(["logits"], {"image": np.stack([np.asarray(one) for one in pictures])})
    spread = logits.std(axis=0)
    for weight in proto.graph.initializer:
        if weight.name == HEAD:
            scaled = numpy_helper.to_array(weight) / spread
            weight.CopyFrom(numpy_helper.from_array(scaled.astype(np.float32), HEAD))
        elif weight.name == OFFSET:
            offset = -logits.mean(axis=0) / spread
            weight.CopyFrom(numpy_helper.from_array(offset.astype(np.float32), OFFSET))


def untrained_bundle(folder: Path) -> Bundle:
    """Write it to ``folder/untrained/1``, labelled as the shipped one, and return it."""
    proto = graph()
    spread_labels(proto)
    data = proto.SerializeToString()
    shipped = find_bundles(SHIPPED_BUNDLES)[-1].manifest
    provenance = Provenance(
        recipe=f"{NAME}: airbench94's size, ReLU, random weights",
        seed=0,
        data="none",
        data_sha256="0" * 64,
        commit="0000000",
        created=datetime.now(UTC),
        versions={"onnx": onnx.__version__, "numpy": np.__version__},
        parameters=sum(int(np.prod(weight.dims)) for weight in proto.graph.initializer),
        epochs=0.0,
    )
    manifest = shipped.model_copy(
        update={
            "name": NAME,
            "version": "1",
            "opset": OPSET,
            "model_sha256": hashlib.sha256(data).hexdigest(),
            "model_bytes": len(data),
            "provenance": provenance,
            "figures": (),
            "baseline": None,
            "abstention": shipped.abstention.model_copy(update={"familiarity": None}),
        }
    )
    path = folder / NAME / "1"
    path.mkdir(parents=True)
    (path / MODEL_FILE).write_bytes(data)
    manifest.write(path / MANIFEST_FILE)
    return load_bundle(path)
