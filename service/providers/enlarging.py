"""Enlargements within a graph, as products with two matrices, which are faster and say the same.

A network that was fitted on larger pictures than come to it enlarges them first, bilinearly: along
either axis, each new pixel is a sum of the same two old ones with the same weights in every row.
ONNX Runtime's Resize works that out pixel by pixel; as products with one matrix for each axis it
is the work of kernels that are the fastest there are. What comes out may as well come out in
another order, which the first convolution of a network in 8 bits gains by (``folding``). The file
stays as it is.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.providers.folding import FOLD, folding_behind
from service.providers.onnx_file import MODEL_GRAPH
from service.providers.onnx_graph import Graph, Node, constant, node
from service.providers.protobuf import BROKEN, fields, head
from service.providers.unnamed_file import are_there, path_of, unnamed_file

_LARGEST_SIDE: Final = 32
"""From a side of 64 on the products take as long as Resize: each pixel is a sum of a whole row."""

_PICTURES_AXES: Final = 4


class _Enlargement(NamedTuple):
    """What a bilinear Resize does to ``[N, C, H, W]``: its axes before, and times how much.

    By whole numbers, since those who compute a size of fractions round it each in a way of theirs.
    """

    channels: int
    height: int
    width: int
    down: int
    across: int

    @property
    def size(self) -> tuple[int, int]:
        """Return the sides behind it, height and width."""
        return self.height * self.down, self.width * self.across

    def downwards(self) -> NDArray[np.float32]:
        """Return the matrix ``[new height, height]`` that it is along the columns."""
        return interpolation(self.height, self.down)

    def to_right(self) -> NDArray[np.float32]:
        """Return the matrix ``[new width, width]`` that it is along the rows."""
        return interpolation(self.width, self.across)


@contextmanager
def graph_of(path: Path) -> Iterator[Path]:
    """Write a file's graph with products into the memory, and yield where it lies meanwhile.

    That is the file itself where there is nothing to change in it, or the system allows no file
    in memory, or it is no graph: ONNX Runtime tells what is wrong.
    """
    with ExitStack() as opened:
        graph = path
        if are_there():
            with suppress(OSError):
                written = opened.enter_context(unnamed_file("enlarging"))
                graph = Path(path_of(written)) if _write(path, written) else path
        yield graph


def _write(path: Path, descriptor: int) -> bool:
    """Write a file's graph with products, and tell whether it has any."""
    with path.open("rb") as file, suppress(*BROKEN):
        model = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        parts = with_products(model)
        with open(descriptor, "wb", closefd=False) as target:
            target.writelines(parts)
        return bool(parts)
    return False


def with_products(model: memoryview) -> list[bytes | memoryview]:
    """Return the parts of a model whose small enlargements are products; none where it has none.

    An enlargement of a shape that is not seen here stays as it is, and so does a graph with
    branches, or with weights in other files.

    Raises:
        Exception: one of ``protobuf.BROKEN``, where there is no such message.
    """
    parts = list(fields(model))
    (place,) = (at for at, part in enumerate(parts) if part.number == MODEL_GRAPH)
    changed = _changed(Graph(parts[place].message))
    if not changed:
        return []
    size = sum(len(part) for part in changed)
    return [
        *(part.whole for part in parts[:place]),
        head(MODEL_GRAPH, size),
        *changed,
        *(part.whole for part in parts[place + 1 :]),
    ]


def _changed(graph: Graph) -> list[memoryview]:
    """Return the parts of a graph with products; none where it has none."""
    instead: dict[str, bytes] = {}
    for it in graph.nodes:
        if (enlargement := _enlargement(graph, it)) is not None:
            instead |= _instead(graph, it, enlargement)
    return graph.with_others(instead) if instead and graph.can_be_changed() else []


def _instead(graph: Graph, it: Node, enlargement: _Enlargement) -> dict[str, bytes]:
    """Return what stands for an enlargement, and for the convolution that gains by its order."""
    source, (target,) = it.inputs[0], it.outputs
    folding = folding_behind(graph, target, enlargement.size)
    if folding is None:
        return {target: b"".join(_products(source, target, enlargement))}
    return {
        target: b"".join(_folded_products(source, target, enlargement)),
        folding.output: folding.convolution(),
        folding.weights: constant(folding.weights, folding.kernel),
    }


def _enlargement(graph: Graph, it: Node) -> _Enlargement | None:
    """Return what a node enlarges, where it is one of those that can be products."""
    if (
        it.operator != "Resize"
        or it.word("mode", "nearest") != "linear"
        or it.word("coordinate_transformation_mode", "half_pixel") != "half_pixel"
        or it.number("antialias", 0)
        or "axes" in it.attributes
        or len(it.inputs) != len(("X", "roi", "scales"))
    ):
        return None
    times, axes = graph.constant(it.inputs[2], np.float32), graph.shape(it.inputs[0])
    if times is None or len(times) != _PICTURES_AXES or len(axes) != _PICTURES_AXES:
        return None
    images, channels, down, across = (float(time) for time in times)
    small = min(axes[1:]) >= 1 and max(axes[2:]) <= _LARGEST_SIDE
    larger = all(time >= 1 and time.is_integer() for time in (down, across))
    if (images, channels) != (1, 1) or not (small and larger):
        return None
    return _Enlargement(axes[1], axes[2], axes[3], down=int(down), across=int(across))


def _products(source: str, target: str, enlargement: _Enlargement) -> list[bytes]:
    """Return the fields of a graph that stand for an enlargement: two nodes and their matrices."""
    across, rows, columns = f"{target}/across", f"{target}/rows", f"{target}/columns"
    return [
        constant(columns, enlargement.to_right().T),
        constant(rows, enlargement.downwards()),
        node("MatMul", [source, columns], [across]),
        node("MatMul", [rows, across], [target]),
    ]


def _folded_products(source: str, target: str, enlargement: _Enlargement) -> list[bytes]:
    """Return the same with every channel four times: a square's pixels, each of a kind together.

    Of the first product rows 0, 2, 4 and so on come before 1, 3, 5; the second has a matrix for
    each kind of column.
    """
    down, right = enlargement.downwards(), enlargement.to_right()
    matrices = {
        "rows": np.concatenate([down[kind::FOLD] for kind in range(FOLD)]),
        "columns": np.stack([right[kind::FOLD].T for kind in range(FOLD)]),
    }
    height, (width, wide) = len(down) // FOLD, matrices["columns"].shape[1:]
    channels = enlargement.channels * FOLD
    matrices["split"] = np.array([0, channels, 1, height, width])
    matrices["joined"] = np.array([0, channels * FOLD, height, wide])
    rows, columns, split, joined = (f"{target}/{name}" for name in matrices)
    tall, apart, kinds = f"{target}/tall", f"{target}/apart", f"{target}/kinds"
    return [
        *(constant(f"{target}/{name}", values) for name, values in matrices.items()),
        node("MatMul", [rows, source], [tall]),
        node("Reshape", [tall, split], [apart]),
        node("MatMul", [apart, columns], [kinds]),
        node("Reshape", [kinds, joined], [target]),
    ]


def interpolation(size: int, times: int) -> NDArray[np.float32]:
    """Return the matrix ``[new size, size]`` that a bilinear Resize is along one axis.

    ONNX's operator Resize with ``half_pixel``: a new pixel's middle lies between two old ones, and
    what lies beyond the first or the last is as it.
    """
    new = np.arange(size * times)
    middle = np.clip((new + 0.5) / times - 0.5, 0, size - 1)
    lower = middle.astype(int)
    upper = np.minimum(lower + 1, size - 1)
    weights = np.zeros((len(new), size))
    weights[new, lower] += 1 - (middle - lower)
    weights[new, upper] += middle - lower
    return weights.astype(np.float32)
