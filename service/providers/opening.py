"""From a bundle to a runner that is proven, on the first provider that can."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import onnxruntime

from service.errors import BundleError, ProviderUnavailable
from service.giving_way import give_way
from service.providers.arena import use_shared_arena
from service.providers.attempts import (
    CPU,
    OBSTACLES,
    TITLES,
    Attempt,
    accelerators,
    attempts_of,
)
from service.providers.parity import ROUNDED, AnswersDiffer, prove, prove_one_by_one
from service.providers.runners import BoundRunner, Runner, SessionRunner
from service.providers.signature import check_signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.bundles import Bundle
    from service.providers.options import Provider, ProviderOptions

_LOG: Final = logging.getLogger(__name__)

_ROUNDING: Final = b"QuantizeLinear"
"""The operator by which a graph says what is in 8 bits (QDQ), as its file holds it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What runs a graph, and the provider's name as a metric's label."""

    runner: Runner
    provider: str


class _Unfit(Exception):
    """An attempt that cannot serve this graph here; the message says why."""


def open_runner(
    bundle: Bundle, provider: Provider, *, intra_op_threads: int, options: ProviderOptions
) -> Opened:
    """Return the bundle's graph on the provider that was asked for, or the first that can.

    Raises:
        BundleError: the graph cannot be loaded, or is not what the manifest says.
        ProviderUnavailable: a provider was named that cannot work here, or not with this graph.
    """
    # First, so that a broken bundle is told as one wherever it was meant to run.
    on_cpu, reference = _cpu_runners(bundle, intra_op_threads)
    reasons = []
    for accelerator in accelerators(provider, options):
        if obstacle := OBSTACLES[accelerator]():
            reasons.append(obstacle)
            continue
        ways = attempts_of(accelerator, options, bundle.manifest.input, intra_op_threads)
        opened, why = _first_fit(bundle, ways, reference, intra_op_threads, options)
        if opened is not None:
            return Opened(opened, accelerator)
        reasons += why
    if provider not in {"auto", "cpu"}:
        message = f"{TITLES[provider]} was asked for and cannot work here: {'; '.join(reasons)}"
        raise ProviderUnavailable(message)
    if reasons:
        _LOG.info("running on the CPU: %s", "; ".join(reasons))
    return Opened(on_cpu, "cpu")


def _first_fit(
    bundle: Bundle,
    ways: Sequence[Attempt],
    reference: Runner,
    intra_op_threads: int,
    options: ProviderOptions,
) -> tuple[Runner | None, list[str]]:
    """Return the runner of the first attempt that serves, and why those before it did not."""
    reasons = []
    for attempt in ways:
        try:
            runner = _try(bundle, attempt, intra_op_threads, options)
            within = max(attempt.within, ROUNDED) if _in_8_bits(bundle) else attempt.within
            apart = prove(runner, reference, bundle.manifest.input, within=within)
        except (_Unfit, AnswersDiffer) as error:
            reasons.append(f"{attempt.title}: {error}")
            continue
        except BundleError:
            raise
        except Exception as error:  # noqa: BLE001  # ONNX Runtime's errors have no public base
            reasons.append(f"{attempt.title}: {_first_line(error)}")
            continue
        for why in reasons:
            _LOG.warning("%s", why)
        _LOG.info("%s gives the CPU's logits within %.2g", attempt.title, apart)
        return runner, reasons
    return None, reasons


def _try(
    bundle: Bundle, attempt: Attempt, intra_op_threads: int, options: ProviderOptions
) -> Runner:
    """Return a runner of one attempt, warm where it has buffers."""
    build = _build_aside if attempt.provider == "openvino" else _build
    session = build(bundle, attempt.asked, intra_op_threads)
    if attempt.execution not in session.get_providers():
        raise _Unfit(attempt.absent)
    check_signature(bundle, session)
    if attempt.device is None:
        return SessionRunner(session, bundle.manifest)
    bound = BoundRunner(
        session,
        bundle.manifest,
        attempt.device,
        max_batch=options.max_batch,
        graphs=attempt.graphs,
    )
    bound.warm_up()
    return bound


def cpu_runner(bundle: Bundle, intra_op_threads: int) -> Runner:
    """Return the bundle's graph on the CPU, with so many threads for each run.

    A graph in 8 bits runs by integer kernels where they say what the graph says computed in
    float32, and else in float32: ONNX Runtime 1.24.1's get other labels on processors with AMX.

    Raises:
        BundleError: it cannot be loaded, or is not what the manifest says.
    """
    return _cpu_runners(bundle, intra_op_threads)[0]


def _cpu_runners(bundle: Bundle, intra_op_threads: int) -> tuple[Runner, Runner]:
    """Return what serves on the CPU, and what other providers are held against."""
    runner = _cpu_runner(bundle, intra_op_threads)
    if not _in_8_bits(bundle):
        return runner, runner
    as_written = _cpu_runner(bundle, intra_op_threads, integer_kernels=False)
    try:
        prove_one_by_one(runner, as_written, bundle.manifest.input, within=ROUNDED)
    except AnswersDiffer as error:
        _LOG.warning(
            "8-bit kernels get model %s/%s wrong here, it is computed in float32: %s",
            bundle.manifest.name,
            bundle.manifest.version,
            error,
        )
        return as_written, as_written
    return runner, as_written


def _in_8_bits(bundle: Bundle) -> bool:
    return _ROUNDING in bundle.model_path.read_bytes()


def _cpu_runner(bundle: Bundle, intra_op_threads: int, *, integer_kernels: bool = True) -> Runner:
    try:
        session = _build(bundle, (), intra_op_threads, integer_kernels=integer_kernels)
    except Exception as error:
        message = f"{bundle.model_path} cannot be loaded by ONNX Runtime; export the bundle again"
        raise BundleError(message) from error
    check_signature(bundle, session)
    return SessionRunner(session, bundle.manifest)


def _build(
    bundle: Bundle,
    asked: Sequence[tuple[str, object]],
    intra_op_threads: int,
    *,
    integer_kernels: bool = True,
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    # A spinning thread burns a core that decoding could use.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    if not integer_kernels:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    if not asked:
        # What was planned for each shape that came is kept beside the rest: a third more memory on
        # the CPU, and no faster.
        options.enable_mem_pattern = False
        use_shared_arena(options)
    # Without its fall-back, which would go on in silence on the CPU, at the start and in any run.
    return onnxruntime.InferenceSession(
        bundle.model_path, options, providers=[*asked, CPU], enable_fallback=0
    )


def _build_aside(
    bundle: Bundle, asked: Sequence[tuple[str, object]], intra_op_threads: int
) -> onnxruntime.InferenceSession:
    """Build a session in a thread that gives way: OpenVINO's own threads are as nice as it is."""
    with ThreadPoolExecutor(1, "loading", initializer=give_way) as nicer:
        return nicer.submit(_build, bundle, asked, intra_op_threads).result()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
