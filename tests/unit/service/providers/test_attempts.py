"""What ONNX Runtime is asked for, by provider; what follows was never run on a GPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.contract import Filter, InputSpec, Resize
from service.processor import FLAGS
from service.providers import openvino
from service.providers.attempts import accelerators, attempts_of
from service.providers.options import Precision, Provider, ProviderOptions, runs_at_once
from service.providers.parity import COARSE, EXACT, ROUNDED
from service.providers.runners import Device

SPEC = InputSpec(height=32, width=24, channels=3, resize=Resize.STRETCH, filter=Filter.BILINEAR)


@pytest.mark.parametrize(
    ("provider", "tried"),
    [
        ("auto", ("cuda", "openvino")),
        ("cpu", ()),
        ("cuda", ("cuda",)),
        ("tensorrt", ("tensorrt",)),
        ("openvino", ("openvino",)),
    ],
)
def test_what_is_named_is_tried_alone_and_tensorrt_must_be_named(
    provider: Provider, tried: tuple[str, ...]
) -> None:
    assert accelerators(provider, ProviderOptions()) == tried


def test_cuda_is_tried_with_graphs_and_then_without() -> None:
    options = ProviderOptions(gpu_device=1, gpu_memory_bytes=2**30)
    with_graphs, without = attempts_of("cuda", options, SPEC, 1)
    ((name, asked),) = with_graphs.asked
    assert (name, with_graphs.device) == ("CUDAExecutionProvider", Device("cuda", 1))
    assert asked == {
        "device_id": "1",
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "do_copy_in_default_stream": "1",
        "use_tf32": "0",
        "enable_cuda_graph": "1",
        "gpu_mem_limit": str(2**30),
    }
    assert without.asked[0][1] == {**asked, "enable_cuda_graph": "0"}
    assert (with_graphs.graphs, without.graphs, without.within) == (True, False, EXACT)


def test_graphs_that_are_switched_off_are_not_tried_and_memory_without_a_bound_is_not_named() -> (
    None
):
    (only,) = attempts_of("cuda", ProviderOptions(cuda_graphs=False), SPEC, 1)
    assert not only.graphs
    assert "gpu_mem_limit" not in only.asked[0][1]


def test_tensorrt_builds_one_engine_for_all_batches_and_keeps_it(tmp_path: Path) -> None:
    options = ProviderOptions(max_batch=12, tensorrt_cache=tmp_path)
    (attempt,) = attempts_of("tensorrt", options, SPEC, 1)
    (name, asked), (behind, _) = attempt.asked
    assert (name, behind) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert asked["trt_profile_min_shapes"] == "image:1x32x24x3"
    assert asked["trt_profile_opt_shapes"] == asked["trt_profile_max_shapes"] == "image:12x32x24x3"
    assert (asked["trt_engine_cache_enable"], asked["trt_engine_cache_path"]) == (
        "True",
        str(tmp_path),
    )
    assert (asked["trt_fp16_enable"], asked["trt_cuda_graph_enable"]) == ("False", "True")
    assert attempt.within == ROUNDED


def test_tensorrt_without_a_folder_keeps_nothing() -> None:
    (attempt,) = attempts_of("tensorrt", ProviderOptions(tensorrt_fp16=True), SPEC, 1)
    asked = attempt.asked[0][1]
    assert asked["trt_fp16_enable"] == "True"
    assert not [name for name in asked if "cache" in name]


@pytest.mark.parametrize(
    ("precision", "flags", "hints", "bounds"),
    [
        ("auto", {"amx_bf16"}, ["bf16", "f32"], [COARSE, EXACT]),
        ("auto", {"avx512_bf16"}, ["bf16", "f32"], [COARSE, EXACT]),
        ("auto", {"avx512f", "avx512_vnni"}, ["f32"], [EXACT]),
        ("f32", {"amx_bf16", "avx512_bf16"}, ["f32"], [EXACT]),
        ("bf16", set(), ["bf16"], [COARSE]),
        ("f16", {"amx_bf16"}, ["f16"], [ROUNDED]),
    ],
)
def test_openvino_rounds_where_that_is_fast_and_gives_way_to_float32(
    precision: Precision,
    flags: set[str],
    hints: list[str],
    bounds: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openvino, "cpu_flags", lambda: {flag: flag in flags for flag in FLAGS})
    options = ProviderOptions(openvino_precision=precision, parallel_runs=3)
    found = attempts_of("openvino", options, SPEC, 2)
    plugins = [json.loads(attempt.asked[0][1]["load_config"])["CPU"] for attempt in found]
    assert [plugin["INFERENCE_PRECISION_HINT"] for plugin in plugins] == hints
    assert [attempt.within for attempt in found] == bounds
    assert [attempt.title for attempt in found] == [f"OpenVINO in {hint}" for hint in hints]
    assert {(p["NUM_STREAMS"], p["INFERENCE_NUM_THREADS"]) for p in plugins} == {("3", "6")}


def test_a_gpu_has_one_owner() -> None:
    providers = ("cpu", "openvino", "cuda", "tensorrt")
    assert [runs_at_once(provider, 4) for provider in providers] == [4, 4, 1, 1]
