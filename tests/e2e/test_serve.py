"""The service as a process on a port: alive early, bounded at the edge, and leaving in order."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from service.keys import new_key
from service.providers.cuda import cuda_obstacle
from tests.bundles import write_bundle
from tests.e2e.conftest import free_port, wait_until_ready
from tests.pictures import encode, quarters

ROOT = Path(__file__).resolve().parents[2]
RESCUE_SECONDS = 120
HEADERS = {"content-type": "image/png"}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    write_bundle(folder)
    return folder


class Process:
    """A service that was started; its log is read line by line, which is how a test waits."""

    def __init__(self, process: subprocess.Popen[str], log: IO[str]) -> None:
        self.process = process
        self._log = log
        self.seen: list[dict[str, object]] = []

    def wait_for(self, event: str) -> dict[str, object]:
        """Read the log up to an event and return its line."""
        for line in self._log:
            entry: dict[str, object] = json.loads(line)
            self.seen.append(entry)
            if entry["event"] == event:
                return entry
        pytest.fail(f"the service ended without {event!r}; it said {self.seen}")

    def read_to_the_end(self) -> int:
        """Read the log until the process ends and return its exit code."""
        self.seen += [json.loads(line) for line in self._log]
        return self.process.wait(RESCUE_SECONDS)


@contextmanager
def service(bundles: Path, *flags: str) -> Iterator[Process]:
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--log-format", "json"]
    process = subprocess.Popen(
        [*command, "--bundles", str(bundles), *flags],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("ROTULO_")},
    )
    assert process.stderr is not None
    try:
        yield Process(process, process.stderr)
    finally:
        process.kill()
        process.wait(RESCUE_SECONDS)
        process.stderr.close()


def address_of(running: Process) -> tuple[str, int]:
    listening = running.wait_for("listening")
    return str(listening["host"]), int(str(listening["port"]))


def connected(running: Process) -> socket.socket:
    return socket.create_connection(address_of(running), timeout=RESCUE_SECONDS)


def test_the_port_answers_before_the_model_is_loaded(bundles: Path) -> None:
    with service(bundles) as running:
        host, port = address_of(running)
        assert "ready" not in {entry["event"] for entry in running.seen}
        response = httpx.get(f"http://{host}:{port}/livez", timeout=RESCUE_SECONDS)
        running.wait_for("ready")
        ready = httpx.get(f"http://{host}:{port}/readyz", timeout=RESCUE_SECONDS)
    assert response.status_code == 200
    assert ready.status_code == 200
    assert "server" not in response.headers


def test_a_service_without_a_bundle_ends_with_a_clear_line(tmp_path: Path) -> None:
    with service(tmp_path) as running:
        assert running.read_to_the_end() == 1
    (why,) = (entry for entry in running.seen if entry["event"] == "cannot start")
    assert str(tmp_path) in str(why["reason"])


def test_a_port_that_is_taken_ends_the_start(bundles: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with service(bundles, "--port", port) as running:
            assert running.read_to_the_end() not in {0, -signal.SIGTERM}
    assert any("address already in use" in str(entry["event"]) for entry in running.seen)


def test_what_is_not_http_is_refused_with_a_problem(bundles: Path) -> None:
    with service(bundles) as running, connected(running) as connection:
        connection.sendall(b"hola\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"urn:rotulo:problem:bad-request" in answer


def test_a_head_without_end_is_refused(bundles: Path) -> None:
    with service(bundles) as running, connected(running) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nx: " + b"x" * 80_000)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_log_on_a_full_disk_costs_lines_and_no_requests(bundles: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "service", "serve", "--bundles", str(bundles)]
    with open("/dev/full", "w") as full:  # noqa: PTH123  # every write to it fails with ENOSPC
        process = subprocess.Popen([*command, "--port", str(port)], cwd=ROOT, stderr=full)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, process)
        image = encode(quarters(64, 48), "PNG")
        answers = [
            httpx.post(f"{address}/v1/labels", content=image, headers=HEADERS) for _ in "123"
        ]
        process.terminate()
        assert process.wait(RESCUE_SECONDS) == 0
    finally:
        process.kill()
        process.wait(RESCUE_SECONDS)
    assert [answer.status_code for answer in answers] == [200, 200, 200]


def test_a_client_that_says_nothing_is_hung_up_on(bundles: Path) -> None:
    with (
        service(bundles, "--upload-timeout-seconds", "0.2") as running,
        connected(running) as connection,
    ):
        connection.sendall(b"GET /livez HTT")
        assert connection.recv(65536) == b""


def test_keys_change_while_the_service_runs(bundles: Path, tmp_path: Path) -> None:
    """A changed file is found without a signal; SIGHUP has it read at once."""
    keys = tmp_path / "keys"
    (first, first_key), (second, second_key) = new_key(["label"]), new_key(["label"])
    keys.write_text(first_key.line(), "utf-8")
    image = encode(quarters(64, 48), "PNG")
    with service(bundles, "--keys", str(keys)) as running:
        host, port = address_of(running)
        running.wait_for("ready")

        def status(key: str) -> int:
            headers = {**HEADERS, "authorization": f"Bearer {key}"}
            address = f"http://{host}:{port}/v1/labels"
            return httpx.post(
                address, content=image, headers=headers, timeout=RESCUE_SECONDS
            ).status_code

        assert [status(first), status(second)] == [200, 401]
        keys.write_text(second_key.line(), "utf-8")
        running.wait_for("keys read")
        assert [status(first), status(second)] == [401, 200]
        keys.write_text("oops", "utf-8")
        running.process.send_signal(signal.SIGHUP)
        assert "line 1" in str(running.wait_for("keys unchanged")["reason"])
        assert status(second) == 200


async def test_sighup_under_load_exchanges_the_model_and_loses_nothing(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    image = encode(quarters(640, 480), "PNG")
    with service(tmp_path) as running:
        host, port = await asyncio.to_thread(address_of, running)
        await asyncio.to_thread(running.wait_for, "ready")
        stop = asyncio.Event()
        answered = {"1": asyncio.Event(), "2": asyncio.Event()}
        statuses: list[int] = []

        async def send(client: httpx.AsyncClient) -> None:
            while not stop.is_set():
                answer = await client.post("/v1/labels", content=image, headers=HEADERS)
                statuses.append(answer.status_code)
                answered[answer.json()["model"]["version"]].set()

        async with httpx.AsyncClient(
            base_url=f"http://{host}:{port}", timeout=RESCUE_SECONDS
        ) as client:
            senders = [asyncio.create_task(send(client)) for _ in range(4)]
            await answered["1"].wait()
            for change, version in ((write_second, "2"), (remove_second, "1")):
                change(tmp_path)
                running.process.send_signal(signal.SIGHUP)
                await asyncio.to_thread(running.wait_for, "models read")
                answered[version].clear()
                await asyncio.wait_for(answered[version].wait(), RESCUE_SECONDS)
            stop.set()
            await asyncio.gather(*senders)
    assert set(statuses) == {200}


def write_second(folder: Path) -> None:
    write_bundle(folder, version="2", seed=2)


def remove_second(folder: Path) -> None:
    shutil.rmtree(folder / "linear" / "2")


def test_cuda_that_is_absent_ends_the_start_and_names_what_is_missing(bundles: Path) -> None:
    if cuda_obstacle() is None:
        pytest.skip("CUDA works on this machine")
    with service(bundles, "--provider", "cuda") as running:
        assert running.read_to_the_end() == 1
    (why,) = (entry for entry in running.seen if entry["event"] == "cannot start")
    assert str(cuda_obstacle()) in str(why["reason"])


async def test_sigterm_under_load_loses_nothing_that_was_accepted(bundles: Path) -> None:
    """Clients send until /readyz tells them to go elsewhere, as a load balancer would."""
    image = encode(quarters(640, 480), "PNG")
    with service(bundles, "--lame-duck-seconds", "2") as running:
        host, port = await asyncio.to_thread(address_of, running)
        await asyncio.to_thread(running.wait_for, "ready")
        # Read on, so that a full pipe never holds the service up.
        ended = asyncio.create_task(asyncio.to_thread(running.read_to_the_end))
        told_to_leave = asyncio.Event()
        under_load = asyncio.Event()
        statuses: list[int] = []

        async def send(client: httpx.AsyncClient) -> None:
            while not told_to_leave.is_set():
                response = await client.post("/v1/labels", content=image, headers=HEADERS)
                statuses.append(response.status_code)
                under_load.set()

        async def probe(client: httpx.AsyncClient) -> None:
            while (await client.get("/readyz")).status_code == 200:
                pass
            told_to_leave.set()

        async with httpx.AsyncClient(
            base_url=f"http://{host}:{port}", timeout=RESCUE_SECONDS
        ) as client:
            senders = [asyncio.create_task(send(client)) for _ in range(4)]
            await under_load.wait()
            running.process.send_signal(signal.SIGTERM)
            await probe(client)
            await asyncio.gather(*senders)
        code = await ended
    answered = [entry for entry in running.seen if entry.get("route") == "/v1/labels"]
    assert code == 0
    assert set(statuses) == {200}
    assert len(answered) == len(statuses)
