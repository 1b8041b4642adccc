"""Spans of each request, sent by OTLP over HTTP where an operator wants them.

OpenTelemetry is an extra, imported only where an endpoint is set. Spans are made when a request has
ended, of what was measured anyway; they wait in a queue of a few thousand for a thread that sends
them, and are dropped when it is full, so that a collector which is down costs labelling nothing.
A span holds the route's template, the method, the status and times: nothing that a client sent.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from service.errors import StartupError
from service.settings import Settings, variable
from service.stages import StageSpan
from service.trace_context import TraceContext

if TYPE_CHECKING:
    from service.otlp import OtlpTracer

MAX_QUEUED_SPANS: Final = 4096
EXPORT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class EndedRequest:
    """A request that ended, by the clock of ``time.monotonic()``."""

    route: str
    method: str
    status: int
    started: float
    ended: float
    spans: Sequence[StageSpan]


class Tracer(Protocol):
    """Takes requests that ended; never waits."""

    def record(self, trace: TraceContext, request: EndedRequest) -> None:
        """Take one request, and pass its spans on some time later."""
        ...

    def close(self) -> None:
        """Send what is left, within ``EXPORT_SECONDS``; blocks."""
        ...


def open_tracer(settings: Settings) -> OtlpTracer | None:
    """Return what sends spans; None where nobody wants them.

    Raises:
        StartupError: they are wanted, and the extra is not installed.
    """
    if not settings.otlp_endpoint:
        return None
    try:
        from service.otlp import OtlpTracer  # noqa: PLC0415  # the extra `tracing`
    except ImportError as error:
        raise StartupError(
            f"{variable('otlp_endpoint')} needs OpenTelemetry; install rotulo with its extra "
            f"`tracing`"
        ) from error
    return OtlpTracer(settings.otlp_endpoint)


def wall_clock_ns(moment: float) -> int:
    """Return a moment of ``time.monotonic()`` in nanoseconds since 1970."""
    return time.time_ns() - round((time.monotonic() - moment) * 1e9)
