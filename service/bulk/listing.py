"""What there is to label: every file of the sources, written down once when a run begins.

The list lies on disk, a line of JSON for each file, so that ten million files need no memory. Its
digest says whether the source is still the same; comparing two lists says what is not.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import Final

from service.bulk.errors import NoImageColumn, NothingToLabel
from service.bulk.parquet import row_groups
from service.bulk.places import Found, Place, place_of

IMAGES: Final = frozenset(
    {".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe"}
    | {".jpeg", ".jpg", ".jxl", ".png", ".svg", ".tif", ".tiff", ".webp"}
)
"""Extensions of images; those that the service does not take become rows that say so."""

TARS: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


class Kind(StrEnum):
    """How a file is read."""

    IMAGE = "image"
    TAR = "tar"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the list; ``groups`` are the rows of each row group of a Parquet file."""

    path: str
    size: int
    stamp: str
    kind: Kind
    named: bool = False
    groups: tuple[int, ...] = ()

    @property
    def found(self) -> Found:
        """Return what its place knows of it."""
        return Found(self.path, self.size, self.stamp, self.named)

    def to_line(self) -> bytes:
        """Return a line in ASCII, in which any file name survives."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Entry:
        """Return what ``to_line`` wrote."""
        fields = json.loads(line)
        kind, groups = Kind(fields.pop("kind")), tuple(fields.pop("groups"))
        return cls(**fields, kind=kind, groups=groups)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as a whole; ``images`` is None where only reading tells how many there are."""

    sha256: str
    files: int
    size: int
    images: int | None
    skipped: int


def is_image(name: str, *, all_files: bool = False) -> bool:
    """Return whether a file found in a folder or tar is taken, by its name alone."""
    path = PurePosixPath(name)
    return not path.name.startswith(".") and (all_files or path.suffix.lower() in IMAGES)


def kind_of(name: str, *, named: bool, all_files: bool) -> Kind | None:
    """Return how a file is read; None passes it over, which is never done to one asked for."""
    if name.lower().endswith(TARS):
        return Kind.TAR
    if name.lower().endswith(".parquet"):
        return Kind.PARQUET
    return Kind.IMAGE if named or is_image(name, all_files=all_files) else None


def write_listing(
    sources: Iterable[str],
    path: Path,
    *,
    all_files: bool,
    seen: Callable[[int], None] = lambda _: None,
    own: tuple[str, ...] = (),
) -> int:
    """List the sources into a file, and return how many files were passed over as no images.

    ``seen`` hears how many files there are so far; ``own`` names the target and the folder beside
    it, which may lie in a source and are not part of it.

    Raises:
        SourceUnreadable: a source does not exist or cannot be listed.
        NothingToLabel: there is nothing in them.
        MissingExtra: a URL or a Parquet file without the packages for it.
    """
    files = skipped = 0
    sources = tuple(sources)
    with path.open("wb") as out:
        for entry in _entries(sources, own, all_files=all_files):
            if entry is None:
                skipped += 1
                continue
            out.write(entry.to_line())
            files += 1
            seen(files)
    if not files:
        raise NothingToLabel(sources=", ".join(sources), skipped=skipped)
    return skipped


def totals_of(path: Path, skipped: int = 0) -> Listed:
    """Return a list's digest, and what it adds up to."""
    digest = hashlib.sha256()
    files = size = 0
    images: int | None = 0
    with path.open("rb") as lines:
        for line in lines:
            digest.update(line)
            entry = Entry.from_line(line)
            files, size = files + 1, size + entry.size
            here = {Kind.IMAGE: 1, Kind.PARQUET: sum(entry.groups), Kind.TAR: None}[entry.kind]
            images = None if images is None or here is None else images + here
    return Listed(digest.hexdigest(), files, size, images, skipped)


def read_listing(path: Path) -> Iterator[Entry]:
    """Yield the entries of a list."""
    with path.open("rb") as lines:
        for line in lines:
            yield Entry.from_line(line)


def first_change(before: Path, after: Path) -> str:
    """Return the first difference of two lists: ``+`` came, ``-`` went, ``≠`` is another."""
    for old, new in zip_longest(read_listing(before), read_listing(after)):
        if old != new:
            if old and new and old.path == new.path:
                return f"≠ {old.path}"
            came = old is None or (new is not None and _sooner(new.path, old.path))
            return f"+ {new.path}" if came and new else f"- {old.path if old else ''}"
    return ""


def _sooner(first: str, second: str) -> bool:
    return first.split("/") < second.split("/")


def _entries(
    sources: Iterable[str], own: tuple[str, ...], *, all_files: bool
) -> Iterator[Entry | None]:
    ours = tuple(_absolute(path) for path in own)
    for source in sources:
        place = place_of(source)
        for found in place.files(source):
            path = _absolute(found.path)
            if not any(path == one or path.startswith(f"{one}/") for one in ours):
                yield _entry(place, found, all_files=all_files)


def _absolute(path: str) -> str:
    return path if "://" in path else os.path.abspath(path)  # noqa: PTH100  # links stay as named


def _entry(place: Place, found: Found, *, all_files: bool) -> Entry | None:
    kind = kind_of(found.path, named=found.named, all_files=all_files)
    if kind is None:
        return None
    try:
        groups = row_groups(place, found) if kind is Kind.PARQUET else ()
    except NoImageColumn:
        if found.named:
            raise
        return None
    return Entry(found.path, found.size, found.stamp, kind, found.named, groups)
