"""Interleaved rounds: the limit, then each server in turn, then all of it again."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from types import MappingProxyType
from typing import Final

from rich.console import Console

from bench.limit import Work, in_process_limit, single_image_ms
from bench.load import Body, Load, closed_loop
from bench.peers.pictures import Pictures
from bench.peers.servers import Server, best_labels, serving
from bench.processes import PeakMemory, cpu_seconds
from bench.results import BodyKind, Contestant, Limit, Loaded
from service.bundles import Bundle

CONNECTIONS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {"S": (1, 8, 32, 128), "M": (1, 8, 32, 128), "L": (1, 8)}
)
LONGER: Final[Mapping[str, int]] = MappingProxyType({"L": 2})
"""Kinds whose loads last so many times as long, because few requests fit into a second."""

ALONE_REPEATS: Final = 50
SETTLING_SECONDS: Final = 0.5
SETTLING_TRIES: Final = 60

console = Console()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, how often, and how long (seconds) each load and the idling lasts."""

    bundle: Bundle
    pictures: Sequence[Pictures]
    servers: Sequence[Server]
    rounds: int
    seconds: int
    idle_seconds: float


@dataclass(slots=True)
class Taken:
    """What the rounds gave so far."""

    limits: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    loads: defaultdict[tuple[str, BodyKind, str, int], list[Load]] = field(
        default_factory=lambda: defaultdict(list)
    )
    ready: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    idle: dict[str, float] = field(default_factory=dict)
    memory: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))


def measure(plan: Plan) -> tuple[list[Limit], list[Contestant], list[Loaded]]:
    """Return the limits, the servers and their loads.

    Raises:
        WrongLabel: a server says something else of a picture.
        ServerFailed: one did not start.
    """
    taken = Taken()
    alone = {
        one.kind.name: single_image_ms(plan.bundle.path, one.raw.files[0], ALONE_REPEATS)
        for one in plan.pictures
    }
    for number in range(plan.rounds):
        for one in plan.pictures:
            work = Work(plan.bundle.path, one.raw.files, plan.seconds)
            taken.limits[one.kind.name].append(in_process_limit(work))
            console.print(f"limit {one.kind.name}: {taken.limits[one.kind.name][-1]:.0f}/s")
        turn = number % len(plan.servers)
        for server in (*plan.servers[turn:], *plan.servers[:turn]):
            _visit(plan, server, taken, first=number == 0)
    limits = [
        Limit(kind=kind, rates=tuple(rates), alone_ms=alone[kind])
        for kind, rates in taken.limits.items()
    ]
    return limits, [_contestant(one, taken) for one in plan.servers], _loads(taken)


class WrongLabel(Exception):
    """A server that says something else of a picture than the model does."""


def check_labels(server: Server, port: int, pictures: Pictures) -> None:
    """Ask for every picture once.

    Raises:
        WrongLabel: an answer is another than the model's.
    """
    for way in server.bodies:
        said = tuple(best_labels(server, port, pictures.body(server, way)))
        if said != pictures.labels:
            raise WrongLabel(
                f"{server.title} says {said} of {pictures.kind.name}, where the model says "
                f"{pictures.labels}"
            )


def _visit(plan: Plan, server: Server, taken: Taken, *, first: bool) -> None:
    """Start a server, put each load on it, and end it; what is taken once, the first time."""
    opening = plan.pictures[0].body(server, server.bodies[0])
    with serving(server, plan.bundle, opening) as (run, port):
        taken.ready[server.name].append(run.ready_seconds)
        if first:
            taken.idle[server.name] = idle_percent(run.pid, plan.idle_seconds)
        for one in plan.pictures:
            kind = one.kind.name
            if first:
                check_labels(server, port, one)
            with PeakMemory(run.pid) as peak:
                for way in server.bodies:
                    body = one.body(server, way)
                    for connections in CONNECTIONS[kind]:
                        load = closed_loop(
                            port,
                            body,
                            connections=connections,
                            seconds=plan.seconds * LONGER.get(kind, 1),
                            path=server.path,
                        )
                        settle(server, port, body)
                        taken.loads[server.name, way, kind, connections].append(load)
                        console.print(f"{server.name} {kind} {way} {connections}: {load}")
            memory = taken.memory[server.name]
            memory[kind] = max(memory.get(kind, 0), peak.bytes)


def settle(server: Server, port: int, body: Body) -> None:
    """Wait until a server has done what the last load left behind: it answers one at a time."""
    one = Body(body.content_type, body.files[:1])
    for _ in range(SETTLING_TRIES):
        try:
            best_labels(server, port, one)
        except (OSError, RuntimeError):  # it still refuses, or hangs up
            time.sleep(SETTLING_SECONDS)
        else:
            return
    raise RuntimeError(f"{server.title} did not recover from a load")


def idle_percent(pid: int, seconds: float) -> float:
    """Return the share of one core, in percent, that a server takes while nobody asks."""
    time.sleep(SETTLING_SECONDS)
    before, began = cpu_seconds(pid), time.perf_counter()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.perf_counter() - began) * 100


def _contestant(server: Server, taken: Taken) -> Contestant:
    return Contestant(
        name=server.name,
        title=server.title,
        version=server.version,
        layout=server.layout,
        ready_seconds=tuple(taken.ready[server.name]),
        idle_percent=taken.idle[server.name],
        memory_bytes=taken.memory[server.name],
    )


def _loads(taken: Taken) -> list[Loaded]:
    return [
        Loaded(
            server=server,
            body=way,
            kind=kind,
            connections=connections,
            rates=tuple(one.rate for one in loads),
            p50_ms=tuple(one.p50_ms for one in loads),
            p95_ms=tuple(one.p95_ms for one in loads),
            p99_ms=tuple(one.p99_ms for one in loads),
            failed=sum(one.failed for one in loads),
        )
        for (server, way, kind, connections), loads in taken.loads.items()
    ]


def median_rate(loads: Sequence[Loaded], server: str, kind: str, connections: int) -> float:
    """Return a server's median images a second by its first way.

    Raises:
        LookupError: that load was not measured.
    """
    for load in loads:
        if (load.server, load.kind, load.connections) == (server, kind, connections):
            return median(load.rates)
    raise LookupError(f"{server} was not measured with {kind} at {connections} connections")
