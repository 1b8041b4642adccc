"""What was wished of the service beside its peers, what was measured, and whether that is met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench.results import BodyKind, Loaded, Network

OURS: Final = "rotulo"
ACCELERATED: Final = "rotulo-openvino"
NAIVE: Final = "naive-2"
BUSY: Final = {"S": 32, "M": 32, "L": 8}
"""Connections at which throughput is compared, by kind of picture."""

MAX_MEMORY_MB: Final = 200
MAX_READY_SECONDS: Final = 1.5
MAX_IDLE_PERCENT: Final = 1.0
MAX_ABOVE_ALONE_MS: Final = 0.6
MAX_LIGHT_RATIO: Final = 1.1
OVER_BEST: Final = {"float32": {"S": 1.0, "M": 1.4, "L": 2.5}, "int8": {"S": 1.0, "M": 1.0}}
OVER_NAIVE: Final = 1.7
ACCELERATED_OVER_BEST: Final = 2.5
OF_LIMIT: Final[tuple[tuple[str, BodyKind, float], ...]] = (
    ("S", "raw", 0.90), ("M", "raw", 0.90), ("S", "form", 0.85), ("M", "form", 0.85),
    ("L", "raw", 0.75),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Goal:
    """One wish: its bound, what was measured, whether it is met, and a remark."""

    what: str
    bound: str
    measured: str
    met: bool
    remark: str = ""


def goals(network: Network, in_float32: Network | None = None) -> list[Goal]:
    """Return each goal for which something was measured.

    ``in_float32`` is the network that one in 8 bits was made of, measured on the same machine.
    """
    return [
        *_beside_peers(network),
        *_beside_float32(network, in_float32 or network),
        *_beside_limit(network),
        *_alone(network),
        *_cost(network),
    ]


def find_load(
    network: Network, server: str, body: BodyKind | None, kind: str, connections: int
) -> Loaded | None:
    """Return one load; whichever body the server takes where none is named."""
    for load in network.loads:
        same = (load.server, load.kind, load.connections) == (server, kind, connections)
        if same and body in {None, load.body}:
            return load
    return None


def rate(load: Loaded | None) -> float | None:
    """Return a load's median images a second."""
    return None if load is None else median(load.rates)


def best_peer(network: Network, kind: str) -> tuple[str, float] | None:
    """Return the title and the rate of the fastest of the others, where that load was measured."""
    found = [
        (one.title, value)
        for one in network.contestants
        if one.name not in {OURS, ACCELERATED}
        and (value := rate(find_load(network, one.name, None, kind, BUSY[kind])))
    ]
    return max(found, key=lambda pair: pair[1], default=None)


def limit_rate(network: Network, kind: str) -> float | None:
    """Return the in-process limit for a kind of picture."""
    return next((median(one.rates) for one in network.limits if one.kind == kind), None)


def _beside_peers(network: Network) -> Iterator[Goal]:
    for kind, wanted in OVER_BEST[network.precision].items():
        best = best_peer(network, kind)
        if best:
            yield from _ratio(network, kind, best, wanted, "the best peer")
        if best and kind == "M":  # S has a bound of its own there
            yield from _ratio(network, kind, best, wanted, "the best peer", ACCELERATED)
    naive = rate(find_load(network, NAIVE, None, "M", BUSY["M"]))
    if naive and network.precision == "float32":
        title = "two FastAPI workers"
        for server in (OURS, ACCELERATED):
            yield from _ratio(network, "M", (title, naive), OVER_NAIVE, title, server)


def _beside_float32(network: Network, in_float32: Network) -> Iterator[Goal]:
    """Compare what is faster than float32 on the CPU with the best peer that has just that."""
    best = best_peer(in_float32, "S")
    if best is None or in_float32.precision != "float32":
        return
    for server in (ACCELERATED, OURS) if network.precision == "int8" else (ACCELERATED,):
        name = "the best peer in float32"
        yield from _ratio(network, "S", best, ACCELERATED_OVER_BEST, name, server)


def _ratio(
    network: Network,
    kind: str,
    peer: tuple[str, float],
    wanted: float,
    name: str,
    server: str = OURS,
) -> Iterator[Goal]:
    ours = rate(find_load(network, server, "raw", kind, BUSY[kind]))
    if ours is None:
        return
    title, theirs = peer
    limit = limit_rate(network, kind)  # of the CPU
    remark = f"{title} {theirs:.0f}/s"
    if limit is not None and server == OURS:
        remark += f"; the in-process limit is {limit / theirs:.2f} ×"
    way = "" if server == OURS else " on OpenVINO"
    yield Goal(
        f"{kind} at {BUSY[kind]} connections{way}, against {name}",
        f"≥ {wanted:.1f} ×",
        f"{ours / theirs:.2f} ×",
        ours / theirs >= wanted,
        remark,
    )


def _beside_limit(network: Network) -> Iterator[Goal]:
    for kind, body, wanted in OF_LIMIT:
        ours = rate(find_load(network, OURS, body, kind, BUSY[kind]))
        limit = limit_rate(network, kind)
        if ours is None or not limit:
            continue
        way = "raw body" if body == "raw" else "form"
        share = ours / limit
        yield Goal(
            f"{kind} by {way}, of the in-process limit",
            f"≥ {wanted:.0%}",
            f"{share:.0%}",
            share >= wanted,
            f"{ours:.0f}/s of {limit:.0f}/s",
        )


def _alone(network: Network) -> Iterator[Goal]:
    for limit in network.limits:
        load = find_load(network, OURS, "raw", limit.kind, 1)
        if load is None or limit.kind == "L":
            continue
        above = median(load.p50_ms) - limit.alone_ms
        yield Goal(
            f"{limit.kind} at one connection, p50 above decode and session",
            f"≤ {MAX_ABOVE_ALONE_MS} ms",
            f"{above:.2f} ms",
            above <= MAX_ABOVE_ALONE_MS,
            f"{median(load.p50_ms):.2f} ms, {limit.alone_ms:.2f} ms alone",
        )
    light = network.light
    if light is not None:
        ratio = light.batching_ms / light.single_ms
        yield Goal(
            "p99 at a tenth of capacity, batching against not",
            f"≤ {MAX_LIGHT_RATIO} ×",
            f"{ratio:.2f} ×",
            ratio <= MAX_LIGHT_RATIO,
            f"{light.batching_ms:.1f} ms and {light.single_ms:.1f} ms, n = {light.n} each",
        )


def _cost(network: Network) -> Iterator[Goal]:
    for one in network.contestants:
        if one.name != OURS:
            continue
        ready = median(one.ready_seconds)
        for kind in ("S", "M"):
            if kind in one.memory_bytes:
                megabytes = one.memory_bytes[kind] / 1e6
                met = megabytes <= MAX_MEMORY_MB
                yield Goal(
                    f"Peak memory at {kind}", f"≤ {MAX_MEMORY_MB} MB", f"{megabytes:.0f} MB", met
                )
        yield Goal(
            "Ready",
            f"≤ {MAX_READY_SECONDS} s",
            f"{ready:.2f} s",
            ready <= MAX_READY_SECONDS,
            "from the start of the process to the first label",
        )
        yield Goal(
            "Idle",
            f"< {MAX_IDLE_PERCENT:.0f} % of a core",
            f"{one.idle_percent:.2f} %",
            one.idle_percent < MAX_IDLE_PERCENT,
        )
