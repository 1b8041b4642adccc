"""The real application in the test's own process and loop, and a client on either side of HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from starlette.types import Message

from service.app import create_app
from service.classifier import Classifier
from service.contract import Manifest
from service.loading import load_classifier
from service.protocol import BoundedProtocol
from service.reloading import ClassifierFactory
from service.settings import Settings
from service.state import ServiceState

T = TypeVar("T")
RESCUE_SECONDS = 60
"""A bound on hanging: what a test waits for has long happened, or never will."""


@dataclass(frozen=True)
class Served:
    """A running application, a client of it, and what it counts."""

    app: FastAPI
    client: httpx.AsyncClient
    registry: CollectorRegistry

    @property
    def state(self) -> ServiceState:
        state: ServiceState = self.app.state.service
        return state

    def value(self, name: str, **labels: str) -> float:
        """Return a metric's value, zero for a series that nothing has counted yet."""
        return self.registry.get_sample_value(name, labels) or 0.0

    async def waiting(self, images: int) -> None:
        """Return once so many images wait for the session."""
        async with asyncio.timeout(RESCUE_SECONDS):
            while self.value("rotulo_queue_depth") < images:  # noqa: ASYNC110  # threads tell nobody
                await asyncio.sleep(0.001)

    def series(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return every series of a metric by the values of its labels."""
        return {
            tuple(sample.labels[label] for label in labels): sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == name
        }


@asynccontextmanager
async def running(
    settings: Settings, factory: ClassifierFactory = load_classifier, *, settled: bool = True
) -> AsyncIterator[Served]:
    """Run the application, by default until its model is loaded or has failed."""
    registry = CollectorRegistry()
    app = create_app(settings, factory, registry=registry)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://rotulo.test") as client:
            served = Served(app, client, registry)
            if settled:
                await asyncio.wait_for(served.state.settled.wait(), RESCUE_SECONDS)
            yield served


class Background:
    """An event loop in a thread of its own, for tests that may not wait for one themselves."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what the loop made of some work."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(RESCUE_SECONDS)

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(RESCUE_SECONDS)
        self._loop.close()


@asynccontextmanager
async def listening(served: Served) -> AsyncIterator[int]:
    """Open a port of the application, with its own HTTP protocol; give its number."""
    config = uvicorn.Config(
        served.app, log_config=None, access_log=False, server_header=False, ws="none"
    )
    config.load()
    state = uvicorn.server.ServerState()

    def connect() -> BoundedProtocol:
        return BoundedProtocol(served.state, config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for connection in tuple(state.connections):
            connection.transport.abort()
        if state.tasks:
            await asyncio.wait(state.tasks)


class Gated:
    """The real classifier behind a gate: a run tells that it began, and waits to be let through."""

    def __init__(self, behind: Classifier) -> None:
        self._behind = behind
        self._loop: asyncio.AbstractEventLoop | None = None
        self.began = asyncio.Event()
        self.gate = threading.Event()
        self.images_run = 0

    @property
    def manifest(self) -> Manifest:
        return self._behind.manifest

    @property
    def provider(self) -> str:
        return self._behind.provider

    @property
    def images_per_run(self) -> int:
        return self._behind.images_per_run

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.images_run += len(batch)
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.began.set)
        assert self.gate.wait(RESCUE_SECONDS)
        return self._behind.run(batch)

    @classmethod
    @asynccontextmanager
    async def running(
        cls, settings: Settings, *, threads: int = 1
    ) -> AsyncIterator[tuple[Served, Gated]]:
        """Run the application with its inference threads behind a gate, opened at the end."""
        made: list[Gated] = []

        def factory(settings: Settings) -> Classifier:
            made.append(cls(load_classifier(settings)))
            return made[0]

        few = settings.model_copy(update={"inference_threads": threads})
        async with running(few, factory) as served:
            gated = made[0]
            gated._loop = asyncio.get_running_loop()
            try:
                yield served, gated
            finally:
                gated.gate.set()


@dataclass
class RawRequest:
    """One request as the server hands it over, message by message, and what comes back."""

    app: FastAPI
    headers: dict[str, str] = field(default_factory=dict)
    path: str = "/v1/labels"
    method: str = "POST"
    sent: list[Message] = field(default_factory=list)
    received: int = 0

    def __post_init__(self) -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self.waiting = asyncio.Event()
        """Set whenever the application waits for a message that has not come."""

    def start(self) -> asyncio.Task[None]:
        """Let the application begin to answer."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "path": self.path,
            "raw_path": self.path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(k.lower().encode(), v.encode()) for k, v in self.headers.items()],
            "client": ("192.0.2.1", 1),
            "server": ("rotulo.test", 80),
            "state": {},
        }
        return asyncio.ensure_future(self.app(scope, self._receive, self._send))

    def body(self, chunks: Iterable[bytes], *, more: bool = False) -> None:
        """Send chunks of a body; without ``more`` the last one ends it."""
        parts = list(chunks)
        for number, part in enumerate(parts, start=1):
            more_body = more or number < len(parts)
            self._messages.put_nowait(
                {"type": "http.request", "body": part, "more_body": more_body}
            )

    def leave(self) -> None:
        """Close the connection."""
        self._messages.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int | None:
        """The status of the answer, None while there is none."""
        starts = [m["status"] for m in self.sent if m["type"] == "http.response.start"]
        return starts[0] if starts else None

    @property
    def text(self) -> str:
        return b"".join(m.get("body", b"") for m in self.sent).decode()

    async def _receive(self) -> Message:
        if self._messages.empty():
            self.waiting.set()
        message = await self._messages.get()
        self.received += 1
        return message

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
