"""What is asked of a Prometheus, and what is said when it is none. The real one: tests/e2e."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from service.drift.log import UnreadableSource
from service.drift.prometheus import count_prometheus


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("url", "window", "job"),
    [
        ("file:///etc/passwd", "1d", "rotulo"),
        ("prometheus:9090", "1d", "rotulo"),
        ("http://x", "1 day", "rotulo"),
        ("http://x", "0d", "rotulo"),
        ("http://x", "1d", 'x"} or up{job="y'),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_asked(url: str, window: str, job: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        count_prometheus(url, window=window, job=job)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, b"", "does not answer"),
        (200, b"<html>", "not answer as Prometheus"),
        (200, b'{"data": 7}', "not answer as Prometheus"),
        (200, b'{"data": {"result": []}}', "knows no model"),
    ],
)
def test_what_is_no_prometheus_is_said_to_be_none(status: int, body: bytes, said: str) -> None:
    with answering(status, body) as url, pytest.raises(UnreadableSource, match=said):
        count_prometheus(url, window="1d", job="rotulo")


def test_nobody_at_the_address_is_said() -> None:
    with pytest.raises(UnreadableSource, match="does not answer"):
        count_prometheus("http://127.0.0.1:9", window="1d", job="rotulo")
