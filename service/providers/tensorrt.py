"""TensorRT: what stands in its way, and how it is asked for.

It builds an engine for the GPU at hand, which takes minutes; engines are kept in a folder between
starts. It is taken where it is asked for by name, and never by ``auto``.
"""

from __future__ import annotations

from typing import Final

import onnxruntime

from service.contract import InputSpec
from service.providers.cuda import SHARED_LIBRARY, cuda_obstacle, library_folder, unloadable_library
from service.providers.options import ProviderOptions
from service.providers.signature import INPUT_NAME

EXECUTION_PROVIDER: Final = "TensorrtExecutionProvider"
TENSORRT_LIBRARY: Final = "libonnxruntime_providers_tensorrt.so"


def tensorrt_obstacle() -> str | None:
    """Return why ONNX Runtime cannot use TensorRT here, or None when its libraries all load."""
    if EXECUTION_PROVIDER not in onnxruntime.get_available_providers():
        return "this ONNX Runtime is built without TensorRT; install onnxruntime-gpu (extra `cuda`)"
    if obstacle := cuda_obstacle():
        return obstacle
    missing = unloadable_library(library_folder(), (SHARED_LIBRARY, TENSORRT_LIBRARY))
    if missing is None:
        return None
    return f"{missing}; install TensorRT in the version that this ONNX Runtime was built for"


def tensorrt_options(options: ProviderOptions, spec: InputSpec) -> dict[str, str]:
    """Return what the TensorRT provider is asked for; it reads truth as ``True`` and ``False``.

    One engine serves every batch from 1 to the largest and is tuned for the largest, so that no
    bucket makes it build another while clients wait.
    """

    def shape(images: int) -> str:
        return f"{INPUT_NAME}:{images}x{spec.height}x{spec.width}x{spec.channels}"

    asked = {
        "device_id": str(options.gpu_device),
        "trt_fp16_enable": str(options.tensorrt_fp16),
        "trt_profile_min_shapes": shape(1),
        "trt_profile_opt_shapes": shape(options.max_batch),
        "trt_profile_max_shapes": shape(options.max_batch),
        "trt_cuda_graph_enable": str(options.cuda_graphs),
    }
    if options.gpu_memory_bytes:
        asked["trt_max_workspace_size"] = str(options.gpu_memory_bytes)
    if options.tensorrt_cache is not None:
        folder = str(options.tensorrt_cache)
        asked |= {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": folder,
            "trt_timing_cache_enable": "True",
            "trt_timing_cache_path": folder,
        }
    return asked
