"""The service against its in-process limit: closed loops at 1, 8 and 32 connections.

    make bench

Rounds are interleaved (limit, then each load, then the limit again), so that a neighbour on the
machine disturbs all alike; the table gives medians. wrk shares the cores with the service.
"""

import platform
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console

from bench.limit import Work, in_process_limit, single_image_ms
from bench.load import Body, Load, closed_loop, multipart, require_wrk, running_service
from bench.pictures import LARGE, MEDIUM, SMALL, Kind, draw
from service.bundles import Bundle, find_bundles
from service.cores import usable_cores
from service.settings import SHIPPED_BUNDLES

CONNECTIONS = (1, 8, 32)
PICTURES = 8
KINDS = {kind.name: kind for kind in (SMALL, MEDIUM, LARGE)}
RESULTS = Path(__file__).with_name("serve.md")

app = typer.Typer(add_completion=False)
console = Console()


@dataclass(frozen=True, slots=True)
class Setup:
    """What one kind of picture is measured with."""

    kind: Kind
    bundle: Bundle
    raw: Body
    form: Body


@app.command()
def main(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is repeated.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="How long each load lasts.")] = 5,
    kinds: Annotated[str, typer.Option(help="Kinds of picture: any of S, M, L.")] = "S,M",
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS,
) -> None:
    """Measure and write the table."""
    require_wrk()
    bundle = find_bundles(SHIPPED_BUNDLES)[-1]
    lines = _heading(bundle, rounds, seconds)
    with tempfile.TemporaryDirectory() as folder:
        for name in kinds.split(","):
            setup = _setup(KINDS[name], bundle, Path(folder))
            lines += _measure(setup, rounds, seconds)
    out.write_text("\n".join(lines) + "\n")
    console.print(out.read_text(), markup=False, soft_wrap=True)


def _setup(kind: Kind, bundle: Bundle, folder: Path) -> Setup:
    files = []
    for seed in range(PICTURES):
        file = folder / f"{kind.name}{seed}"
        file.write_bytes(draw(kind, seed))
        files.append(file)
    raw = Body(kind.media_type, tuple(files))
    return Setup(kind, bundle, raw, multipart(raw, folder))


def _measure(setup: Setup, rounds: int, seconds: int) -> list[str]:
    limits: list[float] = []
    loads: defaultdict[tuple[str, int], list[Load]] = defaultdict(list)
    work = Work(setup.bundle.path, setup.raw.files, seconds)
    alone = single_image_ms(setup.bundle.path, setup.raw.files[0], 100)
    for _ in range(rounds):
        limits.append(in_process_limit(work))
        with running_service() as (port, _):
            for way, body in (("raw", setup.raw), ("multipart", setup.form)):
                for connections in CONNECTIONS:
                    load = closed_loop(port, body, connections=connections, seconds=seconds)
                    loads[way, connections].append(load)
                    console.print(f"{setup.kind.name} {way} {connections}: {load}")
    limit = median(limits)
    size = sum(file.stat().st_size for file in setup.raw.files) / len(setup.raw.files)
    lines = [
        (
            f"## {setup.kind.name}: {setup.kind.width}×{setup.kind.height} "
            f"{setup.kind.media_type}, {size / 1e3:.0f} kB"
        ),
        "",
        (
            f"In-process limit: {limit:.0f} images/s ({min(limits):.0f} to {max(limits):.0f}); "
            f"one image alone: {alone:.2f} ms."
        ),
        "",
        "| Body | Connections | Images/s | Of the limit | p50 ms | p95 ms | p99 ms | Failed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (way, connections), taken in loads.items():
        lines.append(_row(way, connections, taken, limit))
    return [*lines, ""]


def _row(way: str, connections: int, loads: list[Load], limit: float) -> str:
    rate = median(load.rate for load in loads)
    percentiles = (
        f"{median(getattr(load, name) for load in loads):.1f}"
        for name in ("p50_ms", "p95_ms", "p99_ms")
    )
    failed = sum(load.failed for load in loads)
    cells = (way, str(connections), f"{rate:.0f}", f"{rate / limit:.0%}", *percentiles, str(failed))
    return f"| {' | '.join(cells)} |"


def _heading(bundle: Bundle, rounds: int, seconds: int) -> list[str]:
    manifest = bundle.manifest
    return [
        "# The service against its in-process limit",
        "",
        (
            "Written by `python -m bench.serve`; the ratios carry over, the absolute figures are "
            "this machine's."
        ),
        "",
        (
            f"Bundle {manifest.name}/{manifest.version} (`{manifest.model_sha256[:12]}…`), CPU, "
            f"{usable_cores()} cores ({platform.machine()}) shared by service and wrk, Python "
            f"{platform.python_version()}; {rounds} interleaved rounds of {seconds} s, medians; "
            f"{PICTURES} pictures in turn. The limit is decode + session in batches of 16, one "
            "process a core, no HTTP."
        ),
        "",
    ]


if __name__ == "__main__":
    app()
