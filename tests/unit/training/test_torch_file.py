from __future__ import annotations

import io
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training.errors import DataError
from training.torch_file import MAGIC, read_torch_file


class Tensor:
    """What PyTorch pickles: a view of a storage, told by offset, shape and strides."""

    def __init__(
        self, key: str, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0
    ) -> None:
        self.arguments: tuple[Any, ...] = (
            Storage(key),
            offset,
            shape,
            strides,
            False,
            OrderedDict(),
        )

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class Storage:
    def __init__(self, key: str) -> None:
        self.key = key


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that such a file mentions, which must exist to be pickled."""
    torch, inside = ModuleType("torch"), ModuleType("torch._utils")

    def _rebuild_tensor_v2(*_: object) -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = (
        "torch._utils",
        "_rebuild_tensor_v2",
    )
    vars(inside)["_rebuild_tensor_v2"] = _rebuild_tensor_v2
    vars(torch)["FloatStorage"] = type("FloatStorage", (), {"__module__": "torch"})
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", inside)


def written(
    state: object, storages: dict[str, NDArray[np.float32]], *, magic: int = MAGIC
) -> bytes:
    stream = io.BytesIO()
    for value in (magic, 1001, {"little_endian": True}):
        pickle.dump(value, stream, 2)

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            if not isinstance(obj, Storage):
                return None
            kind = vars(sys.modules["torch"])["FloatStorage"]
            return ("storage", kind, obj.key, "cpu", len(storages[obj.key]), None)

    Pickler(stream, 2).dump(state)
    pickle.dump(list(storages), stream, 2)
    for values in storages.values():
        stream.write(np.int64(len(values)).tobytes() + values.astype("<f4").tobytes())
    return stream.getvalue()


def test_a_view_of_a_storage_comes_out_in_its_shape(tmp_path: Path) -> None:
    numbers = np.arange(7, dtype=np.float32)
    state = OrderedDict(
        rows=Tensor("a", (2, 3), (3, 1), offset=1), columns=Tensor("a", (3, 2), (1, 3), offset=1)
    )
    path = tmp_path / "weights.pth"
    path.write_bytes(written(state, {"a": numbers}))
    read = read_torch_file(path)
    np.testing.assert_array_equal(read["rows"], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(read["columns"], read["rows"].T)


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("a", (2, 4), (4, 1)),
        Tensor("a", (2,), (1,), offset=6),
        Tensor("a", (2,), (1,), offset=-1),
    ],
)
def test_a_view_beyond_its_storage_is_refused(tmp_path: Path, tensor: Tensor) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(written(OrderedDict(a=tensor), {"a": np.zeros(7, np.float32)}))
    with pytest.raises(DataError, match=r"weights\.pth.*beyond its storage"):
        read_torch_file(path)


def test_a_name_that_weights_do_not_need_is_never_called(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(written(OrderedDict(a=Path("/somewhere")), {}))
    with pytest.raises(DataError, match="has no place in a file of weights"):
        read_torch_file(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", written.__name__.encode()])
def test_another_file_is_told_from_one_of_weights(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(DataError, match="no PyTorch file of weights"):
        read_torch_file(path)


def test_a_wrong_magic_number_and_a_cut_file_are_told(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(written(OrderedDict(), {}, magic=7))
    with pytest.raises(DataError, match="magic number"):
        read_torch_file(path)
    state = OrderedDict(a=Tensor("a", (7,), (1,)))
    path.write_bytes(written(state, {"a": np.zeros(7, np.float32)})[:-4])
    with pytest.raises(DataError, match="no PyTorch file of weights"):
        read_torch_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.pth: is missing"):
        read_torch_file(tmp_path / "nowhere.pth")
