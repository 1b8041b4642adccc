"""A port's connections: bounded, closed so that answers arrive, given up with the client."""

from __future__ import annotations

import asyncio
import gc
import itertools
import statistics
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from service import protocol
from service.settings import Settings
from tests.serving import RESCUE_SECONDS, Gated, Served, listening, running

CLOSES = 1000
AT_ONCE = 20
FREED_SECONDS = 0.05
BODY_BYTES = 100_000


def post(body: bytes, *fields: str, length: int | None = None) -> bytes:
    lines = [
        "POST /v1/labels HTTP/1.1",
        "Host: x",
        "Content-Type: image/png",
        f"Content-Length: {len(body) if length is None else length}",
        *fields,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Peer:
    """A client that speaks to the port byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> str:
        """Return all that comes until the service closes its side."""
        async with asyncio.timeout(RESCUE_SECONDS):
            return (await self.reader.read()).decode("latin-1")

    async def head(self) -> str:
        """Return the head of the next answer."""
        async with asyncio.timeout(RESCUE_SECONDS):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")

    async def send_on(self) -> None:
        """Send until the service hangs up."""
        while True:
            self.writer.write(b"x" * 2**16)
            await self.writer.drain()

    async def leave(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


Connect = Callable[..., Awaitable[Peer]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Return what connects a peer, which may say something at once."""
    writers: list[asyncio.StreamWriter] = []

    async def one(port: int, data: bytes = b"") -> Peer:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        writer.write(data)
        return Peer(reader, writer)

    yield one
    for writer in writers:
        if not writer.is_closing():
            writer.transport.abort()
    for writer in writers:
        with suppress(ConnectionError):
            await writer.wait_closed()


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """Return what counts the bytes that are held; no collector hides that a cycle holds them."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    gc.enable()


class Watched:
    """What the service tells one of its metrics, to wait for."""

    def __init__(self, metric: object, method: str) -> None:
        self._tell = getattr(metric, method)
        self._wanted: Callable[..., bool] = lambda *_: False
        self._reached = asyncio.Event()
        setattr(metric, method, self._listen)  # and counts on

    def _listen(self, *told: Any) -> None:
        self._tell(*told)
        if self._wanted(*told):
            self._reached.set()

    async def after(
        self, acts: Iterable[Callable[[], object]], wanted: Callable[..., bool]
    ) -> None:
        """Do something, and return once what was wanted has been told."""
        self._wanted = wanted
        self._reached.clear()
        for act in acts:
            act()
        await asyncio.wait_for(self._reached.wait(), RESCUE_SECONDS)


class Leavers:
    """Clients who close their connections while their images wait for the session."""

    def __init__(self, served: Served, connect: Callable[[], Awaitable[Peer]]) -> None:
        self._served = served
        self._connect = connect
        self._ended = Watched(served.state.metrics, "count_request")

    async def come_and_leave(self, message: bytes) -> float:
        """Let some of them come and leave together; return when all are gone, in seconds."""
        peers = [await self._connect() for _ in range(AT_ONCE)]
        for peer in peers:
            peer.writer.write(message)
        await self._served.waiting(AT_ONCE)
        left = itertools.count(1)
        aborts = [peer.writer.transport.abort for peer in peers]
        before = time.perf_counter()
        await self._ended.after(aborts, lambda *_: next(left) == AT_ONCE)
        return time.perf_counter() - before


@asynccontextmanager
async def busy(
    settings: Settings, png: bytes, connect: Connect
) -> AsyncIterator[tuple[Served, Leavers]]:
    """Run the service while its session is at one image, which at last is the only one that ran."""
    patient = settings.model_copy(update={"request_timeout_seconds": RESCUE_SECONDS})
    async with Gated.running(patient) as (served, gated), listening(served) as port:
        first = await connect(port, post(png))
        await gated.began.wait()
        yield served, Leavers(served, partial(connect, port))
        gated.gate.set()
        assert "200 OK" in await first.head()
        assert gated.images_run == 1


async def test_of_many_who_close_none_runs_and_each_place_is_free_at_once(
    settings: Settings, png: bytes, connect: Connect
) -> None:
    """Twenty at a time; the last of them is gone within 50 ms, as a rule on a busy machine."""
    with capture_logs():
        async with busy(settings, png, connect) as (served, leavers):
            admission = served.state.admission
            held = admission.bytes
            took: list[float] = []
            for _ in range(CLOSES // AT_ONCE):
                took.append(await leavers.come_and_leave(post(png)))
                assert (admission.images, admission.bytes) == (1, held)
            assert statistics.median(took) < FREED_SECONDS
    counted = served.series("rotulo_requests_total", "status")
    assert counted == {("200",): 1, ("499",): CLOSES}


async def test_of_those_who_close_no_upload_stays_in_memory(
    settings: Settings, png: bytes, connect: Connect, traced: Callable[[], int]
) -> None:
    """Without waiting for the garbage collector."""
    message = post(png + bytes(BODY_BYTES))  # an image ends where it says so
    with capture_logs():
        async with busy(settings, png, connect) as (_, leavers):
            await leavers.come_and_leave(message)
            before = traced()
            await leavers.come_and_leave(message)
            assert traced() - before < AT_ONCE * BODY_BYTES / 2


@pytest.mark.parametrize("field", ["Connection: close", "Connection: keep-alive"])
async def test_who_sends_far_too_much_reads_why(
    settings: Settings, connect: Connect, field: str
) -> None:
    """All of it is sent before the answer is looked at, as most clients do."""
    tight = settings.model_copy(update={"max_upload_bytes": 1000})
    async with running(tight) as served, listening(served) as port:
        peer = await connect(port, post(b"", field, length=32 * 2**20))
        for _ in range(32):
            peer.writer.write(b"x" * 2**20)
            await peer.writer.drain()
        assert (await peer.head()).startswith("HTTP/1.1 413")
        if field.endswith("close"):
            assert "payload-too-large" in await peer.answer()
        await peer.leave()


async def test_an_answered_client_that_never_stops_sending_is_cut_off(
    settings: Settings, connect: Connect
) -> None:
    tight = settings.model_copy(update={"max_upload_bytes": 1000, "upload_timeout_seconds": 0.2})
    async with running(tight) as served, listening(served) as port:
        peer = await connect(port, post(b"x", "Connection: close", length=10**12))
        assert "payload-too-large" in await peer.answer()
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(peer.send_on(), RESCUE_SECONDS)


async def test_above_the_bound_clients_are_turned_away_and_probes_are_not(
    settings: Settings, png: bytes, connect: Connect
) -> None:
    narrow = settings.model_copy(update={"max_connections": 2})
    async with running(narrow) as served, listening(served) as port:
        inside = [await connect(port, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") for _ in "12"]
        assert all(["200 OK" in await peer.head() for peer in inside])
        assert served.value("rotulo_connections") == served.value("rotulo_connections_bound") == 2
        refused = await (await connect(port, post(png))).answer()
        probe = await connect(port, b"GET /readyz?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert "200 OK" in await probe.head()
        connections = Watched(served.state.metrics.connections, "set")
        leaving = [peer.writer.close for peer in (probe, inside[0])]
        await connections.after(leaving, lambda connected: connected == 1)
        taken = await connect(port, post(png))
        assert "200 OK" in await taken.head()
    head, _, body = refused.partition("\r\n\r\n")
    status, *fields = head.lower().split("\r\n")
    assert status.startswith("http/1.1 503")
    assert {"retry-after: 1", "connection: close"} <= set(fields)
    assert "urn:rotulo:problem:overloaded" in body
    assert served.value("rotulo_rejections_total", reason="overloaded") == 1


async def test_above_the_reserve_they_are_turned_away_before_they_say_anything(
    settings: Settings, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "RESERVED_CONNECTIONS", 1)
    narrow = settings.model_copy(update={"max_connections": 1})
    async with running(narrow) as served, listening(served) as port:
        inside = [await connect(port, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") for _ in "12"]
        assert all(["200 OK" in await peer.head() for peer in inside])
        assert (await (await connect(port)).answer()).startswith("HTTP/1.1 503")
