"""The application: lifespan, middleware, routers and handlers, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from service.direct import DirectLabels
from service.errors import RotuloError
from service.loading import load_classifier
from service.loop_lag import LoopWatch
from service.metrics import Metrics
from service.middleware import Edge
from service.openapi import DESCRIPTION, describe
from service.problems import answer_problem
from service.reloading import ClassifierFactory
from service.routes import (
    admin,
    docs,
    explanations,
    feedback,
    health,
    inference_v2,
    labels,
    models,
    pages,
    transparency,
)
from service.settings import Settings
from service.state import ServiceState
from service.version import VERSION


class _Application(FastAPI):
    """FastAPI, and one way around it."""

    direct: DirectLabels

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request the short way where that is sure to say the same."""
        if scope["type"] == "http" and self.direct.takes(scope):
            scope["app"] = self
            await self.direct(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings,
    classifier_factory: ClassifierFactory = load_classifier,
    *,
    registry: CollectorRegistry | None = None,
    on_failure: Callable[[Exception], None] | None = None,
) -> FastAPI:
    """Return the application; its models load in the background once the lifespan begins.

    ``classifier_factory`` gives a warm classifier and is called for each, in a thread;
    ``on_failure`` learns why that failed at the start. Metrics go to ``registry``, a new one by
    default.
    """
    state = ServiceState(settings, Metrics(registry or CollectorRegistry()), classifier_factory)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async def load() -> None:
            await state.load()
            if state.failure is not None and on_failure is not None:
                on_failure(state.failure)

        loading = asyncio.create_task(load())
        watch = LoopWatch(state.metrics.loop_lagged)
        watch.start()
        state.start()
        keys = asyncio.create_task(state.access.watch_keys())
        yield
        watch.stop()
        keys.cancel()
        loading.cancel()
        await asyncio.wait({loading, keys})
        await state.drain()

    app = _Application(
        title="Rótulo",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,  # what generated clients call it
        openapi_url=None,  # ours is in service.openapi; FastAPI's pages load third parties' scripts
        redirect_slashes=False,
    )
    app.state.service = state
    app.direct = DirectLabels(state)
    describe(app, state.access.open_scopes)
    # The last one added is the outermost.
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            # Without Authorization: a key in a page would be everybody's.
            allow_headers=["Content-Type", "X-Request-ID", "X-Request-Timeout-Ms"],
            expose_headers=["X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy"],
        )
    app.add_middleware(Edge, state=state)
    for handled in (RotuloError, RequestValidationError, HTTPException):
        app.add_exception_handler(handled, answer_problem)
    for routes in (
        labels,
        explanations,
        feedback,
        models,
        inference_v2,
        admin,
        transparency,
        health,
        docs,
        pages,
    ):
        app.include_router(routes.router)
    return app
