r"""Execution providers and int8 side by side: images a second of the session alone.

    python -m bench.providers --environment cpu=.venv/bin/python \
        --environment openvino=.venv-openvino/bin/python \
        --bundle service/bundles/cifar10/5 --bundle BUNDLES/cifar10-int8/5

An environment is a provider, with a precision behind a colon where wanted (`openvino:bf16`), and
the Python of an environment that has it. All stay open from beginning to end and are measured in
interleaved rounds, so that a neighbour on the machine disturbs all alike; the table gives medians,
and ratios to the first environment with the first bundle. What they say is compared too: on the
pictures that prove a provider, or on a data set's validation images (`--validation cifar10`).
Writes `bench/providers.md`.
"""

import json
import platform
import subprocess
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray

from service.bundles import load_bundle
from service.cores import usable_cores
from service.labelling import calibrate
from service.processor import cpu_flags
from training.data import Split, load_splits
from training.settings import TrainingSettings

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = Path(__file__).with_name("providers.md")
GAIN: Final = 1.5
"""How much faster than float32 on the CPU something must be to be worth a second bundle."""

app = typer.Typer(add_completion=False)


class Environment:
    """A worker in another environment, asked by lines of JSON."""

    def __init__(self, named: str, threads: int, max_batch: int) -> None:
        self.name, _, python = named.partition("=")
        if not python:
            raise typer.BadParameter(f"{named!r} is not PROVIDER=PYTHON")
        provider, _, precision = self.name.partition(":")
        self._process = subprocess.Popen(
            [python, "-m", "bench.provider_worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._send(
            {
                "provider": provider,
                "precision": precision or "auto",
                "threads": threads,
                "max_batch": max_batch,
            }
        )

    def ask(self, **order: object) -> dict[str, Any]:
        """Return the answer to an order; whatever the worker says of an error it says itself."""
        self._send(order)
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise typer.BadParameter(f"{self.name} ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the worker."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def _send(self, order: dict[str, object]) -> None:
        if self._process.stdin:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()


@dataclass(frozen=True, slots=True)
class Case:
    """One bundle in one environment, and what was said when it was opened."""

    environment: Environment
    bundle: Path
    opened: dict[str, Any]


@app.command()
def main(  # noqa: PLR0913  # one for each thing that may be chosen
    *,
    environment: Annotated[list[str], typer.Option(help="PROVIDER[:PRECISION]=PYTHON.")],
    bundle: Annotated[list[Path], typer.Option(help="A bundle, NAME/VERSION.", exists=True)],
    batches: Annotated[str, typer.Option(help="Batch sizes.")] = "1,8,32",
    seconds: Annotated[float, typer.Option(min=0.01, help="How long each is measured.")] = 3.0,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is repeated.")] = 5,
    threads: Annotated[int, typer.Option(help="Threads that run; 0 is one a core.")] = 0,
    validation: Annotated[str, typer.Option(help="Data set whose validation is labelled.")] = "",
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS,
) -> None:
    """Measure and write the table."""
    sizes, callers = [int(size) for size in batches.split(",")], threads or usable_cores()
    environments = [Environment(named, callers, max(sizes)) for named in environment]
    paths = [path.resolve() for path in bundle]
    held_back = load_splits(validation, TrainingSettings()).validation if validation else None
    try:
        cases = _open(environments, paths, held_back)
        rates = defaultdict[tuple[int, int], list[float]](list)
        for _ in range(rounds):
            for size in sizes:
                for place, case in enumerate(cases):
                    answer = case.environment.ask(
                        bundle=str(case.bundle), batch=size, seconds=seconds
                    )
                    rates[place, size].append(answer["rate"])
    finally:
        for each in environments:
            each.close()
    lines = [*_heading(paths, callers, rounds, seconds), *_table(cases, sizes, rates)]
    lines += labels_lines(cases, held_back, validation)
    out.write_text("\n".join(lines) + "\n", "utf-8")
    print(out.read_text("utf-8"))


def _open(
    environments: list[Environment], paths: list[Path], held_back: Split | None
) -> list[Case]:
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.npy" if held_back else None
        if images and held_back:
            np.save(images, held_back.images)
        return [
            Case(each, path, each.ask(bundle=str(path), images=str(images or "")))
            for path in paths
            for each in environments
        ]


def labels_lines(cases: list[Case], held_back: Split | None, name: str) -> list[str]:
    """What each says of the labelled images, beside the first."""
    if held_back is None:
        return []
    lines = [
        "",
        (
            f"Of the {len(held_back)} validation images of {name}, from which a network that ships "
            "may have learned; differences are to the first row, of scores after the temperature."
        ),
        "",
        "| Asked for | Bundle | Right | Other labels | 99 % of scores within | Furthest score |",
        "|---|---|---|---|---|---|",
    ]
    base: NDArray[np.float64] | None = None
    for case in cases:
        manifest = load_bundle(case.bundle).manifest
        scores = calibrate(np.array(case.opened["logits"]), manifest.temperature)
        base = scores if base is None else base
        right = (scores.argmax(axis=1) == held_back.labels).mean()
        other = int((scores.argmax(axis=1) != base.argmax(axis=1)).sum())
        apart = np.abs(scores - base).max(axis=1)
        cells = [case.environment.name, "/".join(manifest.ref), f"{right:.2%}", str(other)]
        cells += [f"{np.quantile(apart, 0.99):.4f}", f"{apart.max():.4f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _heading(paths: list[Path], threads: int, rounds: int, seconds: float) -> list[str]:
    flags = ", ".join(name for name, there in cpu_flags().items() if there) or "none of AVX2 to AMX"
    files = ", ".join(
        f"{'/'.join(manifest.ref)} (`{manifest.model_sha256[:12]}…`)"
        for manifest in (load_bundle(path).manifest for path in paths)
    )
    return [
        "# Execution providers and int8",
        "",
        "Written by `python -m bench.providers`; the ratios carry over to like processors only.",
        "",
        (
            f"{files}. {threads} threads that run the session, on {usable_cores()} cores "
            f"({platform.machine()}; {flags}), Python {platform.python_version()}; {rounds} "
            f"interleaved rounds of {seconds:g} s, medians. Session alone, without decoding or "
            "HTTP. The ratio is to the first row."
        ),
        "",
    ]


def _table(
    cases: list[Case], sizes: list[int], rates: dict[tuple[int, int], list[float]]
) -> list[str]:
    base = np.array(cases[0].opened["logits"])
    columns = " | ".join(f"batch {size}, images/s | ratio" for size in sizes)
    lines = [
        (
            f"| Asked for | Taken | ONNX Runtime | Bundle | Open, s | {columns} "
            f"| Ratio {GAIN} | Same best label | Largest logit difference |"
        ),
        "|" + "---|" * (8 + 2 * len(sizes)),
    ]
    for place, case in enumerate(cases):
        taken, figures, ratios = case.opened, [], []
        for size in sizes:
            ratio = median(rates[place, size]) / median(rates[0, size])
            figures += [f"{median(rates[place, size]):.0f}", f"{ratio:.2f}"]
            ratios.append(ratio)
        logits = np.array(taken["logits"])
        comparable = logits.shape == base.shape
        same = f"{(logits.argmax(1) == base.argmax(1)).mean():.2%}" if comparable else "–"
        apart = f"{np.abs(logits - base).max():.2g}" if comparable else "–"
        reached = "reached" if min(ratios) >= GAIN else "not reached"
        name = "/".join(case.bundle.parts[-2:])
        cells = [case.environment.name, taken["provider"], taken["runtime"], name]
        cells += [f"{taken['seconds']:.1f}", *figures, reached, same, apart]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    app()
