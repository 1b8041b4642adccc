"""The pictures that everyone labels: drawn from seeds, and only such as have a clear best label.

A peer decodes every pixel of a photo, Rótulo a smaller scale of it; where the model wavers between
two labels, the two could rightly differ. So a picture is taken when both ways agree and the best
label leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from bench.limit import MAX_PIXELS
from bench.load import Body, multipart
from bench.peers.servers import FORM, Server
from bench.pictures import LARGE, MEDIUM, SMALL, Kind, draw
from bench.results import BodyKind, PictureFacts
from service.classifier import OnnxClassifier
from service.contract import InputSpec, decode_image, to_pixels

KINDS: Final = MappingProxyType({kind.name: kind for kind in (SMALL, MEDIUM, LARGE)})
COUNTS: Final[Mapping[str, int]] = MappingProxyType({"S": 8, "M": 8, "L": 4})
"""How many of each kind are sent in turn; a large one takes seconds to draw."""

MAX_SEEDS: Final = 100
MARGIN: Final = 0.2
"""By how much (logits) the best label must lead."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of one kind on disk, and what is the best label of each."""

    kind: Kind
    raw: Body
    labels: tuple[str, ...]

    def body(self, server: Server, way: BodyKind) -> Body:
        """Return what a server is sent: the pictures, or forms with one each."""
        if way == FORM:
            return multipart(self.raw, self.raw.files[0].parent, field=server.field)
        return self.raw

    def facts(self) -> PictureFacts:
        """Return what a page says of them."""
        sizes = [file.stat().st_size for file in self.raw.files]
        return PictureFacts(
            kind=self.kind.name,
            width=self.kind.width,
            height=self.kind.height,
            media_type=self.kind.media_type,
            size_bytes=sum(sizes) // len(sizes),
            count=len(sizes),
        )


def clear_pictures(kind: Kind, classifier: OnnxClassifier, folder: Path) -> Pictures:
    """Draw pictures into a folder until enough of them have a clear best label.

    Raises:
        RuntimeError: the model wavers on nearly all of them.
    """
    files, labels = [], []
    for seed in range(MAX_SEEDS):
        data = draw(kind, seed)
        found = _clear_label(data, classifier)
        if found is not None:
            file = folder / f"{kind.name}{seed}"
            file.write_bytes(data)
            files.append(file)
            labels.append(found)
        if len(files) == COUNTS[kind.name]:
            return Pictures(kind, Body(kind.media_type, tuple(files)), tuple(labels))
    raise RuntimeError(f"{classifier.manifest.name} has a clear label for too few pictures")


def _clear_label(data: bytes, classifier: OnnxClassifier) -> str | None:
    """Return the best label of a picture, None where the model wavers."""
    manifest = classifier.manifest
    targets: tuple[InputSpec | None, ...] = (manifest.input, None)
    pixels = [
        to_pixels(decode_image(data, max_pixels=MAX_PIXELS, target=target).image, manifest.input)
        for target in targets
    ]
    logits = classifier.run(np.stack(pixels))[:, : len(manifest.labels)]
    best = logits.argmax(axis=1)
    ordered = np.sort(logits, axis=1)
    leads = (ordered[:, -1] - ordered[:, -2]).min() >= MARGIN
    return manifest.labels[int(best[0])].id if leads and len(set(best)) == 1 else None
