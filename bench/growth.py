"""How the service's throughput changes with batches, the size of pictures, cores and replicas."""

from __future__ import annotations

import http.client
import io
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from PIL import Image
from rich.console import Console

from bench.load import Body, Load, closed_loop, free_port
from bench.peers.servers import Server, serving
from bench.pictures import LARGE, Kind, draw
from bench.processes import resident_bytes, running
from bench.results import Growth, Point
from service.bundles import Bundle
from service.classifier import OnnxClassifier

BATCHES: Final = (1, 2, 4, 8, 16, 32, 64)
SERVICE_BATCHES: Final = (1, 4, 16, 32)
SIDES: Final = ((160, 120), (320, 240), (640, 480), (1600, 1200), (4000, 3000))
CONNECTIONS: Final = 32
LARGE_CONNECTIONS: Final = 8

NGINX: Final = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_max_body_size 64m;
    client_body_buffer_size 1m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream rotulo {{
        least_conn;
        {backends}
        keepalive 64;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://rotulo;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""

console = Console()


@dataclass(frozen=True, slots=True)
class Ground:
    """The service and the pictures to grow on: small ones, and middling ones; seconds of a load."""

    server: Server
    bundle: Bundle
    small: Body
    middling: Body
    folder: Path
    seconds: int


def measure_growth(ground: Ground) -> Growth:
    """Return how throughput changes with each thing that grows."""
    return Growth(
        session_batches=tuple(_session_batches(ground)),
        service_batches=tuple(_service_batches(ground)),
        picture_sizes=tuple(_picture_sizes(ground)),
        cores=tuple(_cores(ground)),
        replicas=tuple(_replicas(ground)),
    )


def _session_batches(ground: Ground) -> Iterator[Point]:
    """Yield images a second of one thread that does nothing but run the session."""
    classifier = OnnxClassifier(ground.bundle, provider="cpu")
    spec = classifier.manifest.input
    for size in BATCHES:
        batch = np.zeros((size, spec.height, spec.width, spec.channels), np.uint8)
        classifier.run(batch)
        times, began = [], time.perf_counter()
        while time.perf_counter() - began < ground.seconds / 2:
            started = time.perf_counter()
            classifier.run(batch)
            times.append(time.perf_counter() - started)
        seconds = median(times)
        yield _said(Point(label=str(size), size=size, rate=size / seconds, p50_ms=seconds * 1e3))


def _service_batches(ground: Ground) -> Iterator[Point]:
    """Yield images a second over HTTP for each bound on a batch."""
    for bound in SERVICE_BATCHES:
        flags = ("--max-batch", str(bound))
        with serving(ground.server, ground.bundle, ground.small, *flags) as (_, port):
            yield _point(str(bound), bound, _load(ground, port, ground.small))


def _picture_sizes(ground: Ground) -> Iterator[Point]:
    """Yield images a second over HTTP for JPEGs of each size, in megapixels."""
    with Image.open(io.BytesIO(draw(LARGE, 0))) as whole:
        bodies = [(width, height, _shrunk(whole, width, height, ground)) for width, height in SIDES]
    with serving(ground.server, ground.bundle, ground.small) as (_, port):
        for width, height, body in bodies:
            load = _load(ground, port, body, LARGE_CONNECTIONS)
            yield _point(f"{width}×{height}", width * height / 1e6, load)


def _shrunk(whole: Image.Image, width: int, height: int, ground: Ground) -> Body:
    file = ground.folder / f"{width}x{height}.jpg"
    kind = Kind(file.name, width, height, LARGE.quality)
    whole.resize((width, height)).save(file, "JPEG", quality=LARGE.quality)
    return Body(kind.media_type, (file,))


def _cores(ground: Ground) -> Iterator[Point]:
    """Yield images a second of one process on its first core, on two, four …, and on all."""
    every = sorted(os.sched_getaffinity(0))
    counts = sorted({2**power for power in range(len(every).bit_length())} | {len(every)})
    for count in counts:
        if count > len(every):
            continue
        cpus = frozenset(every[:count])
        with serving(ground.server, ground.bundle, ground.small, cpus=cpus) as (run, port):
            point = _point(str(count), count, _load(ground, port, ground.middling))
            yield point.model_copy(update={"memory_bytes": resident_bytes(run.pid)})


def _replicas(ground: Ground) -> Iterator[Point]:
    """Yield images a second of one process on all cores, and of one a core, behind nginx."""
    every = sorted(os.sched_getaffinity(0))
    layouts = [("1, direct", [frozenset(every)], False)]
    if shutil.which("nginx") is None:
        console.print("no nginx: replicas are not measured (sudo apt-get install nginx-light)")
    else:
        layouts += [
            ("1, nginx", [frozenset(every)], True),
            (
                f"{max(2, len(every))} of one core each, nginx",
                [frozenset({every[turn % len(every)]}) for turn in range(max(2, len(every)))],
                True,
            ),
        ]
    for label, places, proxied in layouts:
        with ExitStack() as stack:
            started = [
                stack.enter_context(serving(ground.server, ground.bundle, ground.small, cpus=cpus))
                for cpus in places
            ]
            ports = [port for _, port in started]
            port = stack.enter_context(_nginx(ground.folder, ports)) if proxied else ports[0]
            point = _point(label, len(places), _load(ground, port, ground.middling))
            memory = sum(resident_bytes(run.pid) for run, _ in started)
            yield point.model_copy(update={"memory_bytes": memory})


@contextmanager
def _nginx(folder: Path, backends: list[int]) -> Iterator[int]:
    """Put nginx before some ports, as docs/deploy.md has a proxy before the service; its port."""
    port = free_port()
    configuration = folder / f"nginx-{port}.conf"
    configuration.write_text(
        NGINX.format(
            # Started by root, its workers would be nobody, who may not write into our folder.
            user="user root;" if os.geteuid() == 0 else "",
            folder=folder,
            port=port,
            backends=" ".join(f"server 127.0.0.1:{backend};" for backend in backends),
        ),
        "utf-8",
    )
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(configuration)]
    with running(command, answers=lambda: _is_live(port)):
        yield port


def _is_live(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def _load(ground: Ground, port: int, body: Body, connections: int = CONNECTIONS) -> Load:
    return closed_loop(port, body, connections=connections, seconds=ground.seconds)


def _point(label: str, size: float, load: Load) -> Point:
    if load.failed:
        raise RuntimeError(f"{load.failed} requests failed at {label}")
    return _said(Point(label=label, size=size, rate=load.rate, p50_ms=load.p50_ms))


def _said(point: Point) -> Point:
    console.print(f"{point.label}: {point.rate:.0f}/s, {point.p50_ms:.1f} ms")
    return point
