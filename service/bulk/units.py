"""Pieces of work: some image files together, a tar, or some row groups of a Parquet file.

A unit is cut from the list alone, so that every run and every machine cuts it alike; its number is
its place. Its images are numbered from 0, and each ``part_images`` of them are one part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from service.bulk.listing import Entry, Kind


@dataclass(frozen=True, slots=True)
class UnitPlace:
    """A unit by where its lines stand in the list: some integers, whatever is in it.

    ``groups`` are the row groups of a Parquet file, ``first_row`` the number of their first row.
    """

    number: int
    offset: int
    length: int
    groups: tuple[int, int] = (0, 0)
    first_row: int = 0


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit with its files: image files, or one container."""

    place: UnitPlace
    files: tuple[Entry, ...]

    @property
    def kind(self) -> Kind:
        """How all of its files are read."""
        return self.files[0].kind


def unit_places(listing: Path, part_images: int) -> Iterator[UnitPlace]:
    """Yield every unit of a list, in the list's order."""
    number = at = 0
    gathered = start = 0  # image files that wait for their unit, and where the first one stands
    with listing.open("rb") as lines:
        for line in lines:
            entry = Entry.from_line(line)
            if gathered and (entry.kind is not Kind.IMAGE or gathered == part_images):
                yield UnitPlace(number, start, at - start)
                number, gathered = number + 1, 0
            if entry.kind is Kind.IMAGE:
                start = at if not gathered else start
                gathered += 1
            elif entry.kind is Kind.TAR:
                yield UnitPlace(number, at, len(line))
                number += 1
            else:
                for first, last, row in _group_ranges(entry.groups, part_images):
                    yield UnitPlace(number, at, len(line), (first, last), row)
                    number += 1
            at += len(line)
    if gathered:
        yield UnitPlace(number, start, at - start)


def load_unit(place: UnitPlace, lines: bytes) -> Unit:
    """Return a unit with its files, from the bytes of the list that it stands for."""
    return Unit(place, tuple(Entry.from_line(line) for line in lines.splitlines()))


def _group_ranges(groups: tuple[int, ...], least: int) -> Iterator[tuple[int, int, int]]:
    """Yield first group, last group (exclusive) and first row of runs of at least so many rows."""
    first = row = rows = 0
    for after, size in enumerate(groups, start=1):
        rows += size
        if rows >= least or after == len(groups):
            yield first, after, row
            first, row, rows = after, row + rows, 0
