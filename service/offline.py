"""Label files from the command line, without a server: the service's own way, one by one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from service.answers import label_request, labels_answer
from service.classifier import Classifier
from service.contract import decode_image, to_pixels
from service.errors import EmptyBody, PayloadTooLarge, RotuloError, UnreadableFile
from service.labeller import LabelledImage, LabelRequest
from service.labelling import label
from service.problems import problem_of
from service.schemas import LabelQuery, LabelsAnswer, Problem
from service.settings import Settings
from service.sharing import Evidence
from service.stages import Timeline

OFFLINE: Final = "-"
"""The request identifier of a problem that no request had."""


def label_paths(
    paths: list[Path], classifier: Classifier, query: LabelQuery, settings: Settings
) -> Iterator[tuple[Path, LabelsAnswer | Problem]]:
    """Yield for each path its labelling, or what the service would have said of the file.

    Raises:
        InvalidParameter: more labels were asked for than the model has.
    """
    label_request(query, classifier.manifest)
    return ((path, _label(path, classifier, query, settings)) for path in paths)


def _label(
    path: Path, classifier: Classifier, query: LabelQuery, settings: Settings
) -> LabelsAnswer | Problem:
    started = time.monotonic()
    asked = label_request(query, classifier.manifest)
    try:
        data = _read(path, settings.max_upload_bytes)
        read_seconds = time.monotonic() - started
        labelled = label_alone(classifier, data, asked, max_pixels=settings.max_pixels)
    except RotuloError as error:
        return problem_of(error, query.lang, OFFLINE)
    return labels_answer(
        labelled, classifier.manifest, query.lang, started=started, read_seconds=read_seconds
    )


def label_alone(
    classifier: Classifier, data: bytes, asked: LabelRequest, *, max_pixels: int
) -> LabelledImage:
    """Return what the model says about one image's bytes, in the calling thread.

    Raises:
        UnsupportedImage, ImageTooLarge, UndecodableImage: the image.
        InferenceFailed: the model.
    """
    manifest = classifier.manifest
    started = time.monotonic()
    decoded = decode_image(data, max_pixels=max_pixels, target=manifest.input)
    pixels = to_pixels(decoded.image, manifest.input)
    ready = time.monotonic()
    (logits,) = classifier.run(pixels[None])
    times = Timeline(started, started, ready, ready, time.monotonic())
    return LabelledImage(
        label(logits, manifest, top_k=asked.top_k, min_score=asked.min_score),
        Evidence(logits, decoded.width, decoded.height, decoded.media_type, times),
    )


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableFile from error
    if not data:
        raise EmptyBody
    if len(data) > max_bytes:
        raise PayloadTooLarge(max_bytes)
    return data
