"""The hot path: one image to be labelled goes from the edge straight to its endpoint.

Routing, FastAPI's reading of parameters and the layers around them take the event loop about as
long as all else that happens to a small image there. What they would give is known beforehand for
nearly every request to ``POST /v1/labels``; whatever this is not sure of goes the long way, to the
same endpoint, and so does all that must be told about parameters.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from service.deadlines import HEADER, MAX_MILLISECONDS
from service.guard import needed_scope
from service.middleware import Edge
from service.routes.labels import LABEL_ROUTE, answer_image
from service.schemas import LabelQuery
from service.state import ServiceState

_TIMEOUT: Final = HEADER.lower().encode()
_ORIGIN: Final = b"origin"
_LONGEST_QUERY: Final = 256
_DIGITS: Final = len(str(MAX_MILLISECONDS))


class DirectLabels:
    """Answers plain requests to label one image, as an ASGI application of its own."""

    def __init__(self, state: ServiceState) -> None:
        self._edge = Edge(self._label, state)
        self._state = state
        self._path = LABEL_ROUTE.path
        scope = needed_scope(LABEL_ROUTE.endpoint)
        if scope is None:
            raise RuntimeError(f"{self._path} lets everybody in")
        self._needs = scope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that ``takes`` said yes to."""
        await self._edge(scope, receive, send)

    def takes(self, scope: Scope) -> bool:
        """Tell whether an HTTP request is plain, and keep what it asks for in its scope."""
        if scope["path"] != self._path or scope["method"] != "POST" or scope.get("root_path"):
            return False
        text: bytes = scope["query_string"]
        query = _query(text) if len(text) <= _LONGEST_QUERY else None
        patience: int | None = None
        for name, value in scope["headers"]:
            if name == _TIMEOUT:
                if patience is not None or not value.isdigit() or len(value) > _DIGITS:
                    return False
                patience = int(value)
            elif name == _ORIGIN and self._state.settings.cors_origins:
                return False
        if query is None or not (patience is None or 1 <= patience <= MAX_MILLISECONDS):
            return False
        kept = scope.setdefault("state", {})
        kept["query"] = query
        if patience is not None:
            kept["deadline"] = asyncio.get_running_loop().time() + patience / 1000
        return True

    async def _label(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = LABEL_ROUTE
        await self._state.access.admit(scope, self._needs)
        request = Request(scope, receive)
        response = await answer_image(request, scope["state"]["query"], self._state.labeller)
        await response(scope, receive, send)


@lru_cache(maxsize=256)
def _query(text: bytes) -> LabelQuery | None:
    """Return what a query string asks for, as FastAPI would read it; None for one that is bad."""
    if not text:
        return LabelQuery()
    try:
        asked = dict(parse_qsl(text.decode("ascii"), keep_blank_values=True))
        return LabelQuery.model_validate(asked)
    except ValueError:  # Pydantic's is one
        return None
