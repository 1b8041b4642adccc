"""Spans as OpenTelemetry has them; the one module that imports it."""

from __future__ import annotations

from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from service.identifiers import identifier
from service.trace_context import TraceContext
from service.tracing import EXPORT_SECONDS, MAX_QUEUED_SPANS, EndedRequest, wall_clock_ns
from service.version import VERSION

_SERVER_ERRORS: Final = 500


class OtlpTracer:
    """Sends spans to a collector from a thread of its own."""

    def __init__(self, endpoint: str) -> None:
        """Take the address for traces, usually ``http://HOST:4318/v1/traces``."""
        self._resource = Resource({"service.name": "rotulo", "service.version": VERSION})
        self._processor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS),
            max_queue_size=MAX_QUEUED_SPANS,
        )

    def record(self, trace: TraceContext, request: EndedRequest) -> None:
        """Queue the span of a request, and one below it for each stage."""
        if not trace.sampled:
            return
        own = _context(trace.trace_id, trace.span_id)
        failed = request.status >= _SERVER_ERRORS
        self._processor.on_end(
            ReadableSpan(
                name=f"{request.method} {request.route}",
                context=own,
                parent=_context(trace.trace_id, trace.parent_id) if trace.parent_id else None,
                resource=self._resource,
                attributes={
                    "http.request.method": request.method,
                    "http.route": request.route,
                    "http.response.status_code": request.status,
                },
                kind=SpanKind.SERVER,
                status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
                start_time=wall_clock_ns(request.started),
                end_time=wall_clock_ns(request.ended),
            )
        )
        for stage in request.spans:
            self._processor.on_end(
                ReadableSpan(
                    name=stage.name,
                    context=_context(trace.trace_id, identifier(8)),
                    parent=own,
                    resource=self._resource,
                    kind=SpanKind.INTERNAL,
                    start_time=wall_clock_ns(stage.started),
                    end_time=wall_clock_ns(stage.ended),
                )
            )

    def close(self) -> None:
        """Send what is left."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
