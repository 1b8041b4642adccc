"""`rotulo bulk` against its in-process limit, and against the job one would write with Dask.

    .venv/bin/python -m bench.bulk                      some minutes
    .venv/bin/python -m bench.bulk --images 100000      hours on two cores
    .venv/bin/python -m bench.bulk --dask OTHER/bin/python

Rounds are interleaved (limit, each source, Dask), so that a neighbour on the machine disturbs all
alike; the table gives medians. A run is the real command in a process of its own. Its rate is that
between the first and the last result, without the start of processes, as the limit's is; the whole
command stands beside it. Memory is the most that the main process and its workers held together.

A rate is worth something on quiet cores alone. Processor time is worth something on busy ones too:
that of a run, less that of a run of a few images, over the images between.
"""

import io
import json
import os
import platform
import resource
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console

from bench.limit import Work, cpu_ms, in_process_limit
from bench.pictures import LARGE, MEDIUM, SMALL, Kind, draw
from service.bundles import Bundle, find_bundles
from service.cores import usable_cores
from service.settings import SHIPPED_BUNDLES

PICTURES = 16
KINDS = {kind.name: kind for kind in (SMALL, MEDIUM, LARGE)}
RESULTS = Path(__file__).with_name("bulk.md")
DASK_JOB = Path(__file__).with_name("dask_job.py")
ROW_GROUP = 100
SAMPLE_SECONDS = 0.2

app = typer.Typer(add_completion=False)
console = Console()


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: images a second, seconds of the whole command, peak MiB, and processor seconds."""

    rate: float
    seconds: float
    peak_mib: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Limit:
    """What the cores can do: images a second, and processor milliseconds an image, each round."""

    rates: list[float]
    cpu_ms: list[float]


@app.command()
def main(
    *,
    images: Annotated[int, typer.Option(min=100, help="Images in each source.")] = 1000,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is repeated.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="How long the limit is measured.")] = 5,
    kind: Annotated[str, typer.Option(help="Kind of picture: S, M or L.")] = "M",
    dask: Annotated[str, typer.Option(help="Python of an environment with Dask.")] = "",
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS,
) -> None:
    """Measure and write the table."""
    bundle = find_bundles(SHIPPED_BUNDLES)[-1]
    few = PICTURES
    limits: list[float] = []
    limit_cpu: list[float] = []
    runs: defaultdict[str, list[Ran]] = defaultdict(list)
    starts: defaultdict[str, list[Ran]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "few").mkdir()
        sources = write_sources(KINDS[kind], images, folder)
        start_sources = write_sources(KINDS[kind], few, folder / "few")
        work = Work(bundle.path, tuple(sorted(sources["folder"].iterdir())[:PICTURES]), seconds)
        for number in range(rounds):
            limits.append(in_process_limit(work))
            limit_cpu.append(cpu_ms(work))
            for into, given in ((starts, start_sources), (runs, sources)):
                for source, path in given.items():
                    target = path.with_name(f"{source}{number}-out.parquet")
                    into[f"bulk, {source}"].append(run_bulk(path, target))
                if dask:
                    target = given["folder"].with_name(f"dask{number}")
                    into["Dask, folder"].append(run_dask(dask, bundle, given["folder"], target))
            console.print(number, limits[-1], limit_cpu[-1], dict(runs))
    limit = Limit(limits, limit_cpu)
    costs = {
        run: 1e3 * (_cpu_seconds(taken) - _cpu_seconds(starts[run])) / (images - few)
        for run, taken in runs.items()
    }
    lines = [*_heading(bundle, KINDS[kind], images, rounds), *_table(limit, runs, costs)]
    out.write_text("\n".join(lines) + "\n")
    console.print(out.read_text(), markup=False, soft_wrap=True)


def write_sources(kind: Kind, images: int, folder: Path) -> dict[str, Path]:
    """The same pictures, some of them again and again, as a folder, a tar and Parquet."""
    drawn = [draw(kind, seed) for seed in range(PICTURES)]
    suffix = kind.media_type.rpartition("/")[2]
    plain, tar, parquet = folder / "photos", folder / "photos.tar", folder / "photos.parquet"
    plain.mkdir()
    column = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", column)])
    with tarfile.open(tar, "w") as members, pq.ParquetWriter(parquet, schema) as writer:
        rows = []
        for number in range(images):
            name, data = f"{number:07}.{suffix}", drawn[number % PICTURES]
            (plain / name).write_bytes(data)
            member = tarfile.TarInfo(name)
            member.size = len(data)
            members.addfile(member, io.BytesIO(data))
            rows.append({"image": {"bytes": data, "path": name}})
            if len(rows) == ROW_GROUP or number == images - 1:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows = []
    return {"folder": plain, "tar": tar, "Parquet": parquet}


def run_bulk(source: Path, target: Path) -> Ran:
    """One run of the real command with its defaults."""
    command = [sys.executable, "-m", "service", "bulk", str(source), "--out", str(target), "--json"]
    told, peak, cpu_seconds = _watched(command)
    summary = json.loads(told)
    return Ran(summary["images_per_second"], summary["seconds"], peak, cpu_seconds)


def run_dask(python: str, bundle: Bundle, source: Path, target: Path) -> Ran:
    """One run of the Dask job, whose clock begins when its workers are there."""
    manifest = bundle.path / "manifest.json"
    arguments = [bundle.model_path, manifest, source, target]
    told, peak, cpu_seconds = _watched([python, str(DASK_JOB), *map(str, arguments)])
    ran = json.loads(told)
    return Ran(ran["images"] / ran["seconds"], ran["seconds"], peak, cpu_seconds)


def _watched(command: list[str]) -> tuple[str, float, float]:
    """What a command said, its peak memory in MiB and processor seconds, children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    peaks = [0.0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            peaks.append(sum(_proportional_mib(number) for number in _family(process.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    told, _ = process.communicate()
    ended.set()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return told, max(peaks), spent


def _cpu_seconds(taken: list[Ran]) -> float:
    return median(ran.cpu_seconds for ran in taken)


def _family(parent: int) -> list[int]:
    found = [parent]
    for path in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in _read(path).split():
            found += _family(int(child))
    return found


def _proportional_mib(process: int) -> float:
    """Memory of a process, each page that it shares counted by its share (Pss)."""
    fields = _read(Path(f"/proc/{process}/smaps_rollup")).partition("\nPss:")[2].split()
    return int(fields[0]) / 1024 if fields else 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError:  # it has just ended
        return ""


def _table(limit: Limit, runs: dict[str, list[Ran]], costs: dict[str, float]) -> list[str]:
    most, least = median(limit.rates), median(limit.cpu_ms)
    lines = [
        (
            f"In-process limit: {most:.1f} images/s ({min(limit.rates):.1f} to "
            f"{max(limit.rates):.1f}), {least:.1f} ms of processor time an image "
            f"({min(limit.cpu_ms):.1f} to {max(limit.cpu_ms):.1f})."
        ),
        "",
        (
            "| Run | Images/s | Range | Of the limit | Processor ms an image | Of the limit "
            "| Whole command, s | Peak memory, MiB |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, taken in runs.items():
        rates = [ran.rate for ran in taken]
        cells = (
            name,
            f"{median(rates):.1f}",
            f"{min(rates):.1f} to {max(rates):.1f}",
            f"{median(rates) / most:.0%}",
            f"{costs[name]:.1f}",
            f"{least / costs[name]:.0%}",
            f"{median(ran.seconds for ran in taken):.1f}",
            f"{median(ran.peak_mib for ran in taken):.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _heading(bundle: Bundle, kind: Kind, images: int, rounds: int) -> list[str]:
    manifest = bundle.manifest
    return [
        "# Bulk labelling against its in-process limit",
        "",
        (
            "Written by `python -m bench.bulk`; the ratios carry over where the cores were quiet, "
            "the absolute figures are this machine's."
        ),
        "",
        (
            f"Bundle {manifest.name}/{manifest.version} (`{manifest.model_sha256[:12]}…`), CPU, "
            f"{usable_cores()} cores ({platform.machine()}), Python {platform.python_version()}, "
            f"load average {os.getloadavg()[1]:.1f} at the end; "
            f"{images} pictures of {kind.width}×{kind.height} ({kind.media_type}, {PICTURES} "
            f"different ones) as a folder, a tar and Parquet; {rounds} interleaved rounds, "
            "medians. The limit is decode + session in batches of 16, one process a core, nothing "
            "read and nothing written. The Dask job (`bench/dask_job.py`) has its own environment; "
            "it decodes plainly and records the best label alone, without parts to go on from."
        ),
        "",
    ]


if __name__ == "__main__":
    app()
