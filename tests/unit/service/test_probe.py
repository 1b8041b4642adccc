"""A health check says why not, in one line, whatever it meets on the port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from service.probe import obstacle_of
from service.settings import Settings


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Give the port of a server that says one thing to one client."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join()


@pytest.mark.parametrize(
    ("answer", "obstacle"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", "/readyz answered 503"),
        (b"HTTP/1.1 302 X\r\nLocation: /livez\r\n\r\n", "/readyz answered 302"),
        (b"hola\r\n", "no answer from 127.0.0.1:{port} (BadStatusLine)"),
        (b"", "no answer from 127.0.0.1:{port} (RemoteDisconnected)"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_only_200_is_healthy(host: str, answer: bytes, obstacle: str | None) -> None:
    with answering(answer) as port:
        found = obstacle_of(Settings(host=host, port=port), "/readyz")
        assert found == (obstacle and obstacle.format(port=port))


def test_a_closed_port_is_no_health() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    found = obstacle_of(Settings(port=port), "/livez")
    assert found == f"no answer from 127.0.0.1:{port} (ConnectionRefusedError)"
