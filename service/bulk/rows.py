"""What is written about one image: a row, the same in every format."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

from service.contract import Manifest
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


@dataclass(frozen=True, slots=True)
class Item:
    """One image on its way: where it came from, and its bytes or why there are none.

    ``position`` counts within its unit. ``content`` is None for an image whose part is written.
    """

    position: int
    file: str
    member: str | None
    row: int | None
    content: bytes | Failure | None


@dataclass(frozen=True, slots=True)
class RowLabel:
    """One label: stable id, names, calibrated score from 0 to 1 in double precision."""

    id: str
    es: str
    en: str
    score: float


@dataclass(frozen=True, slots=True)
class Row:
    """One image's end. ``file`` with ``row`` is unique; labels stand by falling score.

    ``member`` is the name inside a tar, or the path that a Parquet row gives; ``row`` is the place
    inside either, from 0. ``width`` and ``height`` are pixels of the upright original.
    """

    file: str
    member: str | None
    row: int | None
    decision: str | None
    labels: tuple[RowLabel, ...]
    width: int | None
    height: int | None
    media_type: str | None
    failure: Failure | None

    @classmethod
    def failed(cls, item: Item, failure: Failure) -> Self:
        """Return the row of an image that has no labels."""
        where = (printable(item.file), _printable(item.member), item.row)
        return cls(*where, None, (), None, None, None, failure)

    @classmethod
    def labelled(
        cls,
        item: Item,
        labelling: Labelling,
        manifest: Manifest,
        *,
        size: tuple[int, int],
        media_type: str,
    ) -> Self:
        """Return the row of what the model says."""
        labels = tuple(
            RowLabel(label.id, label.es, label.en, score)
            for index, score in zip(labelling.class_indices, labelling.scores, strict=True)
            for label in [manifest.labels[index]]
        )
        where = (printable(item.file), _printable(item.member), item.row)
        return cls(*where, labelling.decision.value, labels, *size, media_type, None)


def printable(name: str) -> str:
    r"""Return a file's name as text; bytes that are no UTF-8 become ``\xNN``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _printable(name: str | None) -> str | None:
    return None if name is None else printable(name)
