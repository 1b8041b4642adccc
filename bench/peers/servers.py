"""Who is measured: how each is started, where it takes images, and how it says its best label."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.goals import OURS
from bench.load import Body, free_port
from bench.peers.environments import ROOT, environment, locked_version, our_version
from bench.processes import Running, running
from bench.results import BodyKind
from service.bundles import Bundle
from service.cores import usable_cores

RAW: Final = "raw"
FORM: Final = "form"
ANSWER_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Server:
    """One server in one configuration.

    ``command`` may hold ``{bin}``, ``{port}``, ``{bundles}`` and ``{model}``. ``field`` is what its
    form calls the file.
    """

    name: str
    title: str
    layout: str
    path: str
    command: tuple[str, ...]
    bodies: tuple[BodyKind, ...] = (RAW,)
    field: str = "file"
    package: str = ""
    environment: str = ""
    cores: int = 0

    @property
    def version(self) -> str:
        """Return the version of what is measured."""
        if not self.package:
            return our_version()
        return locked_version(self.environment, self.package)


def ours(cores: int, python: str = "", provider: str = "cpu") -> Server:
    """Return our own service on a provider, in the environment of a Python or in one of its own."""
    other = "" if provider == "cpu" else f", {provider}"
    return Server(
        f"{OURS}-{provider}" if other else OURS,
        f"Rótulo{other}",
        f"one process, {cores} inference threads{other}",
        "/v1/labels",
        (python or "{bin}/python", "-m", "service", "serve", "--port", "{port}",
         "--bundles", "{bundles}", "--model", "{model}", "--provider", provider,
         "--lame-duck-seconds", "0", "--request-timeout-seconds", "60"),
        bodies=(RAW, FORM), environment="" if python else OURS,
    )  # fmt: skip


def servers(cores: int) -> tuple[Server, ...]:
    """Return everyone on so many cores, each with as many inference threads in all."""
    return (
        ours(cores),
        Server(
            "mosec", "Mosec", f"{cores} worker processes, batches of 16 at most, 1 ms",
            "/inference",
            ("{bin}/python", "-m", "bench.peers.apps.mosec_app", "--port", "{port}",
             "--address", "127.0.0.1", "--timeout", "60000", "--log-level", "warning"),
            package="mosec", environment="mosec",
        ),
        Server(
            "litserve", "LitServe", f"{cores} workers, batches of 16 at most, 2 ms, fast queue",
            "/predict",
            ("{bin}/python", "-m", "bench.peers.apps.litserve_app", "{port}"),
            package="litserve", environment="litserve",
        ),
        Server(
            "bentoml", "BentoML", f"{cores} workers, adaptive batches of 16 at most", "/label",
            ("{bin}/bentoml", "serve", "bench.peers.apps.bentoml_app:Labels",
             "--host", "127.0.0.1", "--port", "{port}"),
            bodies=(FORM,), field="images", package="bentoml", environment="bentoml",
        ),
        *(
            Server(
                f"naive-{workers}", f"FastAPI, {workers} worker{'s' if workers > 1 else ''}",
                f"one run a request in FastAPI's threads, {max(1, cores // workers)} intra-op "
                f"thread{'s' if cores // workers > 1 else ''} each", "/label",
                ("{bin}/python", "-m", "uvicorn", "bench.peers.apps.naive_app:app", "--host",
                 "127.0.0.1", "--port", "{port}", "--workers", str(workers), "--no-access-log",
                 "--log-level", "warning"),
                bodies=(FORM,), package="fastapi", environment="naive",
                cores=max(1, cores // workers),
            )
            for workers in (1, 2)
        ),
    )  # fmt: skip


@contextmanager
def serving(
    server: Server, bundle: Bundle, picture: Body, *flags: str, cpus: frozenset[int] | None = None
) -> Iterator[tuple[Running, int]]:
    """Start a server with a bundle, and give it with its port once it labels a picture.

    ``cpus`` are those that it may use; all, by default.
    """
    port = free_port()
    manifest = bundle.manifest
    words = {
        "bin": environment(server.environment) if server.environment else "",
        "port": port,
        "bundles": bundle.path.parents[1],
        "model": f"{manifest.name}/{manifest.version}",
    }
    command = [word.format(**words) for word in server.command] + list(flags)
    if cpus is not None:
        command = ["taskset", "--cpu-list", ",".join(map(str, sorted(cpus))), *command]
    with running(
        command, answers=lambda: _labels(server, port, picture), env=_variables(server, bundle)
    ) as started:
        yield started, port


def best_labels(server: Server, port: int, body: Body) -> list[str]:
    """Return the best label of each picture, asked one after the other.

    Raises:
        RuntimeError: an answer was no label.
    """
    return [_ask(server, port, body.content_type, file) for file in body.files]


def best_label(answer: Any) -> str:  # noqa: ANN401  # whatever JSON a server gives
    """Return the id of the best label in the answer of any of the servers."""
    first = answer[0] if isinstance(answer, list) else answer
    found: str = first["labels"][0]["id"] if "labels" in first else first["label"]
    return found


def _ask(server: Server, port: int, content_type: str, file: Path) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        headers = {"Content-Type": content_type}
        connection.request("POST", server.path, file.read_bytes(), headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{server.title} answers {answer.status}: {said[:500]!r}")
    return best_label(json.loads(said))


def _labels(server: Server, port: int, picture: Body) -> bool:
    try:
        _ask(server, port, picture.content_type, picture.files[0])
    except (OSError, http.client.HTTPException, RuntimeError):
        return False
    return True


def _variables(server: Server, bundle: Bundle) -> Mapping[str, str]:
    """Return what the peers read from their environment (bench.peers.apps.model)."""
    return {
        "PEER_BUNDLE": str(bundle.path),
        "PEER_CORES": str(server.cores or usable_cores()),
        "PYTHONPATH": str(ROOT),
        "BENTOML_DO_NOT_TRACK": "True",
    }
