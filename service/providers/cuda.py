"""CUDA: what stands in its way, in words that an operator can act upon, and how it is asked for."""

from __future__ import annotations

import contextlib
import ctypes
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import onnxruntime

from service.providers.options import ProviderOptions

EXECUTION_PROVIDER: Final = "CUDAExecutionProvider"
SHARED_LIBRARY: Final = "libonnxruntime_providers_shared.so"
CUDA_LIBRARY: Final = "libonnxruntime_providers_cuda.so"


def cuda_obstacle() -> str | None:
    """Return why ONNX Runtime cannot use CUDA here, or None when its libraries all load.

    Loads CUDA's and cuDNN's libraries from their Python packages where these are installed. That a
    library loads does not prove that there is a GPU: only a session can.
    """
    if EXECUTION_PROVIDER not in onnxruntime.get_available_providers():
        return "this ONNX Runtime is built without CUDA; install onnxruntime-gpu (extra `cuda`)"
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
        onnxruntime.preload_dlls()
    missing = unloadable_library(library_folder(), (SHARED_LIBRARY, CUDA_LIBRARY))
    if missing is None:
        return None
    return f"{missing}; install the extra `cuda`, or CUDA and cuDNN in the versions that it needs"


def library_folder() -> Path:
    """Return where ONNX Runtime has the libraries of its providers."""
    return Path(onnxruntime.__file__).parent / "capi"


def unloadable_library(folder: Path, names: Sequence[str]) -> str | None:
    """Return the loader's own words about what the first library that fails lacks, or None.

    The libraries are loaded in the way of ONNX Runtime, the shared one first and for all, only that
    here the error is not lost in a log line.
    """
    for name in names:
        mode = ctypes.RTLD_GLOBAL if name == SHARED_LIBRARY else ctypes.RTLD_LOCAL
        try:
            ctypes.CDLL(str(folder / name), mode=mode)
        except OSError as error:
            return str(error)
    return None


def cuda_options(options: ProviderOptions, *, graphs: bool) -> dict[str, str]:
    """Return what the CUDA provider is asked for.

    With ``graphs`` it records the kernels of each bucket once and then starts them all by one call,
    which for a network of small images costs less than starting each.
    """
    asked = {
        "device_id": str(options.gpu_device),
        # An exhaustive search costs seconds for each new shape and finds nothing better here.
        "cudnn_conv_algo_search": "HEURISTIC",
        # The default doubles the arena, and keeps what a single large batch once needed twice over.
        "arena_extend_strategy": "kSameAsRequested",
        # Copies in another stream than the kernels' may overtake them.
        "do_copy_in_default_stream": "1",
        # TensorFloat-32 keeps 10 bits of 23: the figures of a manifest were measured with all.
        "use_tf32": "0",
        "enable_cuda_graph": "1" if graphs else "0",
    }
    if options.gpu_memory_bytes:
        asked["gpu_mem_limit"] = str(options.gpu_memory_bytes)
    return asked
