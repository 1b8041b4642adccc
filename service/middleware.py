"""The edge of the application: what holds for every request, whichever route answers it.

Pure ASGI, and outermost: an identifier in and out, headers, one count and one log line for each
request that ends, and an answer to whatever the layers below failed to answer.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from typing import Final, TypeAlias

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import NotReady
from service.identifiers import identifier
from service.metrics import CLIENT_LEFT, UNMATCHED
from service.presence import ClientLeft
from service.problems import answer_problem
from service.stages import RequestStages, server_timing
from service.state import LEAVING, ServiceState
from service.trace_context import trace_of
from service.tracing import EndedRequest

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
DEFAULT_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""On every answer whose route did not set its own."""

_DEFAULTS: Final = tuple(
    (name.lower().encode(), value.encode()) for name, value in DEFAULT_HEADERS.items()
)

_DEFAULT_NAMES: Final = frozenset(name for name, _ in _DEFAULTS)

_Header: TypeAlias = tuple[bytes, bytes]
_REQUEST_ID: Final = b"x-request-id"
_SOUND_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Edge:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, state: ServiceState) -> None:
        self._app = app
        self._state = state
        # Bound once: a logger that is looked up for every line costs as much as its line.
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through, and see it to its end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, self._state, self._log)
        try:
            await self._app(scope, receive, exchange.send)
        except ClientLeft:
            pass
        except asyncio.CancelledError:
            # The server's drain time is over. Who still waits is told so, not cut off.
            await exchange.answer(NotReady(LEAVING))
            raise
        except Exception as error:  # noqa: BLE001  # the last resort is for whatever comes
            await exchange.answer(error)
        finally:
            exchange.finish()


class _Exchange:
    """One request and its answer."""

    def __init__(
        self,
        scope: Scope,
        send: Send,
        state: ServiceState,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._log = log
        self._scope = scope
        self._send = send
        self._state = state
        self._started = time.monotonic()
        self._status: int | None = None
        self._finished = False
        self.request_id = _request_id(scope["headers"])
        self.trace = trace_of(scope["headers"], sample=state.tracer is not None)
        scope.setdefault("state", {}).update(request_id=self.request_id, trace=self.trace)

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on; with its last part, the request has ended."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message["headers"] = self._headers(list(message.get("headers", ())))
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.finish()
        await self._send(message)

    def _headers(self, given: list[_Header]) -> list[_Header]:
        """Return a route's headers with ours, which stand in the place of its own of that name."""
        ours = self._own_headers()
        present = {name for name, _ in given}
        if not present.isdisjoint(own := {name for name, _ in ours}):
            given = [header for header in given if header[0] not in own]
        defaults: Iterable[_Header] = _DEFAULTS
        if not present.isdisjoint(_DEFAULT_NAMES):
            defaults = [default for default in _DEFAULTS if default[0] not in present]
        return [*given, *ours, *defaults]

    def _own_headers(self) -> list[_Header]:
        """Return what every answer says of its request."""
        kept = self._scope["state"]
        ours = [(_REQUEST_ID, self.request_id.encode()), *self.trace.fields()]
        for name, value in kept.get("fields", {}).items():
            ours.append((name.lower().encode(), value.encode("latin-1")))
        if (stages := kept.get("stages")) and stages.images:
            ours.append((b"server-timing", server_timing(stages.seconds()).encode()))
        if self._state.leaving:
            # So that no client finds its idle connection closed as it sends the next request.
            ours.append((b"connection", b"close"))
        return ours

    async def answer(self, error: Exception) -> None:
        """Answer with a problem, where the answer has not begun."""
        if self._status is None:
            response = await answer_problem(Request(self._scope), error)
            await response(self._scope, _nothing_more, self.send)
        else:
            self._log.error("answer broke off", request_id=self.request_id, exc_info=error)

    def finish(self) -> None:
        """Count and log the request, once."""
        if self._finished:
            return
        self._finished = True
        ended = time.monotonic()
        seconds = ended - self._started
        status = CLIENT_LEFT if self._status is None else str(self._status)
        method, route = self._scope["method"], self._route()
        self._state.metrics.count_request(route, method, status, seconds)
        if self._state.tracer is not None:
            stages: RequestStages | None = self._scope["state"].get("stages")
            spans = stages.spans() if stages else ()
            ending = EndedRequest(route, method, int(status), self._started, ended, spans)
            self._state.tracer.record(self.trace, ending)
        self._log.info(
            "request",
            request_id=self.request_id,
            trace_id=self.trace.trace_id,
            method=method,
            route=route,
            status=int(status),
            duration_ms=round(seconds * 1000, 3),
            **({"key": key} if (key := self._scope["state"].get("key")) else {}),
            **self._scope["state"].get("log", {}),
        )

    def _route(self) -> str:
        """Return the template of the route that matched, never the path that was asked for."""
        return getattr(self._scope.get("route"), "path", UNMATCHED)


def _request_id(headers: Iterable[_Header]) -> str:
    """Return the identifier that a client gave its request, or one of ours."""
    for name, value in headers:
        if name == _REQUEST_ID:
            return value.decode() if _SOUND_ID.fullmatch(value) else identifier()
    return identifier()


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}
