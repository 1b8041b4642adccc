"""`rotulo bulk` against its in-process limit, and against the job one would write with Dask.

    .venv/bin/python -m bench.bulk --dask DASK/bin/python     about 15 minutes on two quiet cores
        --python SERVING/bin/python     for `rotulo bulk` as it is installed, without our own tools
    .venv/bin/python -m bench.bulk --quick                    only that it works; not a measurement

Two contests: some images with the shipped bundle (`--bundle` for another one) as a folder, a tar
and Parquet; and a hundred thousand files in a folder with a network of a few milliseconds an image
(`bench.stand_in`, or `--many-bundle`).

Rounds are interleaved (limit, each source, Dask), so that a neighbour on the machine disturbs all
alike; the table gives medians. A run is the real command in a process of its own. Its rate is that
between the first and the last result, without the start of processes, as the limit's is; the whole
command stands beside it. Memory is the most that the main process and its workers held together.

Development's own environment holds pandas, which pyarrow loads wherever it finds it, for 0.8 s of a
core in the middle of a run; so `--python` names one with what a user has (`rotulo[bulk]`).

A rate is worth something on quiet cores alone. Processor time is worth something on busy ones too:
that of a run, less that of a run of a few images, over the images between.
"""

import io
import json
import os
import platform
import sys
import tarfile
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console

from bench.limit import Work, cpu_ms, in_process_limit
from bench.pictures import LARGE, MEDIUM, SMALL, Kind, draw
from bench.stand_in import write_stand_in
from bench.watching import watched
from service.bundles import Bundle, find_bundles, load_bundle
from service.cores import usable_cores
from service.settings import SHIPPED_BUNDLES

PICTURES = 16
KINDS = {kind.name: kind for kind in (SMALL, MEDIUM, LARGE)}
RESULTS = Path(__file__).with_name("bulk.md")
DASK_JOB = Path(__file__).with_name("dask_job.py")
ROW_GROUP = 100
FOLDER = "folder"
SOURCES = (FOLDER, "tar", "Parquet")

app = typer.Typer(add_completion=False)
console = Console()


@dataclass(frozen=True, slots=True)
class Contest:
    """What is labelled with what, and how often, by the Python of an environment.

    ``dask`` is that of the Dask job's, or empty.
    """

    bundle: Bundle
    kind: Kind
    images: int
    sources: tuple[str, ...]
    rounds: int
    seconds: int
    dask: str
    python: str


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: images a second, seconds of the whole command, peak MiB, and processor seconds."""

    rate: float
    seconds: float
    peak_mib: float
    cpu_seconds: float


@dataclass(slots=True)
class Outcome:
    """What was measured: each limit in images/s and processor ms an image, and each run by name.

    ``starts`` are the same runs over so few images that they only start and end.
    """

    limits: list[float] = field(default_factory=list)
    limit_cpu: list[float] = field(default_factory=list)
    runs: defaultdict[str, list[Ran]] = field(default_factory=lambda: defaultdict(list))
    starts: defaultdict[str, list[Ran]] = field(default_factory=lambda: defaultdict(list))


@app.command()
def main(  # noqa: PLR0913  # one argument for each thing that may be said
    *,
    images: Annotated[int, typer.Option(min=2 * PICTURES, help="Images of the first.")] = 3000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the first.")] = 3,
    many: Annotated[int, typer.Option(min=0, help="Images of the second; 0: none.")] = 100_000,
    seconds: Annotated[int, typer.Option(min=1, help="How long each limit is measured.")] = 10,
    kind: Annotated[str, typer.Option(help="Kind of picture: S, M or L.")] = "S",
    bundle: Annotated[Path | None, typer.Option(help="NAME/VERSION of the first.")] = None,
    many_bundle: Annotated[Path | None, typer.Option(help="NAME/VERSION of the second.")] = None,
    dask: Annotated[str, typer.Option(help="Python of an environment with Dask.")] = "",
    python: Annotated[str, typer.Option(help="Python of an environment with rotulo[bulk].")] = (
        sys.executable
    ),
    quick: Annotated[bool, typer.Option("--quick", help="See that it works.")] = False,
    out: Annotated[Path, typer.Option(help="Where the tables go.")] = RESULTS,
) -> None:
    """Measure and write the tables."""
    if quick:
        images, rounds, many, seconds = 4 * PICTURES, 1, 8 * PICTURES, 1
    shipped = load_bundle(bundle) if bundle else find_bundles(SHIPPED_BUNDLES)[-1]
    with tempfile.TemporaryDirectory() as name:
        fast = (
            load_bundle(many_bundle)
            if many_bundle
            else write_stand_in(shipped.manifest, Path(name))
        )
        contests = [Contest(shipped, KINDS[kind], images, SOURCES, rounds, seconds, dask, python)]
        if many:
            contests.append(Contest(fast, KINDS[kind], many, (FOLDER,), 1, seconds, dask, python))
        lines = _heading()
        for contest in contests:
            outcome = measure(contest)
            lines += [*_about(contest), *_table(outcome, contest), ""]
    out.write_text("\n".join(lines).rstrip() + "\n", "utf-8")
    console.print(out.read_text("utf-8"), markup=False, soft_wrap=True)


def measure(contest: Contest) -> Outcome:
    """Hold one contest; the limit is measured before each round and after the last."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "few").mkdir()
        sources = write_sources(contest, contest.images, folder)
        start_sources = write_sources(contest, PICTURES, folder / "few")
        files = tuple(sorted(start_sources[FOLDER].iterdir()))
        work = Work(contest.bundle.path, files, contest.seconds)
        for number in range(contest.rounds):
            _take_limit(outcome, work)
            for into, given in ((outcome.starts, start_sources), (outcome.runs, sources)):
                _run_all(contest, given, number, into)
            console.print(number, outcome.limits[-1], dict(outcome.runs))
        _take_limit(outcome, work)
    return outcome


def _take_limit(outcome: Outcome, work: Work) -> None:
    outcome.limits.append(in_process_limit(work))
    outcome.limit_cpu.append(cpu_ms(work))


def _run_all(
    contest: Contest, sources: dict[str, Path], number: int, into: defaultdict[str, list[Ran]]
) -> None:
    for name in contest.sources:
        target = sources[name].with_name(f"{name}{number}-out.parquet")
        into[f"bulk, {name}"].append(
            run_bulk(contest.python, contest.bundle, sources[name], target)
        )
    if contest.dask:
        target = sources[FOLDER].with_name(f"dask{number}")
        ran = run_dask(contest.dask, contest.bundle, sources[FOLDER], target)
        into[f"Dask, {FOLDER}"].append(ran)


def write_sources(contest: Contest, images: int, folder: Path) -> dict[str, Path]:
    """The same pictures, some of them again and again, as a folder and what else is wanted."""
    drawn = [draw(contest.kind, seed) for seed in range(PICTURES)]
    suffix = contest.kind.media_type.rpartition("/")[2]
    named = {f"{number:07}.{suffix}": drawn[number % PICTURES] for number in range(images)}
    written = {}
    for source in contest.sources:
        written[source] = folder / _NAMES[source]
        _WRITERS[source](written[source], named)
    return written


def _write_folder(path: Path, named: dict[str, bytes]) -> None:
    path.mkdir()
    for name, data in named.items():
        (path / name).write_bytes(data)


def _write_tar(path: Path, named: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as members:
        for name, data in named.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            members.addfile(member, io.BytesIO(data))


def _write_parquet(path: Path, named: dict[str, bytes]) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = pa.array([{"bytes": data, "path": name} for name, data in named.items()], kind)
    pq.write_table(pa.table({"image": rows}), path, row_group_size=ROW_GROUP)


_NAMES = {FOLDER: "photos", "tar": "photos.tar", "Parquet": "photos.parquet"}
_WRITERS = {FOLDER: _write_folder, "tar": _write_tar, "Parquet": _write_parquet}


def run_bulk(python: str, bundle: Bundle, source: Path, target: Path) -> Ran:
    """One run of the real command with its defaults."""
    manifest, folder = bundle.manifest, bundle.path.parent.parent
    options = ["--bundles", str(folder), "--model", "/".join(manifest.ref), "--json"]
    command = [python, "-m", "service", "bulk", str(source), "--out", str(target)]
    seen = watched([*command, *options])
    summary = json.loads(seen.told)
    return Ran(summary["images_per_second"], summary["seconds"], seen.peak_mib, seen.cpu_seconds)


def run_dask(python: str, bundle: Bundle, source: Path, target: Path) -> Ran:
    """One run of the Dask job, whose clock begins when its workers are there."""
    manifest = bundle.path / "manifest.json"
    arguments = [bundle.model_path, manifest, source, target]
    seen = watched([python, str(DASK_JOB), *map(str, arguments)])
    ran = json.loads(seen.told)
    return Ran(ran["images"] / ran["seconds"], ran["seconds"], seen.peak_mib, seen.cpu_seconds)


def _cpu_seconds(taken: list[Ran]) -> float:
    return median(ran.cpu_seconds for ran in taken)


def _table(outcome: Outcome, contest: Contest) -> list[str]:
    limits, limit_cpu = outcome.limits, outcome.limit_cpu
    most, least = median(limits), median(limit_cpu)
    lines = [
        (
            f"In-process limit: {most:.1f} images/s ({min(limits):.1f} to {max(limits):.1f}), "
            f"{least:.2f} ms of processor time an image ({min(limit_cpu):.2f} to "
            f"{max(limit_cpu):.2f})."
        ),
        "",
        (
            "| Run | Images/s | Range | Of the limit | Processor ms an image | Of the limit "
            "| Whole command, s | Peak memory, MiB |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, taken in outcome.runs.items():
        spent = _cpu_seconds(taken) - _cpu_seconds(outcome.starts[name])
        cost = 1e3 * spent / (contest.images - PICTURES)
        rates = [ran.rate for ran in taken]
        cells = (
            name,
            f"{median(rates):.1f}",
            f"{min(rates):.1f} to {max(rates):.1f}",
            f"{median(rates) / most:.0%}",
            f"{cost:.2f}",
            f"{least / cost:.0%}",
            f"{median(ran.seconds for ran in taken):.1f}",
            f"{median(ran.peak_mib for ran in taken):.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _heading() -> list[str]:
    return [
        "# Bulk labelling against its in-process limit",
        "",
        (
            "Written by `python -m bench.bulk --dask … --python …`; the ratios carry over where "
            "the cores were quiet, the absolute figures are this machine's."
        ),
        "",
        (
            f"CPU, {usable_cores()} cores ({platform.machine()}), Python "
            f"{platform.python_version()}; interleaved rounds, medians. The limit is decode + "
            "session in batches of 16, one process a core, nothing read and nothing written. "
            "`rotulo bulk` has what `rotulo[bulk]` installs. The "
            "Dask job (`bench/dask_job.py`) has its own environment; it decodes plainly and "
            "records the best label alone, without parts to go on from."
        ),
        "",
    ]


def _about(contest: Contest) -> list[str]:
    manifest, kind = contest.bundle.manifest, contest.kind
    return [
        f"## {contest.images:,} images, {'/'.join(manifest.ref)}",
        "",
        (
            f"Graph `{manifest.model_sha256[:12]}…` ({manifest.provenance.recipe}); pictures of "
            f"{kind.width}×{kind.height} ({kind.media_type}, {PICTURES} different ones); rounds: "
            f"{contest.rounds}; load average {os.getloadavg()[1]:.1f} over the last five minutes, "
            "at the end."
        ),
        "",
    ]


if __name__ == "__main__":
    app()
