"""From a unit to chunks of images, each read once, in order, and never all at once.

What lies on the disk of this machine is only named here, and read by whoever decodes it. Else there
are in memory one chunk, and of image files those that are being fetched ahead, both bounded in
images and in bytes. A part that is written already is passed over without reading its images where
the container lets us.
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections import deque
from collections.abc import Callable, Container, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import IO, Final, TypeAlias

from service.bulk.errors import BulkError, DamagedArchive
from service.bulk.listing import Entry, Kind, is_image
from service.bulk.parquet import damages, open_rows
from service.bulk.places import Local, Place, place_of
from service.bulk.rows import Failure, Item, Piece
from service.bulk.units import Unit
from service.errors import EmptyBody, PayloadTooLarge

CHUNK_IMAGES: Final = 16
CHUNK_BYTES: Final = 8 * 2**20
"""What a chunk holds at most; one image may be larger, up to the limit for uploads."""

AHEAD_BYTES: Final = 32 * 2**20
AHEAD_FILES: Final = 64
"""What may be fetched ahead of image files; many small requests at once hide a network's delay."""

ROWS_AT_ONCE: Final = 4
"""Rows of Parquet that become bytes at once, beside the row group that they come from."""

_Fetched: TypeAlias = "Future[bytes | Piece | Failure] | Piece | Failure"

_TAR_DAMAGES: Final = (tarfile.TarError, OSError, EOFError, lzma.LZMAError, zlib.error)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How units are read: images in a part, bytes in an image, and whether names decide."""

    part_images: int
    max_upload_bytes: int
    all_files: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some images of one part; ``closes`` on its last chunk, ``last`` on the unit's last part.

    ``source_bytes`` is how much of the source was read for it, ready to be added up.
    """

    unit: int
    part: int
    items: tuple[Item, ...]
    closes: bool
    last: bool
    source_bytes: int


class UnitReader:
    """Reads units one after the other; holds the threads that fetch files ahead."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._threads = ThreadPoolExecutor(AHEAD_FILES, thread_name_prefix="fetch")
        self._places: dict[str, Place] = {}

    def close(self) -> None:
        """End the threads; what they fetch is for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def chunks(self, unit: Unit, done: Container[int]) -> Iterator[Chunk]:
        """Yield the images of a unit whose parts are not in ``done``.

        A unit without images has one part without rows, so that it too is known to be done.

        Raises:
            SourceChanged: a file is no longer what was listed.
            SourceUnreadable: a place does not answer.
        """
        number, size = unit.place.number, self._options.part_images
        gathered: list[Item] = []
        read = weight = 0
        highest = -1
        for item, position in self._items(unit, lambda place: place // size in done):
            part = item.position // size
            if gathered and (part != gathered[0].position // size or _is_full(gathered)):
                here = gathered[0].position // size
                yield Chunk(number, here, tuple(gathered), part != here, last=False,
                            source_bytes=read - weight)  # fmt: skip
                gathered, weight = [], read
            highest, read = part, position
            if item.content is not None:
                gathered.append(item)
        if gathered:
            part = gathered[0].position // size
            last = part == highest
            yield Chunk(number, part, tuple(gathered), closes=True, last=last,
                        source_bytes=read - weight)  # fmt: skip
        elif highest < 0:
            yield Chunk(number, 0, (), closes=True, last=True, source_bytes=0)

    def _items(self, unit: Unit, is_done: Callable[[int], bool]) -> Iterator[tuple[Item, int]]:
        """Yield every image with the bytes of the source that have been read after it."""
        match unit.kind:
            case Kind.IMAGE:
                return self._files(unit)
            case Kind.TAR:
                return self._tar(unit.files[0], is_done)
            case Kind.PARQUET:
                return self._parquet(unit, is_done)

    def _files(self, unit: Unit) -> Iterator[tuple[Item, int]]:
        limit = self._options.max_upload_bytes
        ahead: deque[tuple[Entry, _Fetched]] = deque()
        waiting = deque(unit.files)
        in_flight = read = 0
        for position in range(len(unit.files)):
            while waiting and len(ahead) < AHEAD_FILES:
                size = min(waiting[0].size, limit)
                if ahead and in_flight + size > AHEAD_BYTES:
                    break
                entry = waiting.popleft()
                ahead.append((entry, self._fetch(entry)))
                in_flight += size
            entry, fetched = ahead.popleft()
            content = fetched.result() if isinstance(fetched, Future) else fetched
            in_flight -= min(entry.size, limit)
            read += entry.size
            yield Item(position, entry.path, None, None, content), read

    def _fetch(self, entry: Entry) -> _Fetched:
        """Begin to fetch an image file, in a thread where that takes time."""
        place, limit = self._place(entry), self._options.max_upload_bytes
        if isinstance(place, Local):
            return place.read(entry.found, limit)
        return self._threads.submit(place.read, entry.found, limit)

    def _tar(self, entry: Entry, is_done: Callable[[int], bool]) -> Iterator[tuple[Item, int]]:
        position = -1
        place, found = self._place(entry), entry.found
        with place.open(found) as raw:
            try:
                with tarfile.open(fileobj=raw, mode="r:*") as tar:
                    lies = partial(place.piece, found) if tar.fileobj is raw else _nowhere
                    while (member := tar.next()) is not None:
                        # Or the archive's whole table gathers in memory
                        tar.members.clear()  # type: ignore[attr-defined]  # typeshed lacks it
                        if not member.isfile() or not self._takes(member.name):
                            continue
                        position += 1
                        content = None if is_done(position) else self._member(tar, member, lies)
                        yield Item(position, entry.path, member.name, position, content), raw.tell()
            except BulkError:
                raise
            except _TAR_DAMAGES:
                failure = None if is_done(position + 1) else Failure.of(DamagedArchive())
                yield Item(position + 1, entry.path, None, position + 1, failure), entry.size

    def _takes(self, name: str) -> bool:
        return is_image(name, all_files=self._options.all_files)

    def _member(
        self,
        tar: tarfile.TarFile,
        member: tarfile.TarInfo,
        lies: Callable[[int, int], Piece | None],
    ) -> bytes | Piece | Failure:
        limit = self._options.max_upload_bytes
        if member.size > limit:
            return Failure.of(PayloadTooLarge(limit))
        piece = None if member.issparse() else lies(member.offset_data, member.size)
        if piece:
            if piece.offset + piece.length > piece.size:
                raise tarfile.ReadError("cut short")
            return piece if piece.length else Failure.of(EmptyBody())
        file: IO[bytes] | None = tar.extractfile(member)
        data = file.read() if file else b""
        if len(data) < member.size:
            raise tarfile.ReadError("cut short")
        return data or Failure.of(EmptyBody())

    def _parquet(self, unit: Unit, is_done: Callable[[int], bool]) -> Iterator[tuple[Item, int]]:
        entry, limit = unit.files[0], self._options.max_upload_bytes
        first_row, groups = unit.place.first_row, range(*unit.place.groups)
        total = sum(entry.groups) or 1
        position = -1
        try:
            with open_rows(self._place(entry), entry.found, groups, ROWS_AT_ONCE) as rows:
                for position, (data, path) in enumerate(rows):
                    content = None if is_done(position) else _checked(data, limit)
                    row = first_row + position
                    read = entry.size * (position + 1) // total
                    yield Item(position, entry.path, path, row, content), read
        except damages():
            lost = position + 1
            failure = None if is_done(lost) else Failure.of(DamagedArchive())
            yield Item(lost, entry.path, None, first_row + lost, failure), entry.size // total

    def _place(self, entry: Entry) -> Place:
        protocol = entry.path.partition("://")[0] if "://" in entry.path else ""
        if protocol not in self._places:
            self._places[protocol] = place_of(entry.path)
        return self._places[protocol]


def _nowhere(_offset: int, _length: int) -> None:
    """Say of what is compressed that its bytes lie nowhere as they are."""


def _checked(data: bytes | None, limit: int) -> bytes | Failure:
    if not data:
        return Failure.of(EmptyBody())
    return data if len(data) <= limit else Failure.of(PayloadTooLarge(limit))


def _is_full(items: list[Item]) -> bool:
    held = sum(_weight(item.content) for item in items)
    return len(items) == CHUNK_IMAGES or held >= CHUNK_BYTES


def _weight(content: bytes | Piece | Failure | None) -> int:
    if isinstance(content, Piece):
        return content.length
    return len(content) if isinstance(content, bytes) else 0
