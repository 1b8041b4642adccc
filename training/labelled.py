"""Any other labelled pictures to measure a finished run on: a folder by class, or Parquet."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from service.contract import Filter, InputSpec, Resize
from training.data import Split, split_digest
from training.datasets import find_data_set
from training.errors import DataError
from training.layouts import Picture, list_pictures
from training.own_images import decode_all
from training.run import Run
from training.slugs import slug


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Its name, its images with the run's class indices, and the digest of both."""

    name: str
    split: Split
    sha256: str


def read_labelled_set(run: Run, path: Path) -> LabelledSet:
    """Pictures whose classes, by identifier, are some or all of the run's.

    Where there is a test half it is taken, else all there is. Pictures become the run's size as
    the service would make them so.

    Raises:
        DataError: nothing there can be read, a class is none of the run's, or these are the very
            test images that `evaluate` looks at once.
    """
    if not path.exists():
        raise DataError(path, "is not there", "Name a folder of pictures by class, or Parquet.")
    data_set = find_data_set(run.config.recipe.data)
    layout = list_pictures(path.resolve())
    places = {label.id: index for index, label in enumerate(data_set.classes)}
    ids = [label.id for label in layout.classes]
    if all(name.isdigit() for name in ids) and len(ids) <= len(places):
        # Parquet that declares no names: its labels are the run's indices.
        places = {str(index): index for index in range(len(places))}
    unknown = [name for name in ids if name not in places]
    if unknown:
        raise DataError(
            path,
            f"has the class {unknown[0]!r}, which the run does not know",
            f"It knows {', '.join(label.id for label in data_set.classes)}.",
        )
    pictures = layout.halves.get("test") or layout.halves["train"]
    split = _read(path, pictures, input_of(run))
    split = Split(split.images, np.array([places[ids[label]] for label in split.labels], np.int64))
    digest = split_digest(split)
    if digest == data_set.test_sha256:
        raise DataError(
            path, "is the run's own test half", "`evaluate` without --on measures it, once."
        )
    name = slug(path.resolve().stem if path.is_file() else path.resolve().name) or "pictures"
    return LabelledSet(name, split, digest)


def input_of(run: Run) -> InputSpec:
    """What pictures become before the run's network sees them."""
    recipe = run.config.recipe
    if not isinstance(recipe.data, str):
        return recipe.data.input
    height, width, channels = find_data_set(recipe.data).shape
    return InputSpec(
        height=height,
        width=width,
        channels=1 if channels == 1 else 3,
        resize=Resize.STRETCH,
        filter=Filter.BILINEAR,
    )


def _read(path: Path, pictures: tuple[Picture, ...], spec: InputSpec) -> Split:
    labels = np.array([picture.label for picture in pictures], np.int64)
    return Split(decode_all(path, pictures, spec), labels)
