"""Run a bundle's graph: raw pixels in, logits out, on the provider that was asked for.

Nothing falls back in silence: a provider that was named and cannot work stops the start, and
``auto`` says what it took. What a session really uses is read from the session, because ONNX
Runtime lists CUDA as available wherever its code was compiled in.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from service.errors import InferenceFailed
from service.providers.buckets import bucket_sizes
from service.providers.lone import LoneRunner
from service.providers.opening import open_runner
from service.providers.options import Provider, ProviderOptions
from service.providers.parity import prove_one_by_one

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from service.bundles import Bundle
    from service.contract import Manifest
    from service.providers.runners import Runner

_LOG: Final = logging.getLogger(__name__)

_RUN_SECONDS: Final = 0.018
"""How long a run of several images should take on the CPU. What a run costs besides its images,
some 0.3 ms, is then hardly seen; more images were no faster, and each takes memory."""

_FEW: Final = 3
"""Images of a run that takes longer than that, up to ``_LONG_SECONDS``: they share the reading of
the weights."""

_LONG_SECONDS: Final = 0.04
_FEWEST: Final = 2
"""Images of a run that takes even longer."""

_OPENVINO_IMAGES: Final = 8
"""Images of a run on OpenVINO: as fast each as in larger ones, and others come meanwhile."""


class Classifier(Protocol):
    """Whatever turns pixels into logits; ``run`` may be called from several threads at once."""

    @property
    def manifest(self) -> Manifest:
        """Return what the model says about itself."""
        ...

    @property
    def provider(self) -> str:
        """Return what it runs on, as a metric's label: ``cpu``, ``cuda``, ``openvino``."""
        ...

    @property
    def images_per_run(self) -> int:
        """Return how many images a run should have at most."""
        ...

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the evidence of pixels ``[N, H, W, C]``: finite, ``[N, manifest.evidence_size]``.

        Logits in the order of the labels, and behind them the familiarity where the model has one.
        """
        ...


class OnnxClassifier:
    """An ONNX Runtime session over one bundle.

    ``run`` is thread-safe; it and the building of the session release the interpreter's lock, so
    that in a thread neither stalls an event loop (``bench.reload``).
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        provider: Provider = "auto",
        intra_op_threads: int = 1,
        options: ProviderOptions | None = None,
    ) -> None:
        """Open the graph, check its signature against the manifest, and prove its provider.

        ``intra_op_threads`` is how many threads work on one batch; parallel batches come from
        parallel calls of ``run``.

        Raises:
            BundleError: the graph cannot be loaded, or is not what the manifest says.
            ProviderUnavailable: a provider was named that cannot work here.
        """
        self.manifest = bundle.manifest
        options = options or ProviderOptions()
        opened = open_runner(bundle, provider, intra_op_threads=intra_op_threads, options=options)
        self._runner, self.provider, self._on_cpu = opened.runner, opened.provider, opened.on_cpu
        self.images_per_run = options.max_batch
        self._lone_threads = options.lone_threads
        _LOG.info(
            "model %s/%s runs on %s (asked for: %s), intra-op threads: %d",
            bundle.manifest.name,
            bundle.manifest.version,
            self.provider,
            provider,
            intra_op_threads,
        )

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the evidence, float32 ``[N, evidence_size]``, of uint8 pixels ``[N, H, W, C]``.

        Raises:
            ValueError: the batch is not of the manifest's shape, or not uint8, or empty.
            InferenceFailed: the session failed, or gave anything but finite numbers.
        """
        spec = self.manifest.input
        expected = (spec.height, spec.width, spec.channels)
        if batch.dtype != np.uint8 or batch.shape[1:] != expected or len(batch) < 1:
            message = f"expected uint8 [N, {expected}], got {batch.dtype} {batch.shape}"
            raise ValueError(message)
        try:
            outputs = self._runner.run(batch)
            evidence = np.column_stack(outputs) if len(outputs) > 1 else np.asarray(outputs[0])
        except Exception as error:
            raise InferenceFailed from error
        if evidence.shape != (len(batch), self.manifest.evidence_size):
            raise InferenceFailed
        if not np.isfinite(evidence).all():
            raise InferenceFailed
        return evidence

    def warm_up(self, max_batch: int) -> None:
        """Run batches, so that no request pays for a first time, and settle ``images_per_run``.

        The CPU has little to prepare, and one image and two show what it says: the first run of
        many takes a tenth longer than later ones, and would be waited for at every start. A run
        takes as long as its images do there, and so it has no more than fit in ``_RUN_SECONDS``,
        or a few.
        OpenVINO compiles for each size, up to a tenth of a second, and gains nothing by more than
        a few images. Others compile something for each bucket of batch sizes, and gain by large
        ones.
        """
        if self.provider != "cpu":
            on_openvino = self.provider == "openvino"
            largest = min(max_batch, _OPENVINO_IMAGES) if on_openvino else max_batch
            for size in range(1, largest + 1) if on_openvino else bucket_sizes(largest):
                self._timed(size)
            self.images_per_run = largest
            return
        sizes = [size for size in (1, _FEWEST, 1) if size <= max_batch]
        each = min(self._timed(size) / size for size in sizes)
        fit = min(max(_FEW, int(_RUN_SECONDS / each)), int(_LONG_SECONDS / each))
        self.images_per_run = min(max_batch, max(_FEWEST, fit))
        _LOG.info("up to %d images a run, at %.1f ms each", self.images_per_run, 1e3 * each)

    def _timed(self, size: int) -> float:
        """Return how many seconds a run of so many black images takes."""
        batch = self._black(size)
        started = time.perf_counter()
        self.run(batch)
        return time.perf_counter() - started

    def _black(self, count: int) -> NDArray[np.uint8]:
        spec = self.manifest.input
        return np.zeros((count, spec.height, spec.width, spec.channels), np.uint8)

    def widen(self) -> threading.Thread | None:
        """Have a session for lone images built, where one was asked for, in a thread of its own."""
        graph = self._on_cpu
        if graph is None or self._lone_threads == 1:
            return None
        narrow = self._runner
        self._runner = lone = LoneRunner(narrow)

        def build() -> Runner:
            wide = graph.lone_runner(self._lone_threads)
            prove_one_by_one(wide, narrow, self.manifest.input)
            return wide

        return lone.widen(build, self._black(1))
