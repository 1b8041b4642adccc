"""Which provider is taken, and what is said: ONNX Runtime's own lists, sessions that are real.

What cannot be here is its device: a session that is asked for CUDA or OpenVINO is built on the CPU
and says so or says otherwise, as the claim needs. `test_openvino.py` is the real thing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from service.bundles import Bundle
from service.classifier import OnnxClassifier
from service.errors import BundleError, ProviderUnavailable
from service.processor import FLAGS
from service.providers.attempts import OBSTACLES
from service.providers.cuda import cuda_obstacle, unloadable_library
from service.providers.lone import LoneRunner
from service.providers.openvino import openvino_obstacle
from service.providers.options import ProviderOptions
from service.providers.runners import BoundRunner, Device
from tests.bundles import linear_graph, linear_model, write_bundle, write_parts
from tests.serving import RESCUE_SECONDS

CPU_WHEEL = ["AzureExecutionProvider", "CPUExecutionProvider"]
GPU_WHEEL = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
OPENVINO_WHEEL = ["OpenVINOExecutionProvider", "CPUExecutionProvider"]
"""What `get_available_providers` gives, as seen in each of the three packages."""

Wheel = Callable[[list[str]], None]
Sessions = list[dict[str, Any]]


@pytest.fixture
def wheel(monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """Return what makes this ONNX Runtime list the providers of another package."""

    def install(providers: list[str]) -> None:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)

    return install


@pytest.fixture
def accelerated(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Sessions:
    """Build accelerated sessions on the CPU under their own name; return what they were asked for.

    A graph named ``drifting`` beside the bundle's takes the place of what such a session runs.
    """
    built: Sessions = []
    real = onnxruntime.InferenceSession

    class Session(real):  # type: ignore[misc, valid-type]  # untyped
        def __init__(
            self, graph: Path | bytes, options: object, *, providers: list[Any], **more: Any
        ) -> None:
            names = [each if isinstance(each, str) else each[0] for each in providers]
            first = dict(providers[0][1]) if not isinstance(providers[0], str) else {}
            if len(names) > 1 and isinstance(graph, Path):
                drifting = graph.with_name("drifting")
                graph = drifting if drifting.exists() else graph
            super().__init__(graph, options, providers=["CPUExecutionProvider"], **more)
            self.names = names
            built.append({"names": names, "asked": first, **more})

        def get_providers(self) -> list[str]:
            return self.names

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    return built


def drift(bundle: Bundle, difference: float) -> None:
    """Have accelerated sessions give logits that are wrong by so much."""
    model = linear_model()
    shift = np.array([difference, *[0] * 9], np.float32)
    shifted = replace(model, bias=model.bias + shift)
    onnx.save(linear_graph(shifted), bundle.model_path.with_name("drifting"))


def noise(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def test_openvino_is_taken_by_auto_where_it_is_installed(
    tmp_path: Path, wheel: Wheel, accelerated: Sessions
) -> None:
    wheel(OPENVINO_WHEEL)
    bundle = write_bundle(tmp_path)
    classifier = OnnxClassifier(bundle, provider="auto")
    assert classifier.provider == "openvino"
    assert accelerated[-1]["names"] == OPENVINO_WHEEL
    np.testing.assert_allclose(
        classifier.run(noise(5)), linear_model().logits(noise(5)), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("listed", [CPU_WHEEL, GPU_WHEEL])
def test_auto_takes_the_cpu_where_nothing_else_works_and_says_why(
    tmp_path: Path, wheel: Wheel, caplog: pytest.LogCaptureFixture, listed: list[str]
) -> None:
    if cuda_obstacle() is None:
        pytest.skip("CUDA works on this machine")
    wheel(listed)
    with caplog.at_level(logging.INFO, logger="service"):
        classifier = OnnxClassifier(write_bundle(tmp_path), provider="auto")
    assert classifier.provider == "cpu"
    (why,) = (text for text in caplog.messages if text.startswith("running on the CPU: "))
    assert "extra `cuda`" in why
    assert "extra `openvino`" in why
    assert "model linear/1 runs on cpu (asked for: auto)" in caplog.text


@pytest.fixture
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have several threads be faster, which for so small a graph they are not."""
    monkeypatch.setattr("service.providers.lone.fastest_runs", lambda *_: [1.0, 0.5])


@pytest.mark.usefixtures("worth_it")
def test_an_image_alone_is_labelled_by_a_session_of_more_threads(tmp_path: Path) -> None:
    classifier = OnnxClassifier(
        write_bundle(tmp_path), provider="cpu", options=ProviderOptions(lone_threads=2)
    )
    thread = classifier.widen()
    assert thread is not None
    thread.join(RESCUE_SECONDS)
    assert isinstance(classifier._runner, LoneRunner)
    assert classifier._runner._wide is not None
    for count in (1, 2):
        np.testing.assert_allclose(
            classifier.run(noise(count)), linear_model().logits(noise(count)), rtol=1e-4, atol=1e-4
        )
    assert OnnxClassifier(write_bundle(tmp_path / "other"), provider="cpu").widen() is None


@pytest.mark.usefixtures("worth_it")
def test_a_file_that_is_exchanged_after_its_first_session_changes_no_answer(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path)
    classifier = OnnxClassifier(bundle, provider="cpu", options=ProviderOptions(lone_threads=2))
    drift(bundle, 0.9)
    bundle.model_path.with_name("drifting").replace(bundle.model_path)
    thread = classifier.widen()
    assert thread is not None
    thread.join(RESCUE_SECONDS)
    np.testing.assert_allclose(
        classifier.run(noise(1)), linear_model().logits(noise(1)), rtol=1e-4, atol=1e-4
    )


@pytest.fixture(params=[True, False], ids=["with bfloat16", "without bfloat16"])
def with_bfloat16(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    there: bool = request.param
    flags = dict.fromkeys(FLAGS, there)
    monkeypatch.setattr("service.providers.openvino.cpu_flags", lambda: flags)
    return there


@pytest.mark.parametrize("difference", [0.9, float("nan")])
def test_a_provider_that_says_something_else_is_left_for_the_cpu_with_the_reason(
    tmp_path: Path,
    wheel: Wheel,
    accelerated: Sessions,
    caplog: pytest.LogCaptureFixture,
    difference: float,
    with_bfloat16: bool,  # noqa: FBT001  # a fixture
) -> None:
    wheel(OPENVINO_WHEEL)
    bundle = write_bundle(tmp_path)
    drift(bundle, difference)
    with caplog.at_level(logging.INFO, logger="service"):
        classifier = OnnxClassifier(bundle, provider="auto")
    assert classifier.provider == "cpu"
    assert "OpenVINO in f32: it gives another best label than the CPU on" in caplog.text
    assert ("OpenVINO in bf16: it gives another best label" in caplog.text) is with_bfloat16
    assert np.isfinite(classifier.run(noise(2))).all()
    with pytest.raises(ProviderUnavailable, match="OpenVINO was asked for and cannot work here"):
        OnnxClassifier(bundle, provider="openvino")


def test_the_bound_of_rounded_arithmetic_is_wider_than_that_of_float32(
    tmp_path: Path, wheel: Wheel, accelerated: Sessions
) -> None:
    wheel(OPENVINO_WHEEL)
    bundle = write_bundle(tmp_path)
    drift(bundle, 0.01)
    classifier = OnnxClassifier(
        bundle, provider="openvino", options=ProviderOptions(openvino_precision="bf16")
    )
    tried = [session for session in accelerated if len(session["names"]) > 1]
    assert (classifier.provider, len(tried)) == ("openvino", 1)
    with pytest.raises(ProviderUnavailable, match=r"OpenVINO in f32: .* apart by 0.01 where"):
        OnnxClassifier(
            bundle, provider="openvino", options=ProviderOptions(openvino_precision="f32")
        )


def test_cuda_that_works_is_bound_to_buckets_and_says_what_the_cpu_says(
    tmp_path: Path, wheel: Wheel, accelerated: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The selection, the binding and the proof of a GPU, with the CPU's memory for buffers."""
    wheel(GPU_WHEEL)
    monkeypatch.setattr("service.providers.attempts.Device", lambda _, number: Device("cpu"))
    monkeypatch.setattr("service.providers.opening.OBSTACLES", {**OBSTACLES, "cuda": lambda: None})
    classifier = OnnxClassifier(
        write_bundle(tmp_path), provider="auto", options=ProviderOptions(max_batch=4)
    )
    assert classifier.provider == "cuda"
    assert isinstance(classifier._runner, BoundRunner)
    assert classifier._runner.sizes == (1, 2, 4)
    assert accelerated[-1]["asked"]["enable_cuda_graph"] == "1"
    np.testing.assert_allclose(
        classifier.run(noise(5)), linear_model().logits(noise(5)), rtol=1e-4, atol=1e-4
    )


def test_no_session_may_go_on_in_silence_on_another_provider(
    tmp_path: Path, accelerated: Sessions
) -> None:
    """ONNX Runtime's own fall-back prints a line and takes the CPU, even in the midst of a run."""
    OnnxClassifier(write_bundle(tmp_path), provider="cpu")
    assert {session["enable_fallback"] for session in accelerated} == {0}


def test_cuda_that_is_asked_for_and_absent_stops_the_start(tmp_path: Path) -> None:
    if cuda_obstacle() is None:
        pytest.skip("CUDA works on this machine")
    with pytest.raises(ProviderUnavailable, match="CUDA was asked for and cannot work here"):
        OnnxClassifier(write_bundle(tmp_path), provider="cuda")
    with pytest.raises(ProviderUnavailable, match="TensorRT was asked for and cannot work here"):
        OnnxClassifier(write_bundle(tmp_path, version="2"), provider="tensorrt")


def test_a_session_that_fell_back_is_not_taken_for_cuda(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = onnxruntime.InferenceSession

    def without_gpu(path: Path, options: object, *, providers: list[object], **more: Any) -> object:
        return real(path, options, providers=["CPUExecutionProvider"], **more)

    monkeypatch.setattr("service.providers.opening.OBSTACLES", {"cuda": lambda: None})
    monkeypatch.setattr(onnxruntime, "InferenceSession", without_gpu)
    with pytest.raises(ProviderUnavailable, match="could not use the GPU"):
        OnnxClassifier(write_bundle(tmp_path), provider="cuda")


def test_a_graph_that_is_broken_is_told_as_one_whatever_was_asked_for(
    tmp_path: Path, wheel: Wheel
) -> None:
    wheel(OPENVINO_WHEEL)
    bundle = write_bundle(tmp_path)
    path = bundle.path.with_name("2")
    write_parts(path, b"no graph", bundle.manifest)
    with pytest.raises(BundleError, match="cannot be loaded by ONNX Runtime"):
        OnnxClassifier(Bundle(path, bundle.manifest), provider="openvino")


def test_a_build_without_a_provider_is_named(wheel: Wheel) -> None:
    wheel(["CPUExecutionProvider"])
    assert "install onnxruntime-gpu" in (cuda_obstacle() or "")
    assert "install onnxruntime-openvino" in (openvino_obstacle() or "")
    assert "built without TensorRT" in (OBSTACLES["tensorrt"]() or "")


def test_a_build_with_cuda_whose_library_does_not_load_names_that_library(
    wheel: Wheel,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "capi").mkdir()
    wheel(GPU_WHEEL)
    monkeypatch.setattr(onnxruntime, "__file__", str(tmp_path / "__init__.py"))
    for provider in ("cuda", "tensorrt"):
        assert "libonnxruntime_providers_shared.so: cannot open shared object" in (
            OBSTACLES[provider]() or ""
        )
    assert capsys.readouterr().out == ""


def test_a_library_that_is_broken_is_named_in_the_loader_s_words(tmp_path: Path) -> None:
    (tmp_path / "libbroken.so").write_bytes(b"no library")
    assert "libbroken.so" in (unloadable_library(tmp_path, ["libbroken.so"]) or "")
