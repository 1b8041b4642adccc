"""How long a client is willing to wait: `X-Request-Timeout-Ms`.

A deadline is a time of the event loop's clock. What has passed it is never run, and what cannot
meet it is refused before it costs anything.
"""

from __future__ import annotations

import asyncio
import math
from typing import Annotated, Final

from fastapi import Depends, Header
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from starlette.requests import Request

HEADER: Final = "X-Request-Timeout-Ms"
MAX_MILLISECONDS: Final = 3_600_000
_Milliseconds = Annotated[int, Field(ge=1, le=MAX_MILLISECONDS)]


async def take_deadline(
    request: Request,
    timeout_ms: Annotated[
        _Milliseconds | SkipJsonSchema[None],  # a header may be absent, but it is never null
        Header(
            alias=HEADER,
            description="Milliseconds that the client waits, from the head of its request on, its "
            "upload included. The service's own limit holds too.",
        ),
    ] = None,
) -> None:
    """Keep a request's deadline, for ``deadline_of``."""
    if timeout_ms is not None:
        now = asyncio.get_running_loop().time()
        request.state.deadline = now + timeout_ms / 1000


TAKES_DEADLINE: Final = Depends(take_deadline)
"""For the ``dependencies`` of a route."""


def deadline_of(request: Request) -> float:
    """Return when a request's client stops waiting; infinite where it did not say."""
    deadline: float = getattr(request.state, "deadline", math.inf)
    return deadline
