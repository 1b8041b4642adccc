"""A bundle's graph on the CPU, for as many sessions as are asked of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import onnxruntime

from service.errors import BundleError
from service.providers.arena import use_shared_arena
from service.providers.attempts import CPU
from service.providers.enlarging import graph_of
from service.providers.onnx_file import operators
from service.providers.optimised import OptimisedGraph, optimise
from service.providers.parity import ROUNDED, AnswersDiffer, prove_one_by_one
from service.providers.runners import Runner, SessionRunner
from service.providers.signature import check_signature
from service.providers.spreading import SpreadRunner

if TYPE_CHECKING:
    from pathlib import Path

    from service.bundles import Bundle

_LOG: Final = logging.getLogger(__name__)

_ROUNDING: Final = frozenset({"QuantizeLinear", "DynamicQuantizeLinear"})
"""The operators by which a graph says what is in 8 bits."""

_Options: TypeAlias = Callable[[], onnxruntime.SessionOptions]

_NOT_SHARED: Final = "each session has weights of its own: %s"


class CpuGraph:
    """Builds sessions of one bundle's graph, which share its weights where they can.

    A graph in 8 bits runs by integer kernels where they say what the graph says computed in
    float32, and else in float32: ONNX Runtime 1.24.1's get other labels on processors with AMX.
    Its sessions share nothing, since each packs the weights for its integer kernels.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Read the file; whether it is a graph is seen when it is run."""
        self._bundle = bundle
        self.in_8_bits = not operators(bundle.model_path).isdisjoint(_ROUNDING)
        self._shared: OptimisedGraph | None = None
        if not self.in_8_bits:
            try:
                with graph_of(bundle.model_path) as graph:
                    self._shared = optimise(graph)
            except Exception as error:  # noqa: BLE001  # ONNX Runtime's errors have no public base
                _LOG.info(_NOT_SHARED, error)

    def lone_runner(self, threads: int) -> Runner:
        """Return what runs one batch at a time, by so many threads that spin meanwhile.

        Raises:
            BundleError: as ``runners``.
        """
        return SpreadRunner(lambda: self.runners(threads, spinning=True)[0])

    def runners(self, intra_op_threads: int, *, spinning: bool = False) -> tuple[Runner, Runner]:
        """Return what serves, with so many threads a run, and what others are held against.

        Raises:
            BundleError: the graph cannot be loaded, or is not what the manifest says.
        """
        options = partial(_cpu_options, intra_op_threads, spinning=spinning)
        runner = self._runner(options)
        if not self.in_8_bits:
            return runner, runner
        as_written = self._runner(partial(options, integer_kernels=False), as_written=True)
        manifest = self._bundle.manifest
        try:
            prove_one_by_one(runner, as_written, manifest.input, within=ROUNDED)
        except AnswersDiffer as error:
            _LOG.warning(
                "8-bit kernels get model %s/%s wrong here, it is computed in float32: %s",
                manifest.name,
                manifest.version,
                error,
            )
            return as_written, as_written
        return runner, as_written

    def _runner(self, options: _Options, *, as_written: bool = False) -> Runner:
        try:
            session = (
                _open(self._bundle.model_path, options) if as_written else self._session(options)
            )
        except Exception as error:
            message = (
                f"{self._bundle.model_path} cannot be loaded by ONNX Runtime; "
                f"export the bundle again"
            )
            raise BundleError(message) from error
        check_signature(self._bundle, session)
        return SessionRunner(session, self._bundle.manifest, reads=self._shared)

    def _session(self, options: _Options) -> onnxruntime.InferenceSession:
        if self._shared is not None:
            try:
                return self._shared.session(options())
            except Exception as error:  # noqa: BLE001  # ONNX Runtime's errors have no public base
                # Weights of a branch within the graph, for one, are not among those of the graph.
                _LOG.info(_NOT_SHARED, error)
                self._shared = None
        written = self._bundle.model_path
        with graph_of(written) as graph:
            try:
                return _open(graph, options)
            except Exception as error:  # ONNX Runtime's errors have no public base
                if graph == written:
                    raise
                _LOG.warning("enlargements stay as they are written: %s", error)
        return _open(written, options)


def _open(model: Path, options: _Options) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model, options(), providers=[CPU], enable_fallback=0)


def _cpu_options(
    intra_op_threads: int, *, integer_kernels: bool = True, spinning: bool = False
) -> onnxruntime.SessionOptions:
    options = base_options(intra_op_threads, spinning=spinning)
    # What was planned for each shape that came is kept beside the rest: a third more memory on the
    # CPU, and no faster.
    options.enable_mem_pattern = False
    if integer_kernels:
        use_shared_arena(options)
    else:  # which is here for the proof, and gives its memory back
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    return options


def base_options(intra_op_threads: int, *, spinning: bool = False) -> onnxruntime.SessionOptions:
    """Return what holds for a session on any provider; threads may spin as long as a run lasts."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    # A spinning thread burns a core that decoding could use.
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options
