"""The door of each route: the scope that it needs, or why it needs none.

A route says what it needs with ``@needs`` or stands in ``OPEN_ROUTES`` with the reason; a test
knocks at every door without a key.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import MappingProxyType
from typing import Any, Final, TypeVar

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from service.keys import KeyScope
from service.state import state_of

OPEN_ROUTES: Final = MappingProxyType({
    "GET /livez": "a probe of the platform has no key, and learns only that the process runs",
    "GET /readyz": "the same; a load balancer must be able to ask",
    "GET /": "the page holds nothing private, and a browser never has a key",
    "GET /static/{digest}/{name}": "parts of the page",
    "GET /static/rotulo-etiquetas.v{number:int}.js": "a part of the pages of other sites",
    "GET /docs": "how to ask is no secret",
    "GET /openapi.json": "how to ask is no secret",
    "GET /transparencia": "whoever is judged by a model may read what it is",
    "GET /v1/transparency": "the same, for programs",
    "GET /v1/models": "what the public may know of the models that judge its pictures",
    "GET /v1/models/{name}": "the same, and the page links to it",
    "GET /v1/models/{name}/versions": "the same, of each version",
    "GET /v1/models/{name}/versions/{version}": "the same, of each version",
    "GET /v2": "which server it is, as the Open Inference Protocol has it; no more than /docs says",
    "GET /v2/health/live": "a probe, as /livez",
    "GET /v2/health/ready": "a probe, as /readyz",
    "GET /v2/models/{name}": "names and shapes of tensors, as /v1/models",
    "GET /v2/models/{name}/ready": "a probe of one model, as /readyz",
    "GET /v2/models/{name}/versions/{version}": "names and shapes of tensors, as /v1/models",
    "GET /v2/models/{name}/versions/{version}/ready": "a probe of one model, as /readyz",
})  # fmt: skip
"""The routes that need no scope, each with its reason."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def needs(scope: KeyScope) -> Callable[[Endpoint], Endpoint]:
    """Say which scope a route's endpoint needs; ``GuardedRoute`` sees to it."""

    def declare(endpoint: Endpoint) -> Endpoint:
        endpoint.needs_scope = scope  # type: ignore[attr-defined]
        return endpoint

    return declare


def needed_scope(endpoint: object) -> KeyScope | None:
    """Return the scope that an endpoint said it needs."""
    scope: KeyScope | None = getattr(endpoint, "needs_scope", None)
    return scope


class GuardedRoute(APIRoute):
    """A route that lets nobody in without its endpoint's scope, before it reads anything."""

    def get_route_handler(self) -> _Handler:
        """Return FastAPI's handler behind the guard; the way to it that FastAPI documents."""
        handler = super().get_route_handler()
        scope = needed_scope(self.endpoint)
        if scope is None:
            return handler

        async def guarded(request: Request) -> Response:
            await state_of(request).access.admit(request.scope, scope)
            return await handler(request)

        return guarded
