"""OpenVINO on the CPU: what stands in its way, and how it is asked for."""

from __future__ import annotations

import json
from typing import Final

import onnxruntime

from service.providers.options import Precision

EXECUTION_PROVIDER: Final = "OpenVINOExecutionProvider"


def openvino_obstacle() -> str | None:
    """Return why ONNX Runtime cannot use OpenVINO here, or None where it is built with it."""
    if EXECUTION_PROVIDER in onnxruntime.get_available_providers():
        return None
    return (
        "this ONNX Runtime is built without OpenVINO; install onnxruntime-openvino "
        "(extra `openvino`)"
    )


def openvino_options(precision: Precision, *, streams: int, threads: int) -> dict[str, str]:
    """Return what the OpenVINO provider is asked for.

    A stream is a batch at work; as many as there are callers, each with its share of the
    ``threads``. Without a precision OpenVINO takes what is fastest on the processor at hand, which
    is bfloat16 where there are AMX tiles and float32 elsewhere.
    """
    plugin = {
        "NUM_STREAMS": str(streams),
        "INFERENCE_NUM_THREADS": str(threads),
        # Affinity and quota are counted in `service.cores`, and the system places the threads.
        "ENABLE_CPU_PINNING": "NO",
    }
    if precision != "auto":
        plugin["INFERENCE_PRECISION_HINT"] = precision
    return {"device_type": "CPU", "load_config": json.dumps({"CPU": plugin})}
