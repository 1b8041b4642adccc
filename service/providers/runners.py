"""Run a session: as it comes, or on buffers that are prepared for a few batch sizes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from service.providers.buckets import Piece, bucket_sizes, pieces
from service.providers.signature import INPUT_NAME, output_axes

if TYPE_CHECKING:
    from service.contract import Manifest

Batch: TypeAlias = NDArray[np.uint8]
Outputs: TypeAlias = list[NDArray[np.float32]]

_FIRST_GRAPH = 1
"""ONNX Runtime keeps 0 for itself; -1 would run without a graph."""


class Runner(Protocol):
    """What runs one graph on one provider."""

    def run(self, batch: Batch) -> Outputs:
        """Return the graph's outputs for pixels ``[N, H, W, C]``, in the manifest's order.

        Raises whatever ONNX Runtime raises.
        """
        ...


class SessionRunner:
    """Hands a batch to the session as it is; for providers that work in the host's memory."""

    def __init__(
        self, session: onnxruntime.InferenceSession, manifest: Manifest, *, reads: object = None
    ) -> None:
        """Take a session, and what it reads without holding it."""
        self._session = session
        self._reads = reads
        self._outputs = list(output_axes(manifest))

    def run(self, batch: Batch) -> Outputs:
        """Return the outputs; may be called from several threads at once."""
        outputs: Outputs = self._session.run(self._outputs, {INPUT_NAME: batch})
        return outputs


@dataclass(frozen=True, slots=True)
class Device:
    """Where buffers lie, by ONNX Runtime's name (``cuda``, ``cpu``) and number."""

    kind: str
    number: int = 0


class BoundRunner:
    """Runs batches in a few fixed shapes, on device buffers that are allocated once and never move.

    That is what a CUDA graph asks for, and it spares an allocation and a copy for each batch. A
    batch is padded with black to the next bucket, and the rows of the padding are cut off; rows do
    not depend on each other, so that no image is answered otherwise. One batch runs at a time.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        manifest: Manifest,
        device: Device,
        *,
        max_batch: int,
        graphs: bool,
    ) -> None:
        """Allocate the buffers of all buckets up to ``max_batch``.

        With ``graphs`` each bucket's first run records its graph, and later ones replay it.
        """
        self._lock = threading.Lock()
        self._sizes = bucket_sizes(max_batch)
        self._buckets = {
            size: _Bucket(
                session, size, manifest, device, graph=_FIRST_GRAPH + place if graphs else None
            )
            for place, size in enumerate(self._sizes)
        }

    @property
    def sizes(self) -> Sequence[int]:
        """Return the batch sizes that there are buffers for, rising."""
        return self._sizes

    def warm_up(self) -> None:
        """Run every bucket once, the largest first so that memory is asked for once."""
        with self._lock:
            for size in reversed(self._sizes):
                self._buckets[size].run(self._buckets[size].black())

    def run(self, batch: Batch) -> Outputs:
        """Return the outputs; a batch above the largest bucket runs in several."""
        with self._lock:
            parts = [self._run(batch, piece) for piece in pieces(len(batch), self._sizes)]
        return [np.concatenate(rows) for rows in zip(*parts, strict=True)]

    def _run(self, batch: Batch, piece: Piece) -> Outputs:
        bucket, images = self._buckets[piece.bucket], piece.end - piece.start
        if images == piece.bucket:
            padded = batch[piece.start : piece.end]
        else:
            padded = bucket.black()
            padded[:images] = batch[piece.start : piece.end]
        return [rows[:images] for rows in bucket.run(padded)]


class _Bucket:
    """The buffers of one batch size, bound to the session for good."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        size: int,
        manifest: Manifest,
        device: Device,
        *,
        graph: int | None,
    ) -> None:
        spec = manifest.input
        self._session = session
        self._shape = (size, spec.height, spec.width, spec.channels)
        self._input = _buffer(self._shape, np.uint8, device)
        self._outputs = [
            (name, _buffer((size, *axes), np.float32, device))
            for name, axes in output_axes(manifest).items()
        ]
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(INPUT_NAME, self._input)
        for name, value in self._outputs:
            self._binding.bind_ortvalue_output(name, value)
        self._options = onnxruntime.RunOptions()
        if graph is not None:
            # A recorded graph writes to the addresses that it was recorded with: one a bucket.
            self._options.add_run_config_entry("gpu_graph_id", str(graph))

    def black(self) -> Batch:
        """Return a batch of black images in the host's memory."""
        return np.zeros(self._shape, np.uint8)

    def run(self, batch: Batch) -> Outputs:
        """Return the outputs of a batch of exactly this size, in the host's memory."""
        # ONNX Runtime 1.24 copies the memory as it lies, whatever the strides say.
        self._input.update_inplace(np.ascontiguousarray(batch))
        self._binding.synchronize_inputs()
        self._session.run_with_iobinding(self._binding, self._options)
        self._binding.synchronize_outputs()
        # On a CPU the buffer itself would come back, which the next batch overwrites.
        return [np.array(value.numpy()) for _, value in self._outputs]


def _buffer(shape: Iterable[int], kind: type[np.generic], device: Device) -> onnxruntime.OrtValue:
    return onnxruntime.OrtValue.ortvalue_from_shape_and_type(
        list(shape), kind, device.kind, device.number
    )
