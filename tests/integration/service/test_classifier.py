from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from service.bundles import Bundle
from service.classifier import OnnxClassifier
from service.cores import usable_cores
from service.errors import BundleError, InferenceFailed
from service.loading import load_classifier
from service.providers.lone import MOST_THREADS, LoneRunner
from service.providers.runners import SessionRunner
from service.providers.spreading import SpreadRunner
from service.settings import Settings
from tests.bundles import (
    labels_of,
    linear_graph,
    linear_model,
    manifest_of,
    write_bundle,
    write_parts,
)
from tests.serving import RESCUE_SECONDS

Batch: TypeAlias = NDArray[Any]


def noise(count: int, height: int = 32, width: int = 32, channels: int = 3) -> Batch:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def bundle_of(folder: Path, proto: onnx.ModelProto, **facts: Any) -> Bundle:
    graph = proto.SerializeToString()
    path = folder / "linear" / "1"
    manifest = manifest_of(graph, **facts)
    write_parts(path, graph, manifest)
    return Bundle(path, manifest)


@pytest.mark.parametrize(
    ("classes", "height", "width", "channels"), [(10, 32, 32, 3), (2, 5, 7, 1), (7, 48, 48, 1)]
)
def test_logits_are_the_graph_s_for_any_size(
    tmp_path: Path, classes: int, height: int, width: int, channels: int
) -> None:
    bundle = write_bundle(tmp_path, classes=classes, height=height, width=width, channels=channels)
    model = linear_model(classes=classes, height=height, width=width, channels=channels)
    classifier = OnnxClassifier(bundle, provider="cpu")
    for count in (1, 2, 5):
        batch = noise(count, height, width, channels)
        logits = classifier.run(batch)
        assert logits.dtype == np.float32
        assert logits.shape == (count, classes)
        assert np.allclose(logits, model.logits(batch), atol=1e-4)


def test_an_image_s_logits_do_not_depend_on_its_batch(tmp_path: Path) -> None:
    classifier = OnnxClassifier(write_bundle(tmp_path), provider="cpu")
    batch = noise(7)
    together = classifier.run(batch)
    alone = np.concatenate([classifier.run(batch[n : n + 1]) for n in range(7)])
    assert np.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((1, 32, 31, 3), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((1, 32, 32, 3), np.float32),
        np.zeros((0, 32, 32, 3), np.uint8),
    ],
    ids=["width", "no batch", "floats", "empty"],
)
def test_a_batch_of_another_shape_is_refused_before_it_runs(tmp_path: Path, batch: Batch) -> None:
    classifier = OnnxClassifier(write_bundle(tmp_path), provider="cpu")
    with pytest.raises(ValueError, match="expected uint8"):
        classifier.run(batch)


@pytest.mark.parametrize(
    ("provider", "warmed"),
    [("cpu", [1, 2, 1]), ("cuda", [1, 2, 4, 8, 12]), ("openvino", list(range(1, 9)))],
)
def test_warm_up_runs_what_has_something_to_prepare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str, warmed: list[int]
) -> None:
    classifier = OnnxClassifier(write_bundle(tmp_path), provider="cpu")
    monkeypatch.setattr(classifier, "provider", provider)
    sizes: list[int] = []
    real_run = classifier.run

    def counting_run(batch: Batch) -> Batch:
        sizes.append(len(batch))
        return real_run(batch)

    monkeypatch.setattr(classifier, "run", counting_run)
    classifier.warm_up(12)
    assert sizes == warmed


@pytest.mark.parametrize(
    ("provider", "each", "asked", "settled"),
    [
        ("cpu", 0.001, 64, 18),
        ("cpu", 0.001, 16, 16),
        ("cpu", 0.0022, 16, 8),
        ("cpu", 0.0055, 16, 3),
        ("cpu", 0.0055, 2, 2),
        ("cpu", 0.011, 16, 3),
        ("cpu", 0.02, 16, 2),
        ("cpu", 0.09, 16, 2),
        ("cpu", 0.09, 1, 1),
        ("openvino", 0.09, 16, 8),
        ("openvino", 0.09, 3, 3),
        ("cuda", 0.09, 16, 16),
    ],
    ids=[
        "small",
        "bound",
        "middling",
        "slow",
        "slow-bound",
        "slower",
        "large",
        "larger",
        "one",
        "openvino",
        "few",
        "other",
    ],
)
def test_a_run_on_the_cpu_has_as_many_images_as_fit_in_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    provider: str, each: float, asked: int, settled: int,
) -> None:  # fmt: skip
    classifier = OnnxClassifier(write_bundle(tmp_path), provider="cpu")
    monkeypatch.setattr(classifier, "provider", provider)
    clock = SlowClock(each)
    monkeypatch.setattr("service.classifier.time.perf_counter", clock.now)
    monkeypatch.setattr(classifier, "run", clock.run)
    classifier.warm_up(asked)
    assert classifier.images_per_run == settled


class SlowClock:
    """Runs that take so long an image, and the first ten times as long."""

    def __init__(self, each: float) -> None:
        self._each, self._time, self._runs = each, 0.0, 0

    def now(self) -> float:
        return self._time

    def run(self, batch: Batch) -> None:
        self._time += len(batch) * self._each * (1 if self._runs else 10)
        self._runs += 1


@pytest.mark.parametrize(
    ("graph", "facts"),
    [
        ({"input_name": "pixels"}, {}),
        ({"output_name": "probabilities"}, {}),
        ({"batch_axis": 1}, {}),
        ({}, {"height": 16}),
        ({}, {"width": 16}),
        ({}, {"channels": 1}),
        ({}, {"labels": labels_of(9)}),
    ],
    ids=["input", "output", "fixed N", "height", "width", "channels", "classes"],
)
def test_a_graph_that_is_not_what_its_manifest_says_is_refused(
    tmp_path: Path, graph: dict[str, Any], facts: dict[str, Any]
) -> None:
    bundle = bundle_of(tmp_path, linear_graph(linear_model(), **graph), **facts)
    with pytest.raises(BundleError, match="where its manifest says") as caught:
        OnnxClassifier(bundle, provider="cpu")
    assert str(bundle.model_path) in str(caught.value)


def test_a_graph_of_floats_is_refused(tmp_path: Path) -> None:
    proto = linear_graph(linear_model())
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    with pytest.raises(BundleError, match=r"tensor\(float\)"):
        OnnxClassifier(bundle_of(tmp_path, proto), provider="cpu")


def test_a_second_output_does_no_harm(tmp_path: Path) -> None:
    proto = linear_graph(linear_model())
    proto.graph.output.append(
        helper.make_tensor_value_info("scaled", TensorProto.FLOAT, ["N", 32, 32, 3])
    )
    classifier = OnnxClassifier(bundle_of(tmp_path, proto), provider="cpu")
    assert classifier.run(noise(2)).shape == (2, 10)


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "linear" / "1"
    manifest = manifest_of(b"no graph at all")
    write_parts(path, b"no graph at all", manifest)
    with pytest.raises(BundleError, match="cannot be loaded by ONNX Runtime"):
        OnnxClassifier(Bundle(path, manifest), provider="cpu")


def test_logits_that_are_not_finite_are_a_failure(tmp_path: Path) -> None:
    model = linear_model()
    model.bias[3] = np.inf
    classifier = OnnxClassifier(bundle_of(tmp_path, linear_graph(model)), provider="cpu")
    with pytest.raises(InferenceFailed):
        classifier.run(noise(1))


def test_rows_that_do_not_match_the_images_are_a_failure(tmp_path: Path) -> None:
    proto = linear_graph(linear_model())
    proto.graph.node[3].output[0] = "rows"
    proto.graph.node.append(helper.make_node("Concat", ["rows", "rows"], ["logits"], axis=0))
    classifier = OnnxClassifier(bundle_of(tmp_path, proto), provider="cpu")
    with pytest.raises(InferenceFailed):
        classifier.run(noise(2))


def test_a_graph_that_breaks_while_it_runs_is_a_failure(tmp_path: Path) -> None:
    proto = linear_graph(linear_model())
    graph = proto.graph
    graph.initializer.append(numpy_helper.from_array(np.array([7, -1], np.int64), "sevenths"))
    graph.initializer.append(numpy_helper.from_array(np.array([-1, 3072], np.int64), "images"))
    graph.node[2].CopyFrom(helper.make_node("Reshape", ["scaled", "sevenths"], ["seven"]))
    graph.node.insert(3, helper.make_node("Reshape", ["seven", "images"], ["flat"]))
    classifier = OnnxClassifier(bundle_of(tmp_path, proto), provider="cpu")
    assert classifier.run(noise(7)).shape == (7, 10)
    with pytest.raises(InferenceFailed):
        classifier.run(noise(2))


@pytest.mark.parametrize(
    ("asked", "threads"), [(0, min(usable_cores(), MOST_THREADS)), (1, 1), (3, 3)]
)
def test_lone_images_have_as_many_threads_as_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int, threads: int
) -> None:
    write_bundle(tmp_path)
    started: list[threading.Thread | None] = []
    widen = OnnxClassifier.widen

    def listen(classifier: OnnxClassifier) -> None:
        started.append(widen(classifier))

    monkeypatch.setattr(OnnxClassifier, "widen", listen)
    monkeypatch.setattr("service.providers.lone.fastest_runs", lambda *_: [1.0, 0.5])
    classifier = load_classifier(Settings(bundles=tmp_path, lone_threads=asked))
    (thread,) = started
    if threads == 1:
        assert thread is None
        return
    assert thread is not None
    thread.join(RESCUE_SECONDS)
    assert isinstance(classifier, OnnxClassifier)
    assert isinstance(classifier._runner, LoneRunner)
    wide = classifier._runner._wide
    assert isinstance(wide, SpreadRunner)
    assert len(wide._threads) == threads - 1
    assert isinstance(wide.runner, SessionRunner)
    options = wide.runner._session.get_session_options()
    assert options.intra_op_num_threads == threads
    # Threads that spin between runs would keep an idle service's cores busy.
    spin, stop = (
        options.get_session_config_entry(f"session.{entry}")
        for entry in ("intra_op.allow_spinning", "force_spinning_stop")
    )
    assert (spin, stop) == ("1", "1")
