"""Whether the client is still there: work for one who left is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from starlette.requests import Request


class ClientLeft(Exception):
    """The connection closed before the answer; not an error, as nobody is left to be told."""


EXTENSION: Final = "rotulo.departure"
"""In a scope's extensions, with the ``Departure`` of its connection as ``departure``."""


class Departure:
    """Tells whoever asked that a connection is lost; belongs to the event loop."""

    def __init__(self) -> None:
        self.lost = False
        self._told: set[Callable[[], None]] = set()

    def tell(self, listener: Callable[[], None]) -> None:
        """Have a listener called when the connection is lost; at once if it is already."""
        if self.lost:
            listener()
        else:
            self._told.add(listener)

    def forget(self, listener: Callable[[], None]) -> None:
        """Do not call it any more."""
        self._told.discard(listener)

    def happen(self) -> None:
        """Tell them."""
        self.lost = True
        for listener in tuple(self._told):
            listener()


class ClientPresence:
    """Cancels the body of an ``async with`` when the client closes the connection.

    To be entered once the request's body is read, since it is the only reader of ``receive`` from
    then on, where the server does not tell by ``EXTENSION``. Leaving by any other way stops the
    listening. Like ``asyncio.timeout``, it turns only its own cancellation into an exception of its
    own.

    Raises:
        ClientLeft: on leaving, when the client was gone first.
    """

    def __init__(self, request: Request) -> None:
        self._receive = request.receive
        told = request.scope.get("extensions", {}).get(EXTENSION, {})
        self._departure: Departure | None = told.get("departure")
        self._listening: asyncio.Task[None] | None = None
        self._left = False

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a client's presence is watched from a task")
        self._task = task
        if self._departure is not None:
            self._departure.tell(self._leave)
        else:
            self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._departure is not None:
            self._departure.forget(self._leave)
        if self._listening is not None:
            self._listening.cancel()
        if self._left and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise ClientLeft from error

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        self._left = True
        self._task.cancel()
