"""What batching costs when there is little to do: p99 at a tenth of capacity, with it and without.

A batcher that waits for company makes a lone request slower. Requests arrive when they like, and
the two services take turns.
"""

from __future__ import annotations

import asyncio
from typing import Final

import numpy as np

from bench.arrivals import Arrivals, latencies_ms
from bench.load import Body
from bench.peers.servers import Server, serving
from bench.results import LightLoad
from service.bundles import Bundle

SHARE: Final = 0.1
WARM_UP_SECONDS: Final = 2.0
"""Until a session for lone images is there, which is built beside the first of them."""
FEWEST: Final = 20
"""Arrivals a round, at least about so many."""

SINGLE: Final = ("--max-batch", "1")
KEPT: Final = ("--keep-alive-seconds", "60")


def light_load(
    server: Server, bundle: Bundle, body: Body, *, capacity: float, rounds: int, seconds: float
) -> LightLoad:
    """Return both 99th percentiles (ms) at a tenth of a capacity in images a second."""
    rate = capacity * SHARE
    taken: dict[tuple[str, ...], list[float]] = {(): [], SINGLE: []}
    for number in range(rounds):
        arrivals = Arrivals(rate, max(seconds, FEWEST / rate), number)
        for flags in (SINGLE, ()) if number % 2 else ((), SINGLE):
            with serving(server, bundle, body, *KEPT, *flags) as (_, port):
                asyncio.run(latencies_ms(port, server.path, body, Arrivals(rate, WARM_UP_SECONDS)))
                taken[flags] += asyncio.run(latencies_ms(port, server.path, body, arrivals))
    batching, single = (float(np.percentile(found, 99)) for found in taken.values())
    return LightLoad(rate=rate, n=len(taken[()]), batching_ms=batching, single_ms=single)
