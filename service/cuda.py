"""What stands in the way of CUDA, in words that an operator can act upon."""

from __future__ import annotations

import contextlib
import ctypes
import io
from pathlib import Path

import onnxruntime

_SHARED = "libonnxruntime_providers_shared.so"
_CUDA = "libonnxruntime_providers_cuda.so"


def cuda_obstacle() -> str | None:
    """Return why ONNX Runtime cannot use CUDA here, or None when its libraries all load.

    Loads CUDA's and cuDNN's libraries from their Python packages where these are installed. That a
    library loads does not prove that there is a GPU: only a session can.
    """
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "this ONNX Runtime is built without CUDA; install onnxruntime-gpu (extra `cuda`)"
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
        onnxruntime.preload_dlls()
    missing = unloadable_library(Path(onnxruntime.__file__).parent / "capi")
    if missing is None:
        return None
    return f"{missing}; install the extra `cuda`, or CUDA and cuDNN in the versions that it needs"


def unloadable_library(folder: Path) -> str | None:
    """Return the loader's own words about the library that the CUDA provider lacks, or None.

    The provider is loaded the way that ONNX Runtime does it, only that here its error is not lost
    in a log line.
    """
    for name, mode in ((_SHARED, ctypes.RTLD_GLOBAL), (_CUDA, ctypes.RTLD_LOCAL)):
        try:
            ctypes.CDLL(str(folder / name), mode=mode)
        except OSError as error:
            return str(error)
    return None
