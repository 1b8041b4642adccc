"""Whether the client is still there: work for one who left is given up."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from starlette.types import Receive


class ClientLeft(Exception):
    """The connection closed before the answer; not an error, as nobody is left to be told."""


class ClientPresence:
    """Cancels the body of an ``async with`` when the client closes the connection.

    To be entered once the request's body is read, since it is the only reader of ``receive`` from
    then on. Leaving by any other way stops the listening. Like ``asyncio.timeout``, it turns only
    its own cancellation into an exception of its own.

    Raises:
        ClientLeft: on leaving, when the client was gone first.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = False

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a client's presence is watched from a task")
        self._task = task
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.cancel()
        if self._left and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise ClientLeft from error

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._task.cancel()
