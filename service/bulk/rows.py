"""What is known of one image on its way to its row, and the row, the same in every format.

Both are named tuples: they go from one process to another by the ten thousand.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple, Self

from service.errors import RotuloError
from service.labelling import Labelling


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an image has no labels: the slug of the service's problem, and its sentence."""

    slug: str
    es: str
    en: str

    @classmethod
    def of(cls, error: RotuloError) -> Self:
        """Return an error in the words that the service has for it."""
        return cls(error.slug, error.detail("es"), error.detail("en"))


class Piece(NamedTuple):
    """Where an image's bytes lie on this machine's disk, for whichever process decodes them.

    ``size`` and ``stamp`` are those of the whole file when it was listed; the image is ``length``
    bytes of it from ``offset`` on, which is all of it or a tar's member.
    """

    path: str
    size: int
    stamp: str
    offset: int
    length: int


class Item(NamedTuple):
    """One image on its way: where it came from, and its bytes, their place or why there are none.

    ``position`` counts within its unit. ``content`` is None for an image whose part is written.
    """

    position: int
    file: str
    member: str | None
    row: int | None
    content: bytes | Piece | Failure | None


class Row(NamedTuple):
    """One image's end. ``file`` with ``row`` is unique; labels stand by falling score.

    ``member`` is the name inside a tar, or the path that a Parquet row gives; ``row`` is the place
    inside either, from 0. ``class_indices`` point into the manifest's labels, each with its
    calibrated score from 0 to 1. ``width`` and ``height`` are pixels of the upright original.
    """

    file: str
    member: str | None
    row: int | None
    decision: str | None
    class_indices: tuple[int, ...]
    scores: tuple[float, ...]
    width: int | None
    height: int | None
    media_type: str | None
    failure: Failure | None

    @classmethod
    def failed(cls, item: Item, failure: Failure) -> Self:
        """Return the row of an image that has no labels."""
        where = (printable(item.file), _printable(item.member), item.row)
        return cls(*where, None, (), (), None, None, None, failure)

    @classmethod
    def labelled(
        cls, item: Item, labelling: Labelling, *, size: tuple[int, int], media_type: str
    ) -> Self:
        """Return the row of what the model says."""
        where = (printable(item.file), _printable(item.member), item.row)
        said = (labelling.decision.value, labelling.class_indices, labelling.scores)
        return cls(*where, *said, *size, media_type, None)


def printable(name: str) -> str:
    r"""Return a file's name as text; bytes that are no UTF-8 become ``\xNN``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _printable(name: str | None) -> str | None:
    return None if name is None else printable(name)
