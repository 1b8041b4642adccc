"""From a chunk of encoded images to rows: the service's decoding, classifier and decision.

The two steps are apart because a GPU has one owner: there the workers decode, and one process
infers. On CPUs a worker does both.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.bulk.pieces import contents
from service.bulk.rows import Failure, Item, Row
from service.classifier import Classifier
from service.contract import InputSpec, Manifest, Pixels, decode_image, to_pixels
from service.errors import InferenceFailed, RotuloError
from service.labelling import label

BATCH: Final = 16
"""Images in one run of the session; more is no faster on the CPUs that were measured."""


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """What decides a row besides the image and the model; the names are those of the settings."""

    top_k: int
    min_score: float
    max_pixels: int
    max_upload_bytes: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image without its bytes: pixels ``[H, W, C]`` and the upright original's size."""

    item: Item
    pixels: Pixels
    width: int
    height: int
    media_type: str


def decode(items: Sequence[Item], spec: InputSpec, options: LabelOptions) -> list[Decoded | Row]:
    """Return each image as the model takes it, or the row of one that cannot be read.

    Raises:
        SourceError: a file of this machine is not what was listed, or a container is gone.
    """
    with closing(contents(items)) as read:
        return [
            _decode(item, content, spec, options) for item, content in zip(items, read, strict=True)
        ]


def _decode(
    item: Item, content: bytes | Failure, spec: InputSpec, options: LabelOptions
) -> Decoded | Row:
    if isinstance(content, Failure):
        return Row.failed(item, content)
    try:
        decoded = decode_image(content, max_pixels=options.max_pixels, target=spec)
        pixels = to_pixels(decoded.image, spec)
    except RotuloError as error:
        return Row.failed(item, Failure.of(error))
    named = Item(item.position, item.file, item.member, item.row, None)
    return Decoded(named, pixels, decoded.width, decoded.height, decoded.media_type)


class BatchLabeller:
    """Labels decoded images in batches that say what each image alone would have said."""

    def __init__(self, classifier: Classifier, options: LabelOptions, batch: int) -> None:
        """Take what ``safe_batch`` gave for a classifier of this bundle and provider."""
        self.manifest: Manifest = classifier.manifest
        self._classifier = classifier
        self._options = options
        self._batch = batch

    def label(self, decoded: Sequence[Decoded | Row]) -> list[Row]:
        """Return the rows of decoded images, in their order."""
        ready = [image for image in decoded if isinstance(image, Decoded)]
        rows: dict[int, Row] = {}
        for start in range(0, len(ready), self._batch):
            batch = ready[start : start + self._batch]
            for image, end in zip(batch, self._infer([one.pixels for one in batch]), strict=True):
                rows[image.item.position] = self._row(image, end)
        return [row if isinstance(row, Row) else rows[row.item.position] for row in decoded]

    def _infer(self, pixels: list[Pixels]) -> list[NDArray[np.float32] | Failure]:
        """Return the evidence of each; an image that fails its batch fails alone."""
        try:
            return list(self._classifier.run(np.stack(pixels)))
        except InferenceFailed as error:
            if len(pixels) == 1:
                return [Failure.of(error)]
            return [end for one in pixels for end in self._infer([one])]

    def _row(self, image: Decoded, end: NDArray[np.float32] | Failure) -> Row:
        if isinstance(end, Failure):
            return Row.failed(image.item, end)
        return Row.labelled(
            image.item,
            label(end, self.manifest, top_k=self._options.top_k, min_score=self._options.min_score),
            size=(image.width, image.height),
            media_type=image.media_type,
        )


def safe_batch(classifier: Classifier) -> int:
    """Return how many images may run together without a bit of their scores changing: 16, or 1.

    A runtime may choose another kernel for another batch size, whose sums differ in the last bit;
    a row must not depend on which images happened to travel with it. Tried on noise.
    """
    spec = classifier.manifest.input
    shape = (BATCH, spec.height, spec.width, spec.channels)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    alone = np.concatenate([classifier.run(image[None]) for image in images])
    together = classifier.run(images)
    by_threes = np.concatenate([classifier.run(images[at : at + 3]) for at in range(0, BATCH, 3)])
    same = np.array_equal(alone, together) and np.array_equal(alone, by_threes)
    return BATCH if same else 1
