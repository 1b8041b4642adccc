"""How long the event loop stands still while a session is built in a thread.

    python -m bench.reload [BUNDLE]

Each round builds the bundle's session as a reload does, and sleeps as long in its place. The loop
ticks meanwhile, and its longest gap is taken. Were the interpreter's lock held while the session is
built, no gap could be shorter than that; what a sleep shows is the machine's own.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from service.bundles import find_bundles, load_bundle
from service.classifier import OnnxClassifier
from service.server import SWITCH_SECONDS
from service.settings import SHIPPED_BUNDLES

ROUNDS = 15
TICK_SECONDS = 0.0005


async def longest_gap(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of a work in a thread, and the loop's longest gap meanwhile."""
    worst, done = 0.0, False

    async def tick() -> None:
        nonlocal worst
        while not done:
            before = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            worst = max(worst, time.perf_counter() - before - TICK_SECONDS)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    started = time.perf_counter()
    await asyncio.to_thread(work)
    seconds = time.perf_counter() - started
    done = True
    await ticking
    return seconds, worst


def main() -> None:
    """Print the table."""
    given = sys.argv[1:]
    sys.setswitchinterval(SWITCH_SECONDS)  # as the service does
    bundle = load_bundle(Path(given[0])) if given else find_bundles(SHIPPED_BUNDLES)[-1]
    rounds: dict[str, list[tuple[float, float]]] = {"build": [], "sleep": []}
    OnnxClassifier(bundle, provider="cpu")
    for _ in range(ROUNDS):
        built = asyncio.run(longest_gap(lambda: OnnxClassifier(bundle, provider="cpu")))
        rounds["build"].append(built)
        rounds["sleep"].append(asyncio.run(longest_gap(lambda: time.sleep(built[0]))))  # noqa: B023
    print(f"{'/'.join(bundle.manifest.ref)}, {ROUNDS} rounds, milliseconds")
    print("| | it took, median | longest gap, least | median | most |")
    print("|---|---|---|---|---|")
    for name, taken in rounds.items():
        took = statistics.median(seconds for seconds, _ in taken)
        gaps = sorted(gap for _, gap in taken)
        figures = (took, gaps[0], statistics.median(gaps), gaps[-1])
        print(f"| {name} | " + " | ".join(f"{1000 * figure:.1f}" for figure in figures) + " |")


if __name__ == "__main__":
    main()
