"""How long a folder of 1,000 photos takes to become a bundle: `python -m bench.transfer`.

The commands of docs/own-classes.md, each in a process of its own. The photos are CIFAR-10's, 100 a
class to fit on and 50 to measure with, all from its training half, enlarged to 640x480 JPEGs: as
heavy as real ones, but blurred, so that the accuracies say little about yours. `ROTULO_DATA_DIR` as
for training. It writes `bench/transfer.md`.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from PIL import Image
from rich.console import Console

from service.contract import Manifest
from training.data import Split, load_whole_training_half
from training.datasets import find_data_set
from training.processor import processor
from training.settings import TrainingSettings

RESULTS: Final = Path(__file__).with_name("transfer.md")
DATA: Final = "cifar10"
NAME: Final = "mil-fotos"
SIZE: Final = (640, 480)
TITLES: Final = ("--title-es", "Mil fotos", "--title-en", "A thousand photos")
WANTED_SECONDS: Final = 600

console = Console()


def main(
    *,
    photos: Annotated[int, typer.Option(min=80, help="Photos to fit on, of all classes.")] = 1000,
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS,
) -> None:
    """Make the folder, run the commands, and write how long each took."""
    settings = TrainingSettings()
    with tempfile.TemporaryDirectory(prefix="rotulo-transfer-") as name:
        folder = Path(name)
        write_photos(load_whole_training_half(DATA, settings), photos, folder / NAME)
        run, bundles = folder / "run", folder / "bundles"
        took = {
            "fit": timed("training", "fit", "transfer", "--data", folder / NAME, "--run", run),
            "report": timed("training", "report", run),
            "export": timed("export", run, "--out", bundles, *TITLES),
        }
        (manifest,) = bundles.glob("*/*/manifest.json")
        said = Manifest.model_validate_json(manifest.read_bytes())
        out.write_text(page(photos, took, said), "utf-8")
    console.print(out.read_text("utf-8"), markup=False, soft_wrap=True)


def write_photos(split: Split, photos: int, folder: Path) -> None:
    """Write images of a split, the first ones of each class: to fit on, and half as many more."""
    names = find_data_set(DATA).classes
    each = photos // len(names)
    for label, name in enumerate(names):
        places = np.flatnonzero(split.labels == label)
        for half, chosen in (("train", places[:each]), ("test", places[each : each + each // 2])):
            target = folder / half / name.en
            target.mkdir(parents=True)
            for place in chosen:
                photo = Image.fromarray(split.images[place]).resize(SIZE, Image.Resampling.BICUBIC)
                photo.save(target / f"{place}.jpg", quality=90)


def timed(module: str, *arguments: str | Path) -> float:
    """Return the seconds that a command took.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    started = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - started


def page(photos: int, took: dict[str, float], manifest: Manifest) -> str:
    """Return the document."""
    said = ", ".join(
        f"{figure.value:.1%} on {figure.split} ({figure.n})"
        for figure in manifest.figures
        if figure.name == "accuracy"
    )
    total = sum(took.values())
    rows = "\n".join(f"| {step} | {seconds:.0f} |" for step, seconds in took.items())
    return f"""# From a folder of photos to a bundle

Written by `python -m bench.transfer`; wished for: under {WANTED_SECONDS} s.

{photos:,} photos to fit on, {photos // 2:,} to measure with, {SIZE[0]}×{SIZE[1]} JPEGs of ten \
classes (CIFAR-10 enlarged); {processor()}, Python {platform.python_version()}, load average \
{os.getloadavg()[1]:.1f} over the last five minutes at the end.

| Step | Seconds |
|---|---|
{rows}
| in all | **{total:.0f}** |

Accuracy: {said}. Blurred photos that fill the picture: yours will differ.
"""


if __name__ == "__main__":
    typer.run(main)
