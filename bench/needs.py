"""What a site needs, from what one replica was seen to do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from bench.goals import BUSY, OURS, find_load, rate
from bench.results import Network

HEADROOM: Final = 0.5
"""Share of the measured rate to plan with; docs/capacity.md says why."""

FEWEST_REPLICAS: Final = 2
SITES: Final = (1, 100, 10_000)
KIND: Final = "M"


@dataclass(frozen=True, slots=True)
class Replica:
    """One process: images a second that it did, its cores, bytes of memory, bytes of a picture."""

    rate: float
    cores: int
    memory_bytes: int
    picture_bytes: int


@dataclass(frozen=True, slots=True)
class Needs:
    """What so many images a second need: cores' work, replicas, memory in all, network."""

    images: float
    busy_cores: float
    replicas: int
    memory_bytes: int
    bits_per_second: float


def needs(images: float, replica: Replica) -> Needs:
    """Return what a site needs whose busiest minutes bring so many images a second."""
    replicas = max(FEWEST_REPLICAS, math.ceil(images / (replica.rate * HEADROOM)))
    return Needs(
        images=images,
        busy_cores=images / (replica.rate / replica.cores),
        replicas=replicas,
        memory_bytes=replicas * replica.memory_bytes,
        bits_per_second=images * replica.picture_bytes * 8,
    )


def replica_of(network: Network) -> Replica | None:
    """Return what was measured of one replica with middling photos, if it was."""
    measured = rate(find_load(network, OURS, "raw", KIND, BUSY[KIND]))
    picture = next((one.size_bytes for one in network.pictures if one.kind == KIND), None)
    memory = next((one.memory_bytes for one in network.contestants if one.name == OURS), {})
    if not measured or picture is None or KIND not in memory:
        return None
    return Replica(measured, network.conditions.cores, memory[KIND], picture)


def paragraph(replica: Replica) -> str:
    """Return in words what sites of 1, 100 and 10,000 images a second need."""
    one, hundred, many = (needs(images, replica) for images in SITES)
    return (
        f"One replica of {_count(replica.cores, 'core')} labelled {replica.rate:.0f} photos a "
        "second here, load generator included. Planned with half of that, so that bursts and a "
        "replica that is being replaced find room: "
        f"a site with **1 image a second** keeps {one.busy_cores:.2f} of a core busy and needs "
        f"{_count(one.replicas, 'replica')} only so that one can go. "
        f"**100 images a second** keep {_number(hundred.busy_cores)} cores busy: "
        f"{_count(hundred.replicas, 'replica')} of {_count(replica.cores, 'core')}, "
        f"{_gigabytes(hundred.memory_bytes)} of memory, {_bits(hundred.bits_per_second)} of "
        f"uploads. **10,000 images a second** keep {_number(many.busy_cores)} cores busy: "
        f"{_count(many.replicas, 'replica')} or as many cores in larger machines, "
        f"{_gigabytes(many.memory_bytes)} of memory, and {_bits(many.bits_per_second)} of uploads "
        "through the load balancers; there a GPU, a smaller network, int8 or OpenVINO decide the "
        "bill, and a site would first ask whether it sends pictures larger than the model sees. "
        "Nothing beyond this machine's cores was measured: replicas share nothing but the rate "
        "limits, so the arithmetic is a multiplication, and yours to check."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _number(value: float) -> str:
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"  # noqa: PLR2004  # one digit is enough


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"


def _bits(count: float) -> str:
    return f"{count / 1e9:,.1f} Gbit/s" if count >= 1e9 else f"{count / 1e6:,.0f} Mbit/s"  # noqa: PLR2004
