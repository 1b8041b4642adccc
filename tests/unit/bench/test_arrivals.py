from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from bench.arrivals import Arrivals, Unanswered, latencies_ms
from bench.load import Body


async def answered(path: Path, status: str) -> list[float]:
    """Send some requests to a server of a few lines that answers all with one status."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"POST /here HTTP/1.1\r\n")
                assert await reader.readexactly(5) == b"hello"
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok".encode())

    file = path / "body"
    file.write_bytes(b"hello")
    arrivals = Arrivals(rate=400, seconds=0.1)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            return await latencies_ms(port, "/here", Body("image/png", (file,)), arrivals)
        finally:
            server.close()
            while others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others)


async def test_every_arrival_has_its_latency(tmp_path: Path) -> None:
    latencies = await answered(tmp_path, "200")
    assert len(latencies) == len(list(Arrivals(rate=400, seconds=0.1).moments()))
    assert min(latencies) > 0


async def test_a_refusal_is_no_latency(tmp_path: Path) -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await answered(tmp_path, "503")
    assert raised.group_contains(Unanswered)


def test_arrivals_come_at_their_rate_and_end_in_time() -> None:
    moments = list(Arrivals(rate=1000, seconds=5, seed=1).moments())
    assert len(moments) == pytest.approx(5000, rel=0.1)
    assert moments == sorted(moments)
    assert moments[-1] < 5
    assert moments != list(Arrivals(rate=1000, seconds=5, seed=2).moments())[: len(moments)]
