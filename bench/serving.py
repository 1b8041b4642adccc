"""Write `bench/serving.md` and the charts from what was measured: `python -m bench.serving`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Final

import typer

from bench.goals import BUSY, Goal, goals
from bench.needs import paragraph, replica_of
from bench.results import Growth, Loaded, Network, Point, Serving

RESULTS: Final = Path(__file__).with_name("serving.json")
PAGE: Final = Path(__file__).with_name("serving.md")
IMAGES: Final = PAGE.parents[1] / "docs" / "images"
CHARTS: Final = (
    ("peers", "Images a second of each server, by kind of picture"),
    ("latency", "Median latency of each server as connections grow"),
    ("growth", "Throughput against batch, size of pictures, cores and replicas"),
)
COMMANDS: Final = (
    "Written by `python -m bench.peers` (the bundle that ships), `python -m bench.peers "
    "--untrained` (a network of airbench94's size without views) and `python -m bench.peers "
    "--bundle FOLDER` (any other, such as an int8 one), each with `--openvino PYTHON` for ours on "
    "OpenVINO as well; `python -m bench.serving` makes it anew "
    "from `bench/serving.json`. The ratios carry over, the absolute figures are those of the "
    "machine."
)
METHOD: Final = (
    "Every server has the same ONNX file and the same pictures in turn, drawn from seeds; before "
    "it is measured it must give each the same best label as the model. Each runs in an "
    "environment of its own, of what its lock names; ours did not before 2026-12-01, and has a "
    "megabyte more in older sections. All have as many inference threads in all as "
    "there are cores. The peers decode with Pillow as their "
    "documentation's examples do; Rótulo decodes a JPEG at a smaller scale. wrk sends in a closed "
    "loop from the same cores; rounds are interleaved, and figures are medians of rounds. The "
    "in-process limit is decode and session in batches of 16, one process a core, no HTTP."
)

app = typer.Typer(add_completion=False)


@app.command()
def main(
    results: Annotated[Path, typer.Option(help="Figures.")] = RESULTS,
    page: Annotated[Path, typer.Option(help="Where the page goes.")] = PAGE,
    images: Annotated[Path, typer.Option(help="Folder of the charts.")] = IMAGES,
) -> None:
    """Write the page and the charts anew."""
    write(Serving.read(results), page, images)


def write(found: Serving, page: Path, images: Path) -> None:
    """Write the page and the charts of each network."""
    from bench.charts import draw_charts  # noqa: PLC0415  # a page needs no matplotlib

    for network in found.networks:
        draw_charts(network, images)
    page.write_text(rendered(found), "utf-8")


def rendered(found: Serving) -> str:
    """Return the page."""
    lines = ["# Serving, beside others", "", COMMANDS, "", METHOD]
    for network in found.networks:
        lines += _section(network, found.in_float32(network))
    return "\n".join(lines) + "\n"


def _section(network: Network, in_float32: Network | None) -> Iterator[str]:
    conditions = network.conditions
    yield from (
        "",
        f"## {network.name}, {network.precision}, on {conditions.machine}",
        "",
        (
            f"{network.recipe} (`{network.sha256[:12]}…`); {conditions.taken}, commit "
            f"`{conditions.commit}`, {conditions.cores} cores, Python "
            f"{conditions.python}, ONNX Runtime {conditions.onnxruntime}; {conditions.rounds} "
            f"{'round' if conditions.rounds == 1 else 'rounds'} of {conditions.seconds} s a load "
            f"(L twice that); load average {conditions.load_average:.1f} at the end."
        ),
        "",
    )
    yield from _charts(network)
    yield from _goals(goals(network, in_float32))
    for picture in network.pictures:
        yield from (
            (
                f"### {picture.kind}: {picture.width}×{picture.height} {picture.media_type}, "
                f"{picture.size_bytes / 1e3:,.0f} kB"
            ),
            "",
        )
        yield from _loads(network, picture.kind)
    yield from _costs(network)
    if network.growth is not None:
        yield from _growth(network.growth)
        replica = replica_of(network)
        if replica is not None:
            yield from (paragraph(replica), "")


def _charts(network: Network) -> Iterator[str]:
    for name, words in CHARTS:
        if name != "growth" or network.growth is not None:
            yield from (f"![{words}](../docs/images/{network.chart(name)})", "")


def _goals(found: Sequence[Goal]) -> Iterator[str]:
    rows = [
        (goal.what, goal.bound, goal.measured, "yes" if goal.met else "**no**", goal.remark)
        for goal in found
    ]
    yield from ("### Goals", "")
    yield from _table(("Goal", "Bound", "Measured", "Met", "From"), rows)


def _loads(network: Network, kind: str) -> Iterator[str]:
    limit = next((one for one in network.limits if one.kind == kind), None)
    if limit is not None:
        yield from (
            (
                f"In-process limit: {median(limit.rates):.0f} images/s ({min(limit.rates):.0f} to "
                f"{max(limit.rates):.0f}); one picture alone, decode and session: "
                f"{limit.alone_ms:.2f} ms."
            ),
            "",
        )
    found = [load for load in network.loads if load.kind == kind]
    connections = sorted({load.connections for load in found})
    busy = BUSY[kind]
    rows = []
    for one in network.contestants:
        for body in ("raw", "form"):
            loads = {
                load.connections: load
                for load in found
                if (load.server, load.body) == (one.name, body)
            }
            if loads:
                rates = (_rate(loads.get(count)) for count in connections)
                latencies = (
                    _milliseconds(loads.get(count), name)
                    for count, name in ((1, "p50_ms"), (busy, "p50_ms"), (busy, "p99_ms"))
                )
                failed = str(sum(load.failed for load in loads.values()))
                rows.append((one.title, body, *rates, *latencies, failed))
    head = ("Server", "Body", *(f"Images/s at {count}" for count in connections))
    yield from _table(
        (*head, "p50 ms at 1", f"p50 ms at {busy}", f"p99 ms at {busy}", "Failed"), rows
    )


def _rate(load: Loaded | None) -> str:
    if load is None:
        return "–"
    low, middle, high = min(load.rates), median(load.rates), max(load.rates)
    digits = 0 if middle >= 10 else 1  # noqa: PLR2004  # two figures are enough
    if len(load.rates) == 1:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _milliseconds(load: Loaded | None, name: str) -> str:
    return "–" if load is None else f"{median(getattr(load, name)):.1f}"


def _costs(network: Network) -> Iterator[str]:
    kinds = [picture.kind for picture in network.pictures]
    rows = [
        (
            one.title,
            one.version,
            one.layout,
            f"{median(one.ready_seconds):.2f}",
            f"{one.idle_percent:.2f}",
            *(_megabytes(one.memory_bytes.get(kind)) for kind in kinds),
        )
        for one in network.contestants
    ]
    head = ("Server", "Version", "Layout", "Ready, s", "Idle, % of a core")
    yield from (
        "### What each takes",
        "",
        (
            "Memory is the peak of resident bytes of all of a server's processes, as a sum: pages "
            "that they share count in each."
        ),
        "",
    )
    yield from _table((*head, *(f"Memory at {kind}, MB" for kind in kinds)), rows)


def _megabytes(count: int | None) -> str:
    return "–" if count is None else f"{count / 1e6:.0f}"


def _growth(growth: Growth) -> Iterator[str]:
    for title, first, points in (
        ("the session alone, one thread", "Images in a batch", growth.session_batches),
        ("the service, S at 32 connections", "Largest batch", growth.service_batches),
        ("JPEGs of each size, 8 connections", "Pixels", growth.picture_sizes),
        ("one process on some cores, M at 32 connections", "Cores", growth.cores),
        ("replicas on all cores, M at 32 connections", "Replicas", growth.replicas),
    ):
        yield from (f"### How cost grows: {title}", "")
        yield from _table(
            (first, "Images/s", "p50 ms", "Against the first", "Memory, MB"), _steps(points)
        )


def _steps(points: Sequence[Point]) -> list[tuple[str, ...]]:
    return [
        (
            one.label,
            f"{one.rate:.0f}" if one.rate >= 10 else f"{one.rate:.1f}",  # noqa: PLR2004
            f"{one.p50_ms:.1f}",
            f"{one.rate / points[0].rate:.2f} ×" if points[0].rate else "–",
            _megabytes(one.memory_bytes or None),
        )
        for one in points
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    app()
