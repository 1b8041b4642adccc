"""A rolling update under load, with a real proxy: no request notices it, in either direction."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from tests.bundles import write_bundle
from tests.pictures import encode, quarters
from tests.unmeasured import unmeasured

ROOT = Path(__file__).resolve().parents[2]
RESCUE_SECONDS = 120
CLIENTS = 4

CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    # When it reloads, nginx before 1.27.4 may close a kept connection just as a request comes.
    keepalive_timeout 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream rotulo {{
        server 127.0.0.1:{backend};
        keepalive 8;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://rotulo;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream off;
        }}
    }}
}}
"""


def free_port() -> int:
    """Return a port that is free, and below those that Linux gives to whoever asks for any."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@dataclass
class Replica:
    """One process of the service, ready, with its port."""

    process: Process
    port: int
    reading: asyncio.Task[None]

    async def ended(self) -> int:
        await self.reading
        return await self.process.wait()


async def read_on(log: asyncio.StreamReader) -> None:
    """Read a log until its process ends: a full pipe would hold it up."""
    async for _ in log:
        pass


async def start_replica(processes: AsyncExitStack, bundles: Path, model: str) -> Replica:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", "serve", "--port", "0", "--bundles", bundles,
        "--model", model, "--log-format", "json", "--log-level", "info",
        "--lame-duck-seconds", "1.5",
        cwd=ROOT, stderr=PIPE,
        env={key: value for key, value in unmeasured().items() if not key.startswith("ROTULO_")},
    )  # fmt: skip
    processes.callback(end, process)
    assert process.stderr is not None
    port = 0
    async for line in process.stderr:
        entry = json.loads(line)
        port = entry.get("port", port)
        if entry["event"] == "ready":
            reading = asyncio.create_task(read_on(process.stderr))
            return Replica(process, port, reading)
    pytest.fail(f"{model} ended before it was ready")


def end(process: Process) -> None:
    """Leave nothing behind, whatever became of the test."""
    if process.returncode is None:
        process.kill()


@dataclass
class Proxy:
    """nginx before whichever replica it was last told."""

    nginx: Path
    folder: Path
    port: int

    @property
    def configuration(self) -> Path:
        return self.folder / "nginx.conf"

    def point_to(self, backend: int) -> None:
        user = "user root;" if os.geteuid() == 0 else ""
        text = CONFIGURATION.format(user=user, folder=self.folder, backend=backend, port=self.port)
        self.configuration.write_text(text, "utf-8")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        command = [str(self.nginx), "-p", f"{self.folder}/", "-c", str(self.configuration)]
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            await process.wait()


@dataclass
class Load:
    """Clients that label without a pause; every answer is kept."""

    client: httpx.AsyncClient
    answers: list[tuple[int, str]]
    stop: asyncio.Event
    changed: asyncio.Condition

    async def send(self) -> None:
        image = encode(quarters(320, 240), "PNG")
        while not self.stop.is_set():
            response = await self.client.post(
                "/v1/labels", content=image, headers={"content-type": "image/png"}
            )
            version = response.json().get("model", {}).get("version", "")
            async with self.changed:
                self.answers.append((response.status_code, version))
                self.changed.notify_all()

    async def until(self, version: str, count: int = 20) -> None:
        """Return once so many answers in a row, of all clients, are of one version."""
        async with self.changed:
            await self.changed.wait_for(
                lambda: [v for _, v in self.answers[-count:]] == [version] * count
            )


async def wait_for_port(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def replace(old: Replica, new: Replica, proxy: Proxy, nginx: Process) -> int:
    """Tell the old one to leave, as Kubernetes does, before the proxy knows of it."""
    ended = asyncio.create_task(old.ended())
    old.process.send_signal(signal.SIGTERM)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{old.port}") as client:
        while (await client.get("/readyz")).status_code == 200:
            pass
    proxy.point_to(new.port)
    nginx.send_signal(signal.SIGHUP)
    return await ended


async def test_no_request_fails_while_version_1_gives_way_to_2_and_comes_back(
    tmp_path: Path, tool: Callable[[str], Path]
) -> None:
    nginx = tool("nginx")
    bundles = tmp_path / "bundles"
    for version in ("1", "2"):
        write_bundle(bundles, version=version)
    codes = []
    async with asyncio.timeout(RESCUE_SECONDS), AsyncExitStack() as processes:
        replica = await start_replica(processes, bundles, "linear/1")
        proxy = Proxy(nginx, tmp_path, free_port())
        proxy.point_to(replica.port)
        running = await processes.enter_async_context(proxy.running())
        base = f"http://127.0.0.1:{proxy.port}"
        client = httpx.AsyncClient(base_url=base, timeout=RESCUE_SECONDS)
        await processes.enter_async_context(client)
        await wait_for_port(proxy.port)
        load = Load(client, [], asyncio.Event(), asyncio.Condition())
        clients = [asyncio.create_task(load.send()) for _ in range(CLIENTS)]
        await load.until("1")
        for version in ("2", "1"):
            successor = await start_replica(processes, bundles, f"linear/{version}")
            codes.append(await replace(replica, successor, proxy, running))
            await load.until(version)
            replica = successor
        load.stop.set()
        await asyncio.gather(*clients)
        replica.process.terminate()
        codes.append(await replica.ended())
    turns = sum(before != after for (_, before), (_, after) in pairwise(load.answers))
    assert {status for status, _ in load.answers} == {200}
    assert [load.answers[0][1], load.answers[-1][1]] == ["1", "1"]
    assert turns >= 2
    assert codes == [0, 0, 0]
