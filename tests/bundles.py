"""Tiny real bundles for tests: a linear model in ONNX with a manifest that is true of it.

The graph is ``logits = scale * flatten(image / 255) @ weights + bias``, so that a test can compute
by hand what it must say. Sizes, labels and channels are the test's own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from service.bundles import Bundle, load_bundle
from service.contract import (
    MANIFEST_FILE,
    MODEL_FILE,
    Abstention,
    Familiarity,
    Figure,
    Filter,
    InputSpec,
    Label,
    LocalisedText,
    Manifest,
    Provenance,
    Resize,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

OPSET = 18

ANIMALS = (
    ("airplane", "avión"),
    ("automobile", "automóvil"),
    ("bird", "pájaro"),
    ("cat", "gato"),
    ("deer", "ciervo"),
    ("dog", "perro"),
    ("frog", "rana"),
    ("horse", "caballo"),
    ("ship", "barco"),
    ("truck", "camión"),
)


@dataclass(frozen=True, slots=True)
class LinearModel:
    """The numbers of a linear model: weights ``[H * W * C, classes]``, bias ``[classes]``."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def logits(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the graph must give for pixels ``[N, H, W, C]``."""
        flat = batch.reshape(len(batch), -1).astype(np.float32) / np.float32(255)
        return np.asarray(flat @ self.weights + self.bias, np.float32)


def labels_of(count: int) -> tuple[Label, ...]:
    """Return so many labels: the ten of CIFAR-10, then numbered ones."""
    named = [Label(id=en, es=es, en=en) for en, es in ANIMALS[:count]]
    numbered = [
        Label(id=f"class-{n}", es=f"clase {n}", en=f"class {n}") for n in range(len(named), count)
    ]
    return (*named, *numbered)


def linear_model(
    *, classes: int = 10, height: int = 32, width: int = 32, channels: int = 3, seed: int = 0
) -> LinearModel:
    """Return seeded weights and bias whose logits spread over a few units."""
    rng = np.random.default_rng(seed)
    inputs = height * width * channels
    weights = rng.normal(0, 3 / np.sqrt(inputs), (inputs, classes)).astype(np.float32)
    return LinearModel(weights, rng.normal(0, 1, classes).astype(np.float32))


def linear_graph(
    model: LinearModel,
    *,
    height: int = 32,
    width: int = 32,
    channels: int = 3,
    input_name: str = "image",
    output_name: str = "logits",
    batch_axis: str | int = "N",
) -> onnx.ModelProto:
    """Return the model as a checked ONNX graph, uint8 ``[N, H, W, C]`` in, logits out."""
    classes = len(model.bias)
    nodes = [
        helper.make_node("Cast", [input_name], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["real", "full_scale"], ["scaled"]),
        helper.make_node("Flatten", ["scaled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], [output_name]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [
            helper.make_tensor_value_info(
                input_name, TensorProto.UINT8, [batch_axis, height, width, channels]
            )
        ],
        [helper.make_tensor_value_info(output_name, TensorProto.FLOAT, [batch_axis, classes])],
        [
            numpy_helper.from_array(np.asarray(255, np.float32), "full_scale"),
            numpy_helper.from_array(model.weights, "weights"),
            numpy_helper.from_array(model.bias, "bias"),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def manifest_of(  # noqa: PLR0913 - one argument for each fact that some test varies
    graph: bytes,
    *,
    name: str = "linear",
    version: str = "1",
    labels: tuple[Label, ...] | None = None,
    height: int = 32,
    width: int = 32,
    channels: int = 3,
    resize: Resize = Resize.STRETCH,
    resampling: Filter = Filter.BILINEAR,
    temperature: float = 1.0,
    accept: float = 0.6,
    review: float = 0.3,
) -> Manifest:
    """Return a manifest that is true of a graph's bytes."""
    return Manifest(
        schema_version=1,
        name=name,
        version=version,
        title=LocalisedText(es="Modelo lineal de prueba", en="Linear test model"),
        labels=labels or labels_of(10),
        input=InputSpec.model_validate(
            {
                "height": height,
                "width": width,
                "channels": channels,
                "resize": resize,
                "filter": resampling,
            }
        ),
        temperature=temperature,
        abstention=Abstention(
            score="max_probability",
            accept=accept,
            review=review,
            coverage=0.95,
            error=0.04,
            n=5000,
            split="validation",
        ),
        opset=OPSET,
        model_sha256=hashlib.sha256(graph).hexdigest(),
        model_bytes=len(graph),
        provenance=Provenance(
            recipe="linear",
            seed=0,
            data="generated",
            data_sha256="0" * 64,
            commit="0000000",
            created=datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
            versions={"onnx": onnx.__version__, "numpy": np.__version__},
            parameters=30730,
            epochs=0.0,
        ),
        figures=(
            Figure(name="accuracy", value=0.1, n=10, split="test", conditions="generated images"),
        ),
    )


def knowing(
    manifest: Manifest,
    *,
    accept: float,
    review: float,
    others: int | None = None,
    others_accepted: float | None = None,
) -> Manifest:
    """Return the manifest of a graph that also gives a familiarity."""
    known = Familiarity(
        method="energy", accept=accept, review=review, coverage=0.95, n=5000, split="validation",
        others=others, others_accepted=others_accepted,
    )  # fmt: skip
    abstention = manifest.abstention.model_copy(update={"familiarity": known})
    return manifest.model_copy(update={"abstention": abstention})


def write_knowing_bundle(folder: Path, *, height: int = 6, width: int = 5) -> Bundle:
    """Write a bundle whose graph also gives a familiarity, its largest logit, and return it."""
    proto = linear_graph(linear_model(height=height, width=width), height=height, width=width)
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "classes"))
    proto.graph.node.append(
        helper.make_node("ReduceMax", ["logits", "classes"], ["familiarity"], keepdims=0)
    )
    proto.graph.output.append(
        helper.make_tensor_value_info("familiarity", TensorProto.FLOAT, ["N"])
    )
    graph = proto.SerializeToString()
    manifest = knowing(manifest_of(graph, height=height, width=width), accept=1.0, review=0.0)
    path = folder / manifest.name / manifest.version
    write_parts(path, graph, manifest)
    return load_bundle(path)


def write_bundle(  # noqa: PLR0913 - the same facts as in manifest_of
    folder: Path,
    *,
    name: str = "linear",
    version: str = "1",
    classes: int = 10,
    height: int = 32,
    width: int = 32,
    channels: int = 3,
    resize: Resize = Resize.STRETCH,
    resampling: Filter = Filter.BILINEAR,
    temperature: float = 1.0,
    accept: float = 0.6,
    review: float = 0.3,
    seed: int = 0,
) -> Bundle:
    """Write the bundle ``folder/NAME/VERSION`` and return it as the service loads it."""
    model = linear_model(classes=classes, height=height, width=width, channels=channels, seed=seed)
    proto = linear_graph(model, height=height, width=width, channels=channels)
    graph = proto.SerializeToString()
    manifest = manifest_of(
        graph,
        name=name,
        version=version,
        labels=labels_of(classes),
        height=height,
        width=width,
        channels=channels,
        resize=resize,
        resampling=resampling,
        temperature=temperature,
        accept=accept,
        review=review,
    )
    path = folder / name / version
    write_parts(path, graph, manifest)
    return load_bundle(path)


def write_parts(path: Path, graph: bytes, manifest: Manifest) -> None:
    """Write a bundle's files as they are, true or not."""
    path.mkdir(parents=True)
    (path / MODEL_FILE).write_bytes(graph)
    manifest.write(path / MANIFEST_FILE)
    (path / "MODEL_CARD.md").write_text("# Linear test model\n", encoding="utf-8")
