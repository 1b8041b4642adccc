"""Measures a bundle on photos of its labels, and writes the figures into its manifest.

    python -m export.photos BUNDLE PHOTOS --about "where the photos are from"

BUNDLE is `NAME/VERSION`; PHOTOS holds one folder of photos a label, named by its id, all of a size
as people send. They go the way of an upload: the service's decoding, its preprocessing, its
session. Test figures are not touched; earlier figures of photos are replaced. Whoever signed the
bundle signs it anew.
"""

import os
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from pydantic import ValidationError

from service.bundles import Bundle, load_bundle
from service.classifier import OnnxClassifier
from service.contract import MANIFEST_FILE, MODEL_FILE, Figure, Manifest, decode_image, to_pixels
from service.errors import BundleError, RotuloError
from training.evaluate import wilson_interval

SPLIT: Final = "photos"
"""What the service looks for when it says how good a model is on real photos."""
MAX_PIXELS: Final = 200_000_000
_BATCH: Final = 32


def main(
    bundle: Annotated[Path, typer.Argument(help="The bundle, NAME/VERSION.", exists=True)],
    photos: Annotated[Path, typer.Argument(help="A folder of photos a label.", exists=True)],
    *,
    about: Annotated[str, typer.Option(help="Which photos these are, in a few words.")],
    about_es: Annotated[str, typer.Option(help="The same in Spanish, for the public.")] = "",
) -> None:
    """Measure and write the figures; exit code 1, and nothing written, when it cannot be done."""
    try:
        manifest = measure(load_bundle(bundle), photos, about, about_es)
    except (BundleError, RotuloError, OSError, ValueError, ValidationError) as error:
        typer.echo(f"export: {error}", err=True)
        raise typer.Exit(1) from error
    unfinished = bundle / f"{MANIFEST_FILE}.part"
    manifest.write(unfinished)
    os.replace(unfinished, bundle / MANIFEST_FILE)  # noqa: PTH105  # whole, or not at all
    for figure in manifest.figures:
        if figure.split == SPLIT:
            typer.echo(f"{figure.name}: {figure.value:.4f} on {figure.n} photos")


def measure(bundle: Bundle, photos: Path, about: str, about_es: str = "") -> Manifest:
    """Return the bundle's manifest with what was measured on the photos.

    Raises:
        ValueError: there is no photo, a folder is of no label, or a label has none.
        RotuloError: a file is no image that the service takes.
    """
    manifest = bundle.manifest
    files = _files(photos, manifest)
    classifier = OnnxClassifier(bundle, provider="cpu")
    correct = sum(
        _right(classifier, files[first : first + _BATCH]) for first in range(0, len(files), _BATCH)
    )
    low, high = wilson_interval(correct, len(files))
    values = {"accuracy": correct / len(files), "accuracy_low_95": low, "accuracy_high_95": high}
    figures = tuple(
        Figure(
            name=name,
            value=value,
            n=len(files),
            split=SPLIT,
            conditions=f"{MODEL_FILE}, ONNX Runtime CPU; {about}",
            conditions_es=f"{MODEL_FILE}, ONNX Runtime CPU; {about_es}" if about_es else None,
        )
        for name, value in values.items()
    )
    others = tuple(figure for figure in manifest.figures if figure.split != SPLIT)
    return manifest.model_copy(update={"figures": (*others, *figures)})


def _files(photos: Path, manifest: Manifest) -> list[tuple[Path, int]]:
    ids = [label.id for label in manifest.labels]
    folders = {path.name for path in photos.iterdir() if path.is_dir()}
    if folders != set(ids):
        raise ValueError(f"{photos} must have one folder a label: {', '.join(ids)}")
    files = [
        (path, index)
        for index, label in enumerate(ids)
        for path in sorted((photos / label).iterdir())
    ]
    if {index for _, index in files} != set(range(len(ids))):
        raise ValueError(f"{photos} must have photos of every label")
    return files


def _right(classifier: OnnxClassifier, files: list[tuple[Path, int]]) -> int:
    """Count the photos whose label the classifier says."""
    spec = classifier.manifest.input
    pixels = [
        to_pixels(decode_image(path.read_bytes(), max_pixels=MAX_PIXELS, target=spec).image, spec)
        for path, _ in files
    ]
    logits = classifier.run(np.stack(pixels))[:, : len(classifier.manifest.labels)]
    given = logits.argmax(axis=1)
    return int((given == [index for _, index in files]).sum())


if __name__ == "__main__":
    typer.run(main)
