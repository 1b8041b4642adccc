"""Run a bundle's graph: raw pixels in, logits out, on the provider that was asked for.

Nothing falls back in silence: CUDA that was asked for and cannot work stops the start, and ``auto``
says what it took. What a session really uses is read from the session, because ONNX Runtime lists
CUDA as available wherever its code was compiled in.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Literal, Protocol, cast

import numpy as np
import onnxruntime

from service.cuda import cuda_obstacle
from service.errors import BundleError, InferenceFailed, ProviderUnavailable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from service.bundles import Bundle
    from service.contract import Manifest

Provider = Literal["auto", "cpu", "cuda"]

INPUT_NAME: Final = "image"
OUTPUT_NAME: Final = "logits"
FAMILIARITY_NAME: Final = "familiarity"

_LOG: Final = logging.getLogger(__name__)
_CUDA: Final = "CUDAExecutionProvider"
_CPU: Final = "CPUExecutionProvider"
_CUDA_OPTIONS: Final = {
    # An exhaustive search costs seconds for each new shape and finds nothing better here.
    "cudnn_conv_algo_search": "HEURISTIC",
    # The default doubles the arena, and keeps what a single large batch once needed twice over.
    "arena_extend_strategy": "kSameAsRequested",
}


class Classifier(Protocol):
    """Whatever turns pixels into logits; ``run`` may be called from several threads at once."""

    @property
    def manifest(self) -> Manifest:
        """Return what the model says about itself."""
        ...

    @property
    def provider(self) -> str:
        """Return what it runs on, as a metric's label: ``cpu`` or ``cuda``."""
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
        self, bundle: Bundle, *, provider: Provider = "auto", intra_op_threads: int = 1
    ) -> None:
        """Open the graph and check its signature against the manifest.

        ``intra_op_threads`` is how many threads work on one batch; parallel batches come from
        parallel calls of ``run``.

        Raises:
            BundleError: the graph cannot be loaded, or is not what the manifest says.
            ProviderUnavailable: CUDA was asked for and cannot work here.
        """
        self.manifest = bundle.manifest
        self._outputs = list(_outputs(bundle.manifest))
        self._session = _open_session(bundle, provider, intra_op_threads)
        self.provider = "cuda" if _CUDA in self._session.get_providers() else "cpu"
        _check_signature(bundle, self._session)
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
            outputs = self._session.run(self._outputs, {INPUT_NAME: batch})
            evidence = np.column_stack(outputs) if len(outputs) > 1 else np.asarray(outputs[0])
        except Exception as error:
            raise InferenceFailed from error
        if evidence.shape != (len(batch), self.manifest.evidence_size):
            raise InferenceFailed
        if not np.isfinite(evidence).all():
            raise InferenceFailed
        return cast("NDArray[np.float32]", evidence)

    def warm_up(self, max_batch: int) -> None:
        """Run each bucket of batch sizes once, so that no request pays for a first time."""
        spec = self.manifest.input
        for size in bucket_sizes(max_batch):
            self.run(np.zeros((size, spec.height, spec.width, spec.channels), np.uint8))


def bucket_sizes(max_batch: int) -> tuple[int, ...]:
    """Return the powers of two below the largest batch, and the largest batch."""
    return (*(2**power for power in range((max_batch - 1).bit_length())), max_batch)


def _open_session(
    bundle: Bundle, provider: Provider, intra_op_threads: int
) -> onnxruntime.InferenceSession:
    wants_cuda = provider != "cpu"
    obstacle = cuda_obstacle() if wants_cuda else None
    if wants_cuda and obstacle is None:
        session = _build(bundle, [(_CUDA, _CUDA_OPTIONS), _CPU], intra_op_threads)
        if _CUDA in session.get_providers():
            return session
        obstacle = (
            "ONNX Runtime could not use the GPU; is one visible, and its driver recent enough?"
        )
    if provider == "cuda":
        message = f"CUDA was asked for and cannot work here: {obstacle}"
        raise ProviderUnavailable(message)
    if obstacle:
        _LOG.info("running on the CPU: %s", obstacle)
    return _build(bundle, [_CPU], intra_op_threads)


def _build(
    bundle: Bundle, providers: list[object], intra_op_threads: int
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    # A spinning thread burns a core that decoding could use.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(bundle.model_path, options, providers=providers)
    except Exception as error:
        message = f"{bundle.model_path} cannot be loaded by ONNX Runtime; export the bundle again"
        raise BundleError(message) from error


def _check_signature(bundle: Bundle, session: onnxruntime.InferenceSession) -> None:
    """Compare the graph with the manifest; the first axis must be free in both directions."""
    spec = bundle.manifest.input
    found = {f"input {node.name}": (node.type, *node.shape) for node in session.get_inputs()} | {
        f"output {node.name}": (node.type, *node.shape)
        for node in session.get_outputs()
        if node.name in _outputs(bundle.manifest)
    }
    expected = {
        f"input {INPUT_NAME}": ("tensor(uint8)", spec.height, spec.width, spec.channels),
        **{
            f"output {name}": ("tensor(float)", *axes)
            for name, axes in _outputs(bundle.manifest).items()
        },
    }
    seen = {name: (kind, *axes[1:]) for name, (kind, *axes) in found.items() if _is_free(axes)}
    if seen != expected:
        message = (
            f"{bundle.model_path} takes and gives {found}, where its manifest says {expected} "
            f"after a free first axis; export the bundle again"
        )
        raise BundleError(message)


def _outputs(manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """Return the outputs that the graph must have, each with its axes after the free first one."""
    outputs: dict[str, tuple[int, ...]] = {OUTPUT_NAME: (len(manifest.labels),)}
    if manifest.abstention.familiarity is not None:
        outputs[FAMILIARITY_NAME] = ()
    return outputs


def _is_free(axes: list[int | str | None]) -> bool:
    return bool(axes) and not isinstance(axes[0], int)
