"""OpenVINO on the CPU: what stands in its way, and how it is asked for."""

from __future__ import annotations

import json
from typing import Final

import onnxruntime

from service.processor import cpu_flags
from service.providers.options import Precision

EXECUTION_PROVIDER: Final = "OpenVINOExecutionProvider"

_BFLOAT16: Final = ("amx_bf16", "avx512_bf16")
"""What a processor multiplies bfloat16 by, up to three times as fast as float32."""


def openvino_obstacle() -> str | None:
    """Return why ONNX Runtime cannot use OpenVINO here, or None where it is built with it."""
    if EXECUTION_PROVIDER in onnxruntime.get_available_providers():
        return None
    return (
        "this ONNX Runtime is built without OpenVINO; install onnxruntime-openvino "
        "(extra `openvino`)"
    )


def precisions(wanted: Precision) -> tuple[Precision, ...]:
    """Return what a graph is tried in, in order; a network that rounding harms may yet be served.

    Without a choice that is bfloat16 where the processor multiplies it, then float32: ONNX Runtime
    has OpenVINO compute in float32 unless it is told otherwise, whatever the processor.
    """
    if wanted != "auto":
        return (wanted,)
    there = cpu_flags()
    return ("bf16", "f32") if any(there[flag] for flag in _BFLOAT16) else ("f32",)


def openvino_options(precision: Precision, *, streams: int, threads: int) -> dict[str, str]:
    """Return what the OpenVINO provider is asked for, in one of ``precisions``.

    A stream is a batch at work; as many as there are callers, each with its share of the
    ``threads``.
    """
    plugin = {
        "NUM_STREAMS": str(streams),
        "INFERENCE_NUM_THREADS": str(threads),
        "INFERENCE_PRECISION_HINT": precision,
        # Affinity and quota are counted in `service.cores`, and the system places the threads.
        "ENABLE_CPU_PINNING": "NO",
    }
    return {"device_type": "CPU", "load_config": json.dumps({"CPU": plugin})}
