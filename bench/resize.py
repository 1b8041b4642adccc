"""How a photo becomes the model's size: every policy with every good filter, on labelled photos.

    python -m bench.resize PHOTOS

PHOTOS holds one folder of photos a class, named by the label's id. The first policies and filters
of `service.contract.InputSpec` are tried by the service's own decoding and session; the table goes
to `bench/resize.md`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from service.bundles import Bundle, find_bundles
from service.classifier import OnnxClassifier
from service.contract import Filter, InputSpec, Resize, decode_image, to_pixels
from service.settings import SHIPPED_BUNDLES
from training.calibration import negative_log_likelihood
from training.evaluate import wilson_interval

MAX_PIXELS = 50_000_000
RESULTS = Path(__file__).with_name("resize.md")
# Nearest throws most of a photo away; it is there as the floor.
FILTERS = tuple(Filter)
POLICIES = tuple(Resize)


@dataclass(frozen=True, slots=True)
class Photo:
    """An encoded photo and the index of its class."""

    data: bytes
    label: int


@dataclass(frozen=True, slots=True)
class Row:
    """What one policy and filter gave; the likelihood is at the manifest's temperature."""

    resize: Resize
    filter: Filter
    correct: int
    likelihood: float


def main(
    photos: Annotated[Path, typer.Argument(help="A folder of photos a class.", exists=True)],
    *,
    bundles: Annotated[Path, typer.Option(help="Where the bundle is.")] = SHIPPED_BUNDLES,
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS,
) -> None:
    """Measure and write the table."""
    bundle = find_bundles(bundles)[-1]
    taken = tuple(_photos(photos, bundle))
    classifier = OnnxClassifier(bundle, provider="cpu")
    rows = [
        _try(classifier, taken, resize, resampling) for resize in POLICIES for resampling in FILTERS
    ]
    out.write_text(_table(bundle, rows, len(taken)))
    Console().print(out.read_text(), markup=False, soft_wrap=True)


def _photos(folder: Path, bundle: Bundle) -> Iterator[Photo]:
    for index, label in enumerate(bundle.manifest.labels):
        for file in sorted((folder / label.id).iterdir()):
            yield Photo(file.read_bytes(), index)


def _try(
    classifier: OnnxClassifier, photos: tuple[Photo, ...], resize: Resize, resampling: Filter
) -> Row:
    spec = classifier.manifest.input.model_copy(update={"resize": resize, "filter": resampling})
    evidence = classifier.run(np.stack([_pixels(photo, spec) for photo in photos]))
    logits = evidence[:, : len(classifier.manifest.labels)]
    labels = np.array([photo.label for photo in photos])
    correct = int((logits.argmax(axis=1) == labels).sum())
    temperature = classifier.manifest.temperature
    return Row(resize, resampling, correct, negative_log_likelihood(logits, labels, temperature))


def _pixels(photo: Photo, spec: InputSpec) -> NDArray[np.uint8]:
    decoded = decode_image(photo.data, max_pixels=MAX_PIXELS, target=spec)
    return to_pixels(decoded.image, spec)


def _table(bundle: Bundle, rows: list[Row], n: int) -> str:
    manifest = bundle.manifest
    lines = [
        "# How a photo becomes the model's size",
        "",
        (
            f"Written by `python -m bench.resize PHOTOS`: {n} photos of the "
            f"{len(manifest.labels)} classes at natural size, bundle {manifest.name}/"
            f"{manifest.version} (`{manifest.model_sha256[:12]}…`), the service's own decoding. "
            "The intervals are Wilson's at 95 %."
        ),
        "",
        "| Policy | Filter | Right | Interval | Negative log-likelihood |",
        "|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (-row.correct, row.likelihood)):
        low, high = wilson_interval(row.correct, n)
        lines.append(
            f"| {row.resize} | {row.filter} | {row.correct} ({row.correct / n:.1%}) | "
            f"{low:.1%} to {high:.1%} | {row.likelihood:.3f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(main)
