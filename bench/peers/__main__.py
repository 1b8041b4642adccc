"""Measure the service beside its peers, and write the page and the charts.

    python -m bench.peers                  the bundle that ships; some 20 minutes on two cores
    python -m bench.peers --untrained      a network of airbench94's size without views
    python -m bench.peers --openvino .venv-openvino/bin/python     ours on OpenVINO beside all
    python -m bench.peers --quick          everything once, a second each: to see that it works

Each network's section of this machine in `bench/serving.json` is written anew, and the page from
all of them.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import onnxruntime
import typer

from bench.goals import OURS
from bench.growth import Ground, measure_growth
from bench.load import require_wrk
from bench.peers.environments import ROOT
from bench.peers.lightly import light_load
from bench.peers.pictures import KINDS, Pictures, clear_pictures
from bench.peers.rounds import Plan, measure, median_rate
from bench.peers.servers import Server, ours, servers
from bench.results import Conditions, Growth, LightLoad, Loaded, Network, Serving
from bench.serving import IMAGES, PAGE, RESULTS, write
from bench.untrained import untrained_bundle
from service.bundles import Bundle, find_bundles, load_bundle
from service.classifier import OnnxClassifier
from service.cores import usable_cores
from service.processor import cpu_flags
from service.settings import SHIPPED_BUNDLES
from training.processor import processor

IDLE_SECONDS: Final = 10.0
LIGHT_SECONDS: Final = 10.0
QUICK: Final = 1

app = typer.Typer(add_completion=False)


@app.command()
def main(  # noqa: PLR0913  # one for each thing that may be left out or shortened
    *,
    bundle: Annotated[Path | None, typer.Option(help="Folder NAME/VERSION; the shipped.")] = None,
    untrained: Annotated[bool, typer.Option(help="A small network of random weights.")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is repeated.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="How long each load lasts.")] = 3,
    peers: Annotated[str, typer.Option(help="Names of peers; all of them by default.")] = "",
    openvino: Annotated[str, typer.Option(help="Python that has OpenVINO: ours on it too.")] = "",
    sizes: Annotated[str, typer.Option(help="Kinds of picture: any of S, M, L.")] = "S,M,L",
    growth: Annotated[bool, typer.Option(help="Measure how cost grows as well.")] = True,
    quick: Annotated[bool, typer.Option(help="One round of one second.")] = False,
    results: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULTS,
    page: Annotated[Path, typer.Option(help="Where the page goes.")] = PAGE,
    images: Annotated[Path, typer.Option(help="Folder of the charts.")] = IMAGES,
) -> None:
    """Measure and write."""
    require_wrk()
    # Told to end, it ends its servers first: an exit unwinds, a signal's default does not.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = _chosen(peers)
    if openvino:
        chosen.append(ours(usable_cores(), openvino, "openvino"))
    with tempfile.TemporaryDirectory(prefix="rotulo-peers-") as name:
        folder = Path(name)
        network = _measure(
            untrained_bundle(folder / "bundles") if untrained else _bundle(bundle),
            folder,
            chosen,
            kinds=sizes.split(","),
            rounds=QUICK if quick else rounds,
            seconds=QUICK if quick else seconds,
            growth=growth,
        )
    found = Serving.read(results).including(network)
    found.write(results)
    write(found, page, images)


def _chosen(names: str) -> list[Server]:
    every = servers(usable_cores())
    wanted = {OURS, *names.split(",")} if names else {one.name for one in every}
    unknown = wanted - {one.name for one in every}
    if unknown:
        raise typer.BadParameter(f"there is no peer called {', '.join(sorted(unknown))}")
    return [one for one in every if one.name in wanted]


def _bundle(path: Path | None) -> Bundle:
    return find_bundles(SHIPPED_BUNDLES)[-1] if path is None else load_bundle(path.resolve())


def _measure(
    bundle: Bundle,
    folder: Path,
    chosen: list[Server],
    *,
    kinds: list[str],
    rounds: int,
    seconds: int,
    growth: bool,
) -> Network:
    classifier = OnnxClassifier(bundle, provider="cpu")
    pictures = [clear_pictures(KINDS[kind], classifier, folder) for kind in kinds]
    idle = IDLE_SECONDS if seconds > QUICK else QUICK
    plan = Plan(bundle, pictures, chosen, rounds, seconds, idle)
    limits, contestants, loads = measure(plan)
    manifest = bundle.manifest
    return Network(
        name=f"{manifest.name}/{manifest.version}",
        sha256=manifest.model_sha256,
        precision="int8" if b"QuantizeLinear" in bundle.model_path.read_bytes() else "float32",
        recipe=manifest.provenance.recipe,
        conditions=_conditions(rounds, seconds),
        pictures=tuple(one.facts() for one in pictures),
        contestants=tuple(contestants),
        loads=tuple(loads),
        limits=tuple(limits),
        light=_light(plan, loads),
        growth=_growth(plan, folder) if growth else None,
    )


def _light(plan: Plan, loads: list[Loaded]) -> LightLoad | None:
    small = _of_kind(plan, "S")
    capacity = median_rate(loads, OURS, "S", 32) if small is not None else 0.0
    if small is None or not capacity:
        return None
    return light_load(
        plan.servers[0],
        plan.bundle,
        small.raw,
        capacity=capacity,
        rounds=plan.rounds,
        seconds=LIGHT_SECONDS if plan.seconds > QUICK else QUICK,
    )


def _growth(plan: Plan, folder: Path) -> Growth | None:
    small, middling = (_of_kind(plan, kind) for kind in ("S", "M"))
    if small is None or middling is None:
        return None
    return measure_growth(
        Ground(plan.servers[0], plan.bundle, small.raw, middling.raw, folder, plan.seconds)
    )


def _of_kind(plan: Plan, kind: str) -> Pictures | None:
    return next((one for one in plan.pictures if one.kind.name == kind), None)


def widest(flags: Mapping[str, bool]) -> str:
    """Return the widest arithmetic of a processor with these flags: its name alone tells little."""
    named = (("amx_tile", "AMX"), ("avx512f", "AVX-512"), ("avx2", "AVX2"))
    return next((name for flag, name in named if flags[flag]), platform.machine())


def _conditions(rounds: int, seconds: int) -> Conditions:
    described = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    commit = subprocess.run(described, cwd=ROOT, capture_output=True, text=True, check=True)
    return Conditions(
        taken=datetime.now(UTC).date().isoformat(),
        commit=commit.stdout.strip(),
        machine=f"{processor().rpartition(',')[0]}, {widest(cpu_flags())}",
        cores=usable_cores(),
        python=platform.python_version(),
        onnxruntime=onnxruntime.__version__,
        load_average=os.getloadavg()[0],
        rounds=rounds,
        seconds=seconds,
    )


if __name__ == "__main__":
    app()
