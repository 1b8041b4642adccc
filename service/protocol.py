"""HTTP/1.1 as uvicorn speaks it, with bounds on what a client may do before we know what it wants.

uvicorn waits for ever for a request's head, lets it grow without end, reads the rest of a body
that was refused for as long as it comes, and takes any number of connections. Here each of the four
has an end.

A connection that is to be closed before all of a body has come is closed on our side alone at
first. Were it closed at once, the client's next bytes would be answered by a reset, which throws
away the answer that it has not read yet: a broken pipe in the place of a 413.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.errors import BadRequest, Overloaded, RotuloError
from service.identifiers import identifier
from service.metrics import UNMATCHED
from service.presence import EXTENSION, Departure
from service.problems import MEDIA_TYPE, problem_of
from service.state import ServiceState
from service.wording import DEFAULT_LANG

MAX_HEAD_BYTES: Final = 64 * 1024
"""Request line and headers; what comes in the same read as the last of them is counted too late."""

RESERVED_CONNECTIONS: Final = 32
"""Above the bound: they are answered with a 503, save those of ``ALWAYS_ANSWERED``; no more."""

ALWAYS_ANSWERED: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Who floods the port should not make a platform restart the service, or an operator blind."""

LINGER_IDLE_SECONDS: Final = 2.0
"""How long a client that was answered may pause in a body that nobody wants."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection; the settings' time for uploads also bounds heads and unwanted bodies."""

    def __init__(self, service: ServiceState, **kwargs: Any) -> None:  # uvicorn's
        super().__init__(**kwargs)
        self._service = service
        self._seconds = service.settings.upload_timeout_seconds
        self._bound = service.settings.max_connections
        self._surplus = False
        self._head_bytes: int | None = 0  # None while a body is being read
        self._timer: asyncio.TimerHandle | None = None
        self._linger_until: float | None = None
        self._departure = Departure()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request, where there is room for one more client."""
        super().connection_made(transport)
        self._count()
        self._surplus = len(self.connections) > self._bound
        if len(self.connections) > self._bound + RESERVED_CONNECTIONS:
            self._answer(self._full())
            self.transport.close()
        else:
            self._arm(self._seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._disarm()
        super().connection_lost(exc)
        self._departure.happen()
        self._count()

    def data_received(self, data: bytes) -> None:
        """Take what came, and see that a head comes to its end."""
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._linger_until is not None:
            self._linger()
        elif self._head_bytes is None:
            return
        elif self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("Request head too large.")
        elif self._timer is None:
            self._arm(self._seconds)

    def on_headers_complete(self) -> None:
        """Pass on to the application, which has its own time for the body."""
        self._head_bytes = None
        self._disarm()
        if self._linger_until is not None:
            return  # more requests than one on a connection that is being closed
        if self._surplus and self.url.partition(b"?")[0].decode("latin-1") not in ALWAYS_ANSWERED:
            self._answer(self._full())
            self.hang_up()
            return
        super().on_headers_complete()
        # Nothing of the application has run yet.
        self.scope["extensions"] = {EXTENSION: {"departure": self._departure}}
        self.cycle.transport = _Lingering(self.transport, self.hang_up)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        """Keep it for the application, or throw it away where the answer has been given."""
        if self._linger_until is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin to wait for the next head, or close what was to be closed."""
        self._head_bytes = 0
        self._disarm()
        if self._linger_until is None:
            super().on_message_complete()
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Give a client that is still sending a body that was refused time to stop."""
        if self._linger_until is not None:
            self.flow.resume_reading()
            return
        super().on_response_complete()
        if self._head_bytes is None and self._timer is None:
            self._arm(self._seconds)

    def hang_up(self) -> None:
        """Close the connection; while a body comes, only our side of it, and soon the rest."""
        if self._head_bytes is not None or self.transport.is_closing():
            self.transport.close()
        elif self._linger_until is None:
            self._linger_until = self.loop.time() + self._seconds
            self.transport.write_eof()
            self._linger()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's words, not ours
        """Answer what is no HTTP with a problem, count it, and hang up."""
        self._disarm()
        self._answer(BadRequest())
        self.transport.close()

    def _full(self) -> Overloaded:
        """Return what is told to a client for whom there is no connection."""
        return Overloaded(self._service.book_turn())

    def _answer(self, error: RotuloError) -> None:
        """Answer before there is a request that the application could see."""
        body = problem_of(error, DEFAULT_LANG, identifier()).model_dump_json().encode()
        status = HTTPStatus(error.status)
        fields = {
            "content-type": MEDIA_TYPE,
            "content-length": str(len(body)),
            "cache-control": "no-store",
            "connection": "close",
            **error.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\n{lines}\r\n"
        self._service.metrics.count_request(UNMATCHED, "other", str(error.status), 0.0)
        self._service.metrics.count_rejection(error.slug)
        self.transport.write(head.encode() + body)

    def _count(self) -> None:
        self._service.metrics.connections.set(len(self.connections))

    def _linger(self) -> None:
        """Wait on for the end of an unwanted body, as long as it comes, and not too long."""
        self._disarm()
        left = (self._linger_until or 0.0) - self.loop.time()
        if left > 0:
            self._arm(min(LINGER_IDLE_SECONDS, left))
        else:
            self._give_up()  # a timer would never ring: each read disarms it before its turn

    def _arm(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._give_up)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        # uvicorn's types forget that there is no cycle before the first request.
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]
            self._arm(self._seconds)  # an earlier request is still being answered
        else:
            self.transport.close()


class _Lingering:
    """What an answer is written to; closing it lets a client read it first."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close
