from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.bundles import manifest_of
from tests.colours import CLASSES, HUES, SIDE, TEST, TINY, colour_split, colours, write_colours
from training.errors import RunError
from training.evaluate import evaluate
from training.onnx_file import open_onnx
from training.run import Run, RunConfig
from training.settings import TrainingSettings


def write_model(path: Path, output: str = "logits") -> bytes:
    """Write a graph that knows the colours: minus the distance of the mean pixel to each hue."""
    hues = HUES.astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["mean", "hues"], ["projected"]),
        helper.make_node("Add", ["projected", "norms"], [output]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", 4])],
        [
            numpy_helper.from_array(2 * hues.T, "hues"),
            numpy_helper.from_array(-(hues**2).sum(axis=1), "norms"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path.read_bytes()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    colours()
    return Run.start(tmp_path / "run", RunConfig(recipe=TINY))


def test_a_file_is_measured_with_its_size_and_time(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    content = write_model(path)
    opened = open_onnx(path, run, 2.0)
    assert opened.subject.temperature == 2.0
    images = colour_split(TEST, seed=2).images
    assert opened.logits_of(images).shape == (TEST, len(CLASSES))
    found = evaluate(
        run,
        TrainingSettings(data_dir=write_colours(tmp_path / "data")),
        opened.logits_of,
        subject=opened.subject.name,
        sha256=opened.subject.sha256,
        conditions=opened.subject.conditions,
        temperature=opened.subject.temperature,
        file=path,
    )
    assert found.accuracy > 0.9
    assert found.cost is not None
    assert found.cost.bytes == len(content)
    assert 0 < found.cost.milliseconds <= found.cost.milliseconds_p95
    assert found.cost.repetitions >= 1
    assert found.cost.images_per_second > 0


def test_a_bundles_own_temperature_counts(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    manifest = manifest_of(write_model(path))
    made_from = manifest.provenance.model_copy(update={"recipe": TINY.name, "seed": 0})
    manifest = manifest.model_copy(update={"provenance": made_from, "temperature": 1.75})
    manifest.write(tmp_path / "manifest.json")
    assert open_onnx(path, run, 1.0).subject.temperature == 1.75
    other = made_from.model_copy(update={"seed": 1})
    manifest.model_copy(update={"provenance": other}).write(tmp_path / "manifest.json")
    with pytest.raises(RunError, match="was made from another run"):
        open_onnx(path, run, 1.0)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(RunError, match="is not the file that its manifest is about"):
        open_onnx(path, run, 1.0)


def test_what_is_no_such_file_is_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with pytest.raises(RunError, match="is no file"):
        open_onnx(path, run, 1.0)
    path.write_bytes(b"onnx")
    with pytest.raises(RunError, match="is no ONNX file that can be opened"):
        open_onnx(path, run, 1.0)
    write_model(path, "scores")
    with pytest.raises(RunError, match="gives scores, and no logits"):
        open_onnx(path, run, 1.0)
