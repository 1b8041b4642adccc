"""`rotulo bulk` against its in-process limit, and against the job one would write with Dask.

    .venv/bin/python -m bench.bulk                      some minutes
    .venv/bin/python -m bench.bulk --images 100000      hours on two cores
    .venv/bin/python -m bench.bulk --dask OTHER/bin/python

Rounds are interleaved (limit, each source, Dask), so that a neighbour on the machine disturbs all
alike; the table gives medians. A run is the real command in a process of its own. Its rate is that
between the first and the last result, without the start of processes, as the limit's is; the whole
command stands beside it. Memory is the most that the main process and its workers held together.
"""

import io
import json
import platform
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console

from bench.limit import Work, in_process_limit
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
    """One run: images a second while labelling, seconds of the whole command, peak MiB."""

    rate: float
    seconds: float
    peak_mib: float


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
    limits: list[float] = []
    runs: defaultdict[str, list[Ran]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = write_sources(KINDS[kind], images, folder)
        work = Work(bundle.path, tuple(sorted(sources["folder"].iterdir())[:PICTURES]), seconds)
        for number in range(rounds):
            limits.append(in_process_limit(work))
            for source, path in sources.items():
                runs[f"bulk, {source}"].append(run_bulk(path, folder / f"{source}{number}.parquet"))
            if dask:
                target = folder / f"dask{number}"
                runs["Dask, folder"].append(run_dask(dask, bundle, sources["folder"], target))
            console.print(number, limits[-1], dict(runs))
    lines = [*_heading(bundle, KINDS[kind], images, rounds), *_table(limits, runs)]
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
    told, peak = _watched(command)
    summary = json.loads(told)
    return Ran(summary["images_per_second"], summary["seconds"], peak)


def run_dask(python: str, bundle: Bundle, source: Path, target: Path) -> Ran:
    """One run of the Dask job, whose clock begins when its workers are there."""
    manifest = bundle.path / "manifest.json"
    arguments = [bundle.model_path, manifest, source, target]
    told, peak = _watched([python, str(DASK_JOB), *map(str, arguments)])
    ran = json.loads(told)
    return Ran(ran["images"] / ran["seconds"], ran["seconds"], peak)


def _watched(command: list[str]) -> tuple[str, float]:
    """What a command said, and the most memory that it and its children held at once, in MiB."""
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
    return told, max(peaks)


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


def _table(limits: list[float], runs: dict[str, list[Ran]]) -> list[str]:
    limit = median(limits)

    def middle(taken: list[Ran], part: Callable[[Ran], float]) -> float:
        return median(part(ran) for ran in taken)

    lines = [
        f"In-process limit: {limit:.1f} images/s ({min(limits):.1f} to {max(limits):.1f}).",
        "",
        "| Run | Images/s | Range | Of the limit | Whole command, s | Peak memory, MiB |",
        "|---|---|---|---|---|---|",
    ]
    for name, taken in runs.items():
        rates = [ran.rate for ran in taken]
        rate, seconds = middle(taken, lambda ran: ran.rate), middle(taken, lambda ran: ran.seconds)
        peak = middle(taken, lambda ran: ran.peak_mib)
        cells = (
            name, f"{rate:.1f}", f"{min(rates):.1f} to {max(rates):.1f}", f"{rate / limit:.0%}",
            f"{seconds:.1f}", f"{peak:.0f}",
        )  # fmt: skip
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
            f"{usable_cores()} cores ({platform.machine()}), Python {platform.python_version()}; "
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
