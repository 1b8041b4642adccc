"""What overload costs: goodput, how fast refusals are, and whether `Retry-After` is true.

    python -m bench.overload

The service has one core and the clients another, where there are two, so that clients who are
refused cost the service no more than they would from another machine. Loopback only.
"""

import math
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import uvloop
from rich.console import Console

from bench.clients import OK, REFUSED, Answer, Clients
from bench.load import running_service
from bench.pictures import MEDIUM, SMALL, draw
from service.settings import Settings
from tests.fleet import Fleet

KINDS = {kind.name: kind for kind in (SMALL, MEDIUM)}
PICTURES = 8
CONNECTIONS = (16, 64)
OVERLOAD = 5
BURSTS = (2, 5)
RESULTS = Path(__file__).with_name("overload.md")

SIMULATED_PACE = 100.0
SIMULATED_PLACES = 64
SIMULATED_BASE = 0.4
SIMULATED_SECONDS = (0.5, 1.5, 3.0, 6.0)

app = typer.Typer(add_completion=False)
console = Console()


@app.command()
def main(
    *,
    seconds: Annotated[float, typer.Option(min=0.5, help="How long each load lasts.")] = 5.0,
    burst: Annotated[float, typer.Option(min=0.2, help="How long a burst lasts.")] = 1.5,
    idle: Annotated[float, typer.Option(min=0.5, help="How long nobody asks.")] = 5.0,
    kinds: Annotated[str, typer.Option(help="Kinds of picture: any of S, M.")] = "S,M",
    out: Annotated[Path, typer.Option(help="Where the tables go.")] = RESULTS,
) -> None:
    """Measure and write the tables."""
    lines = _heading(seconds)
    for name in kinds.split(","):
        kind = KINDS[name]
        bodies = [draw(kind, seed) for seed in range(PICTURES)]
        with _one_core_each() as move_over, running_service() as (port, pid):
            move_over()
            measured = uvloop.run(_measure(Clients(port, kind.media_type, bodies), seconds, burst))
            spent = _idle_share(pid, idle)
        size = sum(map(len, bodies)) / len(bodies)
        lines += [f"## {name}: {kind.width}×{kind.height}, {size / 1e3:.0f} kB", "", *measured]
        lines += [f"Idle for {idle:g} s: {spent:.2%} of one core.", ""]
        console.print("\n".join(lines[-12:]), markup=False, soft_wrap=True)
    lines += _simulated()
    out.write_text("\n".join(lines).rstrip() + "\n")
    console.print(out.read_text(), markup=False, soft_wrap=True)


async def _measure(clients: Clients, seconds: float, burst: float) -> list[str]:
    await clients.closed_loop(CONNECTIONS[0], seconds / 2)  # warm: what it costs is known now
    peak = max([await clients.closed_loop(many, seconds) for many in CONNECTIONS])
    lines = ["| Load | Asked/s | Labelled/s | Of the peak | Refusals p50 ms | p99 ms | Other |"]
    lines += ["|---|---|---|---|---|---|---|", _row("closed loop", clients.answers, None, peak)]
    clients.answers.clear()
    started = time.perf_counter()
    await clients.open_loop(OVERLOAD * peak, seconds, obedient=False)
    # What was taken in the first moments fills the queue; the pace is that of the rest.
    window = (started + seconds / 5, started + seconds)
    lines += [_row(f"{OVERLOAD} × the peak", clients.answers, window, peak), ""]
    lines += ["| Burst | Clients | Refused | First retry labelled | Longest wait s |"]
    lines += ["|---|---|---|---|---|"]
    for times in BURSTS:
        told = await clients.open_loop(times * peak, burst, obedient=True)
        again = [answers[1] for answers in told if len(answers) > 1]
        helped = sum(answer.status == OK for answer in again)
        wait = max((answers[0].retry_after for answers in told), default=0)
        share = f"{helped / len(again):.1%}" if again else "nobody was refused"
        cells = (f"{times} × the peak for {burst:g} s", len(told), len(again), share, wait)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    clients.close()
    return [*lines, ""]


def _row(load: str, answers: list[Answer], window: tuple[float, float] | None, peak: float) -> str:
    if window is None:
        return f"| {load} | {peak:.0f} | {peak:.0f} | 100% | – | – | – |"
    start, end = window
    asked = sum(start <= answer.at < end for answer in answers)
    labelled = sum(
        answer.status == OK and start <= answer.at + answer.milliseconds / 1000 < end
        for answer in answers
    )
    refusals = [a.milliseconds for a in answers if a.status == REFUSED and start <= a.at < end]
    p50, p99 = np.percentile(refusals, (50, 99)) if refusals else (math.nan, math.nan)
    other = Counter(answer.status for answer in answers if answer.status not in {OK, REFUSED})
    rate = labelled / (end - start)
    cells = (
        load, f"{asked / (end - start):.0f}", f"{rate:.0f}", f"{rate / peak:.0%}",
        f"{p50:.1f}", f"{p99:.1f}", str(dict(other) or "–"),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _simulated() -> list[str]:
    """How true `Retry-After` is as a burst goes on, in virtual time."""
    lines = [
        "## How long a burst may be",
        "",
        (
            f"A simulated fleet before the real labeller, {SIMULATED_PACE:g} images/s, "
            f"{SIMULATED_PLACES} places, over {SIMULATED_BASE:.0%} of the pace that never ends: "
            "the share of those refused whom their first retry helped. Each client has an address "
            "of its own, and so a turn of its own."
        ),
        "",
        "| Burst | " + " | ".join(f"{seconds:g} s" for seconds in SIMULATED_SECONDS) + " |",
        "|---|" + "---|" * len(SIMULATED_SECONDS),
    ]
    for times in BURSTS:
        shares = (_first_retry_success(times, seconds) for seconds in SIMULATED_SECONDS)
        lines.append(f"| {times} × the pace | " + " | ".join(shares) + " |")
    return lines


def _first_retry_success(times: int, seconds: float) -> str:
    places = SIMULATED_PLACES
    settings = Settings(inference_threads=2, max_images_in_flight=places, max_queue=places)
    fleet = Fleet(settings, {"toy": 2 / SIMULATED_PACE})
    base = _stream(SIMULATED_BASE * SIMULATED_PACE, 0.0, 20.0 + 2 * seconds)
    fleet.arrive([*base, *_stream(times * SIMULATED_PACE, 3.0, seconds)])
    return f"{fleet.first_retry_success:.0%}"


def _stream(rate: float, start: float, seconds: float) -> Iterator[float]:
    chance = np.random.default_rng(5)
    at = start
    while (at := at + chance.exponential(1 / rate)) < start + seconds:
        yield at


def _idle_share(pid: int, seconds: float) -> float:
    """The share of one core that a process takes while nobody asks for anything."""
    before = _processor_seconds(pid)
    time.sleep(seconds)
    return (_processor_seconds(pid) - before) / seconds


def _processor_seconds(pid: int) -> float:
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


@contextmanager
def _one_core_each() -> Iterator[Callable[[], None]]:
    """Let what is started next have the first core; give what moves us to the others after it."""
    cores = os.sched_getaffinity(0)
    first = {min(cores)}
    os.sched_setaffinity(0, first)
    try:
        yield lambda: os.sched_setaffinity(0, cores - first or cores)
    finally:
        os.sched_setaffinity(0, cores)


def _heading(seconds: float) -> list[str]:
    load = os.getloadavg()[0]
    return [
        "# Overload",
        "",
        (
            "Written by `python -m bench.overload`. What is aimed at: at 5 times the peak at least "
            "90% of it is labelled, refusals take less than 10 ms (p99), those who wait as they "
            "are told are served at their first retry (95%), and an idle service takes less than "
            "1% of a core."
        ),
        "",
        (
            f"The shipped bundle, CPU ({platform.machine()}), one core for the service and another "
            f"for the clients, Python {platform.python_version()}, {seconds:g} s each, {PICTURES} "
            "pictures in turn as raw bodies, load average of the machine at the start "
            f"{load:.1f}. The peak is the best closed loop of "
            f"{' and '.join(map(str, CONNECTIONS))} connections. A refusal's time runs from the "
            "request's first byte to the answer's last, at the client."
        ),
        "",
    ]


if __name__ == "__main__":
    app()
