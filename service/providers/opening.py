"""From a bundle to a runner that is proven, on the first provider that can."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import onnxruntime

from service.errors import BundleError, ProviderUnavailable
from service.giving_way import INFERRING, give_way
from service.providers.attempts import (
    CPU,
    OBSTACLES,
    TITLES,
    Attempt,
    accelerators,
    attempts_of,
)
from service.providers.cpu import CpuGraph, base_options
from service.providers.parity import ROUNDED, AnswersDiffer, prove
from service.providers.runners import BoundRunner, Runner, SessionRunner
from service.providers.signature import check_signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.bundles import Bundle
    from service.providers.options import Provider, ProviderOptions

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """What runs a graph, and the provider's name as a metric's label.

    On the CPU also what builds more sessions of the graph there.
    """

    runner: Runner
    provider: str
    on_cpu: CpuGraph | None = None


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
    on_cpu = CpuGraph(bundle)
    serving, reference = on_cpu.runners(intra_op_threads)
    reasons = []
    for accelerator in accelerators(provider, options):
        if obstacle := OBSTACLES[accelerator]():
            reasons.append(obstacle)
            continue
        ways = attempts_of(accelerator, options, bundle.manifest.input, intra_op_threads)
        if on_cpu.in_8_bits:
            ways = tuple(replace(way, within=max(way.within, ROUNDED)) for way in ways)
        opened, why = _first_fit(bundle, ways, reference, intra_op_threads, options)
        if opened is not None:
            return Opened(opened, accelerator)
        reasons += why
    if provider not in {"auto", "cpu"}:
        message = f"{TITLES[provider]} was asked for and cannot work here: {'; '.join(reasons)}"
        raise ProviderUnavailable(message)
    if reasons:
        _LOG.info("running on the CPU: %s", "; ".join(reasons))
    return Opened(serving, "cpu", on_cpu)


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
            apart = prove(runner, reference, bundle.manifest.input, within=attempt.within)
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


def _build(
    bundle: Bundle, asked: Sequence[tuple[str, object]], intra_op_threads: int
) -> onnxruntime.InferenceSession:
    # Without its fall-back, which would go on in silence on the CPU, at the start and in any run.
    return onnxruntime.InferenceSession(
        bundle.model_path,
        base_options(intra_op_threads),
        providers=[*asked, CPU],
        enable_fallback=0,
    )


def _build_aside(
    bundle: Bundle, asked: Sequence[tuple[str, object]], intra_op_threads: int
) -> onnxruntime.InferenceSession:
    """Build a session in a thread that gives way: OpenVINO's own threads are as nice as it is."""
    with ThreadPoolExecutor(1, "loading", initializer=give_way, initargs=(INFERRING,)) as nicer:
        return nicer.submit(_build, bundle, asked, intra_op_threads).result()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
