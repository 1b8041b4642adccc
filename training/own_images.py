"""Reads a person's own pictures, exactly as the service will read what is uploaded to it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.contract import (
    ImageTooLarge,
    InputSpec,
    Label,
    UndecodableImage,
    UnsupportedImage,
    decode_image,
    to_pixels,
)
from training.errors import DataError
from training.layouts import Half, Layout, Picture, list_pictures

MOST_PIXELS: Final = 100_000_000
MOST_BYTES: Final = 8 << 30
# Fewer cannot be split for fitting, choosing and validation.
FEWEST_PER_CLASS: Final = 8
THREADS: Final = 4
# How many bad files are named at once.
NAMED: Final = 5

Labelled = tuple[NDArray[np.uint8], NDArray[np.int64]]
Stamp = tuple[tuple[str, int, int], ...]


def read_half(path: Path, half: Half, spec: InputSpec) -> tuple[tuple[Label, ...], Labelled]:
    """The classes, and the half's images uint8 [N, H, W, C] with labels int64 [N].

    Read once as long as no file changes its size or time. A half that is not there is empty.

    Raises:
        DataError: the layout is none that is read, a picture is broken, a class has too few of
            them, or they need more memory than is sensible; the message names the file.
    """
    if not path.exists():
        raise DataError(path, "is not there", "Put the pictures back, or name their new place.")
    return _read(path, half, spec, _stamp(path))


@lru_cache(maxsize=2)
def _read(path: Path, half: Half, spec: InputSpec, _: Stamp) -> tuple[tuple[Label, ...], Labelled]:
    layout = list_pictures(path)
    pictures = layout.halves.get(half, ())
    if half == "train":
        _check_counts(path, layout)
    images = decode_all(path, pictures, spec)
    labels = np.array([picture.label for picture in pictures], np.int64)
    images.setflags(write=False)
    labels.setflags(write=False)
    return layout.classes, (images, labels)


def decode_all(path: Path, pictures: tuple[Picture, ...], spec: InputSpec) -> NDArray[np.uint8]:
    """The pictures that are at a path, uint8 [N, H, W, C].

    Raises:
        DataError: some cannot be read, or they need more memory than is sensible; the message
            names the file.
    """
    size = len(pictures) * spec.height * spec.width * spec.channels
    if size > MOST_BYTES:
        raise DataError(
            path,
            f"its {len(pictures)} images need {size / 2**30:.0f} GiB at {spec.width} pixels",
            "Fit at a smaller size, by --size.",
        )
    images = np.empty((len(pictures), spec.height, spec.width, spec.channels), np.uint8)
    broken: list[tuple[str, str]] = []

    def decode(place: int) -> None:
        picture = pictures[place]
        try:
            decoded = decode_image(picture.read(), max_pixels=MOST_PIXELS, target=spec)
        except UnsupportedImage:
            broken.append((picture.where, "is no image of a format that the service reads"))
        except (UndecodableImage, OSError):
            broken.append((picture.where, "is a damaged image"))
        except ImageTooLarge:
            broken.append((picture.where, f"has more than {MOST_PIXELS:,} pixels"))
        else:
            images[place] = to_pixels(decoded.image, spec)

    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(decode, range(len(pictures))):
            pass
    _tell_broken(broken)
    return images


def _tell_broken(broken: list[tuple[str, str]]) -> None:
    if not broken:
        return
    broken.sort()
    (first, problem), *others = broken
    also = "".join(f"; {where} {what}" for where, what in others[: NAMED - 1])
    left = len(broken) - NAMED
    more = f"; and {left} more" if left > 0 else ""
    raise DataError(first, f"{problem}{also}{more}", "Mend or remove what is named.")


def _check_counts(path: Path, layout: Layout) -> None:
    counts = Counter(picture.label for picture in layout.halves["train"])
    for index, label in enumerate(layout.classes):
        if counts[index] < FEWEST_PER_CLASS:
            raise DataError(
                path,
                f"the class {label.es!r} has {counts[index]} images",
                f"At least {FEWEST_PER_CLASS} a class are needed, and a few dozen are better.",
            )


def _stamp(path: Path) -> Stamp:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return tuple(
        (str(file), found.st_size, found.st_mtime_ns)
        for file in files
        if not file.is_dir() and (found := file.stat())
    )
