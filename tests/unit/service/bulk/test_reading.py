"""What is in memory while a source is read."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from service.bulk import parquet, places
from service.bulk.errors import SourceUnreadable
from service.bulk.listing import read_listing, write_listing
from service.bulk.reading import CHUNK_BYTES, Chunk, ReadOptions, UnitReader
from service.bulk.units import load_unit, unit_places
from tests.archives import write_folder, write_parquet, write_tar

MIB = 2**20
IMAGE_BYTES = MIB
COUNT = 200
OPTIONS = ReadOptions(part_images=1000, max_upload_bytes=20 * MIB, all_files=False)


def as_folder(folder: Path, images: dict[str, bytes]) -> Path:
    return write_folder(folder / "in", images)


def as_tar(folder: Path, images: dict[str, bytes]) -> Path:
    return write_tar(folder / "in.tar", images)


def as_parquet(folder: Path, images: dict[str, bytes]) -> Path:
    return write_parquet(folder / "in.parquet", images, row_group_size=5)


def chunks(source: Path, listing: Path, options: ReadOptions = OPTIONS) -> list[Chunk]:
    """Read a whole source; return its chunks without their bytes."""
    write_listing([str(source)], listing, all_files=False)
    seen = []
    with closing(UnitReader(options)) as reader:
        for place in unit_places(listing, options.part_images):
            lines = listing.read_bytes()[place.offset : place.offset + place.length]
            for chunk in reader.chunks(load_unit(place, lines), frozenset()):
                bytes_held = sum(
                    len(i.content) for i in chunk.items if isinstance(i.content, bytes)
                )
                assert bytes_held <= CHUNK_BYTES + IMAGE_BYTES
                seen.append(
                    Chunk(chunk.unit, chunk.part, (), chunk.closes, chunk.last, len(chunk.items))
                )
    return seen


@pytest.mark.parametrize("write", [as_folder, as_tar, as_parquet])
def test_memory_does_not_grow_with_the_source(
    write: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path
) -> None:
    """A source of 200 MiB is read with what is fetched ahead, or a few row groups, and chunks."""
    images = {f"{n:03}.png": bytes(IMAGE_BYTES - 3) + f"{n:03}".encode() for n in range(COUNT)}
    source = write(tmp_path, images)
    del images
    default = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(default)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        read = chunks(source, tmp_path / "listing")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(default)
    assert sum(chunk.source_bytes for chunk in read) == COUNT
    assert peak + pool.max_memory() < 96 * MIB


def test_a_row_group_too_large_for_memory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST_GROUP_BYTES", MIB)
    source = write_parquet(tmp_path / "in.parquet", {"a.png": bytes(MIB)})
    with pytest.raises(SourceUnreadable, match="row_group_size=100"):
        chunks(source, tmp_path / "listing")


def test_parts_that_are_done_are_not_read_again(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "in.tar", {f"{n}.png": b"image" for n in range(10)})
    listing = tmp_path / "listing"
    write_listing([str(tar)], listing, all_files=False)
    (entry,) = read_listing(listing)
    (place,) = unit_places(listing, 4)
    options = ReadOptions(part_images=4, max_upload_bytes=MIB, all_files=False)
    with closing(UnitReader(options)) as reader:
        unit = load_unit(place, entry.to_line())
        left = list(reader.chunks(unit, {1}))
        rest = list(reader.chunks(unit, {0, 2}))
    assert [(chunk.part, len(chunk.items), chunk.last) for chunk in left] == [
        (0, 4, False),
        (2, 2, True),
    ]
    assert [(chunk.part, len(chunk.items), chunk.last) for chunk in rest] == [(1, 4, False)]


class Breaking(io.BytesIO):
    """A file on a network that breaks off."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > MIB:
            raise ConnectionResetError
        return super().read(size)


@pytest.mark.parametrize("write", [as_tar, as_parquet])
def test_a_network_that_breaks_off_is_not_taken_for_a_damaged_archive(
    write: Callable[[Path, dict[str, bytes]], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What may pass must never become a row."""
    source = write(tmp_path, {f"{n}.png": bytes(MIB) for n in range(6)})
    listing = tmp_path / "listing"
    write_listing([str(source)], listing, all_files=False)
    (place, *_) = unit_places(listing, 1000)
    unit = load_unit(place, listing.read_bytes())

    def open_elsewhere(self: places.Local, file: places.Found) -> places.Reading:
        return places.Reading(Breaking(source.read_bytes()), file.path)

    monkeypatch.setattr(places.Local, "open", open_elsewhere)
    with closing(UnitReader(OPTIONS)) as reader, pytest.raises(SourceUnreadable):
        list(reader.chunks(unit, frozenset()))
