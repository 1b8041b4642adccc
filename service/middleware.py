"""The edge of the application: what holds for every request, whichever route answers it.

Pure ASGI, and outermost: an identifier in and out, headers, one count and one log line for each
request that ends, and an answer to whatever the layers below failed to answer.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from typing import Final

import structlog
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import NotReady
from service.identifiers import identifier
from service.metrics import CLIENT_LEFT, UNMATCHED
from service.presence import ClientLeft
from service.problems import answer_problem
from service.stages import server_timing
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

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


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
        headers = HTTPConnection(scope).headers
        given = headers.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else identifier()
        self.trace = trace_of(headers, sample=state.tracer is not None)
        scope.setdefault("state", {}).update(request_id=self.request_id, trace=self.trace)

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on; with its last part, the request has ended."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message["headers"] = self._headers(message.get("headers", ()))
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.finish()
        await self._send(message)

    def _headers(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return a route's headers with ours, which stand in the place of its own of that name."""
        kept = self._scope["state"]
        ours = {"x-request-id": self.request_id, **self.trace.fields(), **kept.get("fields", {})}
        if stages := kept.get("stages"):
            ours["server-timing"] = server_timing(stages)
        if self._state.leaving:
            # So that no client finds its idle connection closed as it sends the next request.
            ours["connection"] = "close"
        raw = {name.lower().encode(): value.encode("latin-1") for name, value in ours.items()}
        headers = [(name, value) for name, value in given if name not in raw]
        present = {name for name, _ in headers}
        headers += raw.items()
        headers += (default for default in _DEFAULTS if default[0] not in present)
        return headers

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
            spans = self._scope["state"].get("spans", ())
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


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}
