"""A closed loop of requests by wrk (Debian's package), and a service to send them to."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

SCRIPT = Path(__file__).with_name("wrk.lua")
READY_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Load:
    """What a closed loop saw: answers per second, failures, latency percentiles in ms."""

    rate: float
    failed: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Body:
    """A request's content type, and the files that hold whole bodies to send in turn."""

    content_type: str
    files: tuple[Path, ...]


def multipart(body: Body, folder: Path, *, field: str = "file") -> Body:
    """The same images as forms with one part, called `file` or otherwise."""
    boundary = "rotulo-bench"
    wrapped = []
    for file in body.files:
        head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{field}"; filename="{file.name}"\r\n'
            f"Content-Type: {body.content_type}\r\n\r\n"
        )
        target = folder / f"{file.name}.{field}"
        target.write_bytes(head.encode() + file.read_bytes() + f"\r\n--{boundary}--\r\n".encode())
        wrapped.append(target)
    return Body(f"multipart/form-data; boundary={boundary}", tuple(wrapped))


def closed_loop(
    port: int, body: Body, *, connections: int, seconds: int, path: str = "/v1/labels"
) -> Load:
    """Keep so many connections busy for so long, each sending its next request on an answer."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    command += ["-s", str(SCRIPT), f"http://127.0.0.1:{port}{path}", "--", body.content_type]
    command += [str(file) for file in body.files]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    measured = json.loads(printed.splitlines()[-1])
    return Load(
        rate=measured["requests"] / measured["seconds"],
        failed=measured["failed"],
        p50_ms=measured["p50_ms"],
        p95_ms=measured["p95_ms"],
        p99_ms=measured["p99_ms"],
    )


@contextmanager
def running_service(*flags: str) -> Iterator[tuple[int, int]]:
    """A service of our own on a free port, ready: its port and its process id."""
    port = free_port()
    command = [sys.executable, "-m", "service", "serve", "--port", str(port)]
    command += ["--lame-duck-seconds", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_ready(process, port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_wrk() -> None:
    """End with one line when wrk is not installed."""
    if shutil.which("wrk") is None:
        Console(stderr=True).print("wrk is needed: sudo apt-get install wrk")
        sys.exit(1)


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(READY_POLL_SECONDS)
    raise RuntimeError(f"the service ended with {process.returncode} before it was ready")
