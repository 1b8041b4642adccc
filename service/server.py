"""One process on one port: start, serve, leave in order."""

from __future__ import annotations

import asyncio
import functools
import gc
import math
import resource
import signal
import sys
import time
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn

from service.access import check_exposure
from service.app import create_app
from service.errors import StartupError
from service.logs import configure_logging
from service.memory import share_heap
from service.protocol import RESERVED_CONNECTIONS, BoundedProtocol
from service.settings import Settings, flag
from service.state import ServiceState

SETTLING_SECONDS: Final = 0.25
"""Between closing the port and closing idle connections: time for a request that is on its way."""

OTHER_FILES: Final = 128
"""What a process opens besides connections: libraries, databases, its own pipes."""

SWITCH_SECONDS: Final = 0.0005
"""The interpreter's switch interval, Python's own being 0.005.

A thread that comes out of the model asks for the interpreter's lock to take its next batch, while
the event loop has answers to write; until it has it, its core is idle.
"""

YOUNG_OBJECTS: Final = 5000
"""After how many more objects the garbage collector looks for rings among the young, Python's own
number being 700: every thirteen images, for a tenth of what the event loop does for them. Uploads
never wait for it (``service.containment.let_go``).
"""

_log = structlog.get_logger()


class Server(uvicorn.Server):
    """uvicorn, but told to stop it first says so for a while and goes on answering.

    SIGTERM: ``/readyz`` turns 503; after the lame-duck time the port closes, requests in progress
    end, the process exits with 0. SIGINT, or a second signal, skips the lame-duck time.
    """

    def __init__(self, config: uvicorn.Config, state: ServiceState) -> None:
        super().__init__(config)
        self._state = state
        self._close_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave, or leave faster."""
        if self.should_exit:
            super().handle_exit(sig, frame)
        elif sig == signal.SIGTERM and self._close_at is None:
            self._state.leaving = True
            self._close_at = time.monotonic() + self._state.settings.lame_duck_seconds
        else:
            self._state.leaving = True
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Return whether it is time to close the port; asked ten times a second."""
        if self._close_at is not None and time.monotonic() >= self._close_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Open the port, and say which one it is."""
        await super().startup(sockets)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._state.hang_up)
        for server in self.servers:
            for listener in server.sockets:
                host, port = listener.getsockname()[:2]
                _log.info("listening", host=host, port=port)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """Close the port, let requests that are on their way arrive, and end them all."""
        self._state.leaving = True
        for server in self.servers:
            server.close()
        await asyncio.sleep(SETTLING_SECONDS)
        await super().shutdown(sockets)


def serve(settings: Settings) -> int:
    """Serve until told to stop; return the exit code, 1 when the service could not start."""
    share_heap()
    configure_logging(settings)
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(YOUNG_OBJECTS)
    failures: list[Exception] = []

    def stop(failure: Exception) -> None:
        failures.append(failure)
        server.should_exit = True

    _allow_files(settings)
    try:
        check_exposure(settings)
        app = create_app(settings, on_failure=stop)
    except StartupError as error:
        _log.error("cannot start", reason=str(error))  # the reason is all
        return 1
    state: ServiceState = app.state.service
    server = Server(_config(settings, state, app), state)
    server.run()
    for failure in failures:
        if isinstance(failure, StartupError):
            _log.error("cannot start", reason=str(failure))
        else:
            _log.error("cannot start", exc_info=failure)
    return 1 if failures else 0


def _allow_files(settings: Settings) -> None:
    """Let the process open as many files as its connections need, as far as the system lets it."""
    wanted = settings.max_connections + RESERVED_CONNECTIONS + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unbounded = resource.RLIM_INFINITY
    allowed = wanted if hard == unbounded else min(wanted, hard)
    if soft != unbounded and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        _log.warning(
            "few files",
            limit=hard,
            wanted=wanted,
            advice=f"raise `ulimit -n`, or lower {flag('max_connections')}: above the limit new "
            "clients wait unanswered",
        )


def _config(settings: Settings, state: ServiceState, app: Any) -> uvicorn.Config:  # noqa: ANN401
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        # uvicorn takes whatever makes a protocol, and passes it keywords.
        http=functools.partial(BoundedProtocol, state),  # type: ignore[arg-type]
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )
