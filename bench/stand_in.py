"""A small network that was drawn and never fitted, where only what a model costs matters.

Its labels mean nothing. It takes a few milliseconds an image, as one view of a network of CIFAR-10
does, so that a hundred thousand images end in minutes.
"""

import hashlib
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from service.bundles import Bundle, load_bundle
from service.contract import MANIFEST_FILE, MODEL_FILE, Manifest
from service.providers.signature import INPUT_NAME, OUTPUT_NAME

NAME = "stand-in"
SIDE = 32
OPSET = 18
# Channels of the convolutions of 3×3; None halves height and width.
LAYERS = (64, None, 128, 128, None, 256, 256, None)


def write_stand_in(like: Manifest, folder: Path) -> Bundle:
    """Write the bundle ``folder/stand-in/1`` with the labels of another one."""
    graph = _graph(len(like.labels))
    manifest = like.model_copy(
        update={
            "name": NAME,
            "version": "1",
            "input": like.input.model_copy(update={"height": SIDE, "width": SIDE, "channels": 3}),
            "abstention": like.abstention.model_copy(update={"familiarity": None}),
            "opset": OPSET,
            "model_sha256": hashlib.sha256(graph).hexdigest(),
            "model_bytes": len(graph),
            "provenance": like.provenance.model_copy(update={"recipe": "drawn, never fitted"}),
            "figures": (),
            "baseline": None,
        }
    )
    path = folder / NAME / "1"
    path.mkdir(parents=True)
    (path / MODEL_FILE).write_bytes(graph)
    manifest.write(path / MANIFEST_FILE)
    return load_bundle(path)


def _graph(classes: int) -> bytes:
    generator = np.random.default_rng(0)
    weights = {"full_scale": np.asarray(255, np.float32)}
    nodes = [
        helper.make_node("Cast", [INPUT_NAME], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["real", "full_scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["x0"], perm=[0, 3, 1, 2]),
    ]
    channels = 3
    for number, wanted in enumerate(LAYERS):
        before, after = f"x{number}", f"x{number + 1}"
        if wanted is None:
            halved = helper.make_node(
                "MaxPool", [before], [after], kernel_shape=[2, 2], strides=[2, 2]
            )
            nodes.append(halved)
            continue
        scale = np.sqrt(2 / (9 * channels))
        kernel = generator.normal(0, scale, (wanted, channels, 3, 3)).astype(np.float32)
        weights[f"kernel{number}"] = kernel
        nodes += [
            helper.make_node("Conv", [before, f"kernel{number}"], [f"{after}c"], pads=[1] * 4),
            helper.make_node("Relu", [f"{after}c"], [after]),
        ]
        channels = wanted
    weights["head"] = generator.normal(0, 0.1, (channels, classes)).astype(np.float32)
    nodes += [
        helper.make_node("GlobalAveragePool", [f"x{len(LAYERS)}"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "head"], [OUTPUT_NAME]),
    ]
    described = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        NAME,
        [described(INPUT_NAME, TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [described(OUTPUT_NAME, TensorProto.FLOAT, ["N", classes])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return bytes(model.SerializeToString())
