"""Images a second in training, against the same nets in PyTorch in the same minutes.

    .venv/bin/python -m bench.train                          7 minutes on two quiet cores
    .venv/bin/python -m bench.train --torch OTHER/bin/python
    .venv/bin/python -m bench.train --rounds 5 --seconds 40  half an hour

Without `--torch` an environment of PyTorch's own is made beside the checkout's, `.venv-torch`, from
the lock `bench/torch.txt`: PyTorch for processors alone, which PyPI has not got for Linux on x86-64
(there it comes from PyTorch's own index, or from a folder of wheels that PIP_FIND_LINKS names).

Rounds are interleaved (each net in Keras, then in PyTorch), each in a process of its own, so that a
neighbour on the machine disturbs both alike; the table gives medians. A step is forward, backward
and the weights' change, the same batch in memory over and over; PyTorch runs eagerly, as most use
it. For ours the input pipeline is measured too: steps that are fed by it, how long they waited for
their batch, and what it costs in all (it works on the same cores). It writes `bench/train.md`.
"""

import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from training.processor import processor

NETS: Final = ("resnet20", "airbench94")
RESULTS: Final = Path(__file__).with_name("train.md")
TORCH_NETS: Final = Path(__file__).with_name("train_torch.py")
TORCH_LOCK: Final = Path(__file__).with_name("torch.txt")
TORCH_VENV: Final = Path(".venv-torch")
WANTED: Final = 0.8

app = typer.Typer(add_completion=False)
console = Console()


@dataclass(frozen=True, slots=True)
class Net:
    """What both sides say of one net, a value a round; images a second, shares in 0..1."""

    name: str
    batch: int
    parameters: int
    keras: tuple[float, ...]
    torch: tuple[float, ...]
    fed: tuple[float, ...]
    waiting: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Of PyTorch's images a second, as medians."""
        return median(self.keras) / median(self.torch)

    @property
    def pipeline(self) -> float:
        """The share of time that images from the pipeline cost more than images in memory."""
        return max(0.0, 1 - median(self.fed) / median(self.keras))


@app.command()
def main(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is repeated.")] = 3,
    seconds: Annotated[float, typer.Option(min=0, help="For each figure of a round.")] = 15,
    torch: Annotated[Path | None, typer.Option(help="Python of an environment with it.")] = None,
    batch: Annotated[int | None, typer.Option(min=8, help="In place of the recipe's.")] = None,
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS,
) -> None:
    """Measure and write the table."""
    python = torch or torch_environment()
    ours: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    theirs: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for number in range(rounds):
        for name in NETS:
            found = _keras(name, seconds, batch)
            ours[name].append(found)
            arguments = [TORCH_NETS, name, str(found["batch"]), str(seconds), found["precision"]]
            theirs[name].append(_answer([python, *arguments]))
            console.print(
                f"round {number + 1}, {name}: Keras {found['images_per_second']:.0f}, "
                f"PyTorch {theirs[name][-1]['images_per_second']:.0f} images/s"
            )
    nets = [_net(name, ours[name], theirs[name]) for name in NETS]
    conditions = {**ours[NETS[0]][0], "torch": theirs[NETS[0]][0]["version"]}
    out.write_text(page(nets, conditions, rounds, seconds), encoding="utf-8")
    console.print(out.read_text(), markup=False, soft_wrap=True)


def torch_environment() -> Path:
    """The Python of the environment that the lock makes; made where there is none yet."""
    python = TORCH_VENV / "bin" / "python"
    if not python.exists():
        console.print(f"Making {TORCH_VENV}")
        subprocess.run([sys.executable, "-m", "venv", TORCH_VENV], check=True)
    installed = subprocess.run([python, "-c", "import torch"], capture_output=True, check=False)
    if installed.returncode:
        install = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
        done = subprocess.run([*install, "-r", str(TORCH_LOCK)], check=False)
        if done.returncode:
            raise typer.BadParameter(
                f"{TORCH_LOCK.name} could not be installed; name a Python that has PyTorch",
                param_hint="--torch",
            )
    return python


def _keras(name: str, seconds: float, batch: int | None) -> dict[str, Any]:
    sizes = [] if batch is None else [str(batch)]
    return _answer([Path(sys.executable), "-m", "bench.train_keras", name, str(seconds), *sizes])


def _answer(command: list[Any]) -> dict[str, Any]:
    """The last line of a process of its own, which is JSON."""
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return answer


def _net(name: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> Net:
    fitted = {found["parameters"] for found in (*ours, *theirs)}
    if len(fitted) > 1:
        raise ValueError(f"{name} is not the same net on both sides: {sorted(fitted)} parameters")
    return Net(
        name=name,
        batch=ours[0]["batch"],
        parameters=fitted.pop(),
        keras=tuple(found["images_per_second"] for found in ours),
        torch=tuple(found["images_per_second"] for found in theirs),
        fed=tuple(found["fed_images_per_second"] for found in ours),
        waiting=tuple(found["waiting"] for found in ours),
    )


def page(nets: list[Net], conditions: dict[str, Any], rounds: int, seconds: float) -> str:
    """The document."""
    lines = [
        "# Training against the same nets in PyTorch",
        "",
        (
            "Written by `python -m bench.train`; the ratios carry over, the absolute figures are "
            "this machine's."
        ),
        "",
        (
            f"TensorFlow {conditions['tensorflow']}, Keras {conditions['keras']}, PyTorch "
            f"{conditions['torch']} (eager, channels last), {conditions['precision']}; "
            f"{processor()} ({platform.machine()}), Python {platform.python_version()}, load "
            f"average {os.getloadavg()[0]:.1f} at the end; {rounds} interleaved rounds of "
            f"{seconds:g} s, medians, the range in brackets. Images of 32×32 pixels, the same "
            "batch in memory over and over."
        ),
        "",
        "| Net | Parameters | Batch | Keras, images/s | PyTorch, images/s | Ratio |",
        "|---|---|---|---|---|---|",
        *(
            f"| `{net.name}` | {net.parameters:,} | {net.batch} | {_range(net.keras)} | "
            f"{_range(net.torch)} | {net.ratio:.2f} |"
            for net in nets
        ),
        "",
        f"The goal is a ratio of {WANTED} or more.",
        "",
        "## The input pipeline",
        "",
        (
            "The recipe's own pipeline, with its augmentation, feeds the steps. Waiting is the "
            "share of time that a step has no batch yet; the cost is what the pipeline takes from "
            "the same cores besides, as the share that images/s fall by."
        ),
        "",
        "| Net | Fed, images/s | Waiting | Cost |",
        "|---|---|---|---|",
        *(
            f"| `{net.name}` | {_range(net.fed)} | {100 * median(net.waiting):.1f} % | "
            f"{100 * net.pipeline:.1f} % |"
            for net in nets
        ),
    ]
    return "\n".join(lines) + "\n"


def _range(rates: tuple[float, ...]) -> str:
    return f"{median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f})"


if __name__ == "__main__":
    app()
