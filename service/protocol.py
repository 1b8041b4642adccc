"""HTTP/1.1 as uvicorn speaks it, with bounds on what a client may do before we know what it wants.

uvicorn waits for ever for a request's head, lets it grow without end, and reads the rest of a body
that was refused for as long as it comes. Here each of the three has an end.
"""

from __future__ import annotations

import asyncio
import uuid
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.errors import BadRequest
from service.metrics import UNMATCHED
from service.problems import MEDIA_TYPE, problem_of
from service.state import ServiceState
from service.wording import DEFAULT_LANG

MAX_HEAD_BYTES: Final = 64 * 1024
"""Request line and headers; what comes in the same read as the last of them is counted too late."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection; the settings' time for uploads also bounds heads and unwanted bodies."""

    def __init__(self, service: ServiceState, **kwargs: Any) -> None:  # uvicorn's
        super().__init__(**kwargs)
        self._service = service
        self._seconds = service.settings.upload_timeout_seconds
        self._head_bytes: int | None = 0  # None while a body is being read
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and see that a head comes to its end."""
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._head_bytes is None:
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("Request head too large.")
        elif self._timer is None:
            self._arm()

    def on_headers_complete(self) -> None:
        """Pass on to the application, which has its own time for the body."""
        self._head_bytes = None
        self._disarm()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Begin to wait for the next head."""
        super().on_message_complete()
        self._head_bytes = 0
        self._disarm()

    def on_response_complete(self) -> None:
        """Give a client that is still sending a body that was refused time to stop."""
        super().on_response_complete()
        if self._head_bytes is None and self._timer is None:
            self._arm()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's words, not ours
        """Answer what is no HTTP with a problem, count it, and hang up."""
        self._disarm()
        error = BadRequest()
        body = problem_of(error, DEFAULT_LANG, uuid.uuid4().hex).model_dump_json().encode()
        status = HTTPStatus(error.status)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self._service.metrics.count_request(UNMATCHED, "other", str(error.status), 0.0)
        self._service.metrics.count_rejection(error.slug)
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _arm(self) -> None:
        self._timer = self.loop.call_later(self._seconds, self._give_up)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        # uvicorn's types forget that there is no cycle before the first request.
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]
            self._arm()  # an earlier request of this connection is still being answered
        else:
            self.transport.close()
