"""Where files lie: the disk of this machine, or whatever fsspec reaches (``s3://`` …).

A place lists, opens and reads. It says when a file is no longer what was listed, and turns every
protocol's own exceptions into ours. What lies on the disk is not read here: whoever decodes an
image reads its piece (`service.bulk.pieces`), so that it crosses no pipe between processes.
"""

from __future__ import annotations

import glob
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

from service.bulk.errors import BulkError, MissingExtra, SourceChanged, SourceUnreadable
from service.bulk.rows import Failure, Piece
from service.errors import EmptyBody, PayloadTooLarge

S3_PAGE: Final = 1000
"""Objects in one answer of S3, the most that it gives."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file by the name that opens it again; ``stamp`` changes when its content does.

    ``named`` tells a file that was asked for by its own name or pattern from one that only lay in
    a folder.
    """

    path: str
    size: int
    stamp: str
    named: bool


class Place(Protocol):
    """What lists, opens and reads files."""

    def files(self, location: str) -> Iterator[Found]:
        """Yield a file, the files below a folder, or those that a pattern matches, in order."""
        ...

    def open(self, file: Found) -> BinaryIO:
        """Open a file for reading and seeking."""
        ...

    def read(self, file: Found, limit: int) -> bytes | Piece | Failure:
        """Return a file of at most ``limit`` bytes, or what is said of one that cannot be had."""
        ...

    def piece(self, file: Found, offset: int, length: int) -> Piece | None:
        """Return some bytes of a file by their place, where every process here can read them."""
        ...


def place_of(location: str) -> Place:
    """Return the place of a path or URL, which reads whatever has the same protocol.

    Raises:
        MissingExtra: its protocol needs a package.
        SourceUnreadable: there is no such protocol.
    """
    return Remote(location) if "://" in location else Local()


class Local:
    """The disk. Links to files are followed, links to folders are not; hidden files are left."""

    def files(self, location: str) -> Iterator[Found]:
        """Yield in the order of names, folder by folder."""
        try:
            if Path(location).is_dir():
                yield from self._below(location)
            elif Path(location).exists():
                yield self._found(location, Path(location).stat(), named=True)
            elif glob.has_magic(location):
                yield from self._matching(location)
            else:
                raise FileNotFoundError(2, os.strerror(2))
        except OSError as error:
            where = error.filename or location
            raise SourceUnreadable(location=where, reason=error.strerror) from error

    def open(self, file: Found) -> BinaryIO:
        """Open a file that is still what was listed."""
        try:
            opened = Path(file.path).open("rb")  # noqa: SIM115  # whoever asked closes it
        except FileNotFoundError as error:
            raise SourceChanged(change=f"- {file.path}") from error
        except OSError as error:
            raise SourceUnreadable(location=file.path, reason=error.strerror) from error
        self._check(file, opened)
        return cast("BinaryIO", Reading(opened, file.path))

    def read(self, file: Found, limit: int) -> Piece | Failure:
        """Return where a file lies; nothing of it is read."""
        if file.size > limit:
            return Failure.of(PayloadTooLarge(limit))
        return self.piece(file, 0, file.size) if file.size else Failure.of(EmptyBody())

    def piece(self, file: Found, offset: int, length: int) -> Piece:
        """Return some bytes of a file by their place."""
        return Piece(file.path, file.size, file.stamp, offset, length)

    def _below(self, folder: str) -> Iterator[Found]:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._below(entry.path)
            elif entry.is_file():
                yield self._found(entry.path, entry.stat(), named=False)

    def _matching(self, pattern: str) -> Iterator[Found]:
        for path in sorted(glob.iglob(pattern, recursive=True)):  # noqa: PTH207  # absolute too
            status = Path(path).stat()
            if stat.S_ISREG(status.st_mode):
                yield self._found(path, status, named=True)

    def _found(self, path: str, status: os.stat_result, *, named: bool) -> Found:
        return Found(path, status.st_size, stamp_of(status), named)

    def _check(self, file: Found, opened: BinaryIO) -> None:
        status = os.fstat(opened.fileno())
        if (status.st_size, stamp_of(status)) != (file.size, file.stamp):
            opened.close()
            raise SourceChanged(change=f"≠ {file.path}")


class Remote:
    """What fsspec reaches; credentials and addresses are those of its own protocols."""

    def __init__(self, location: str) -> None:
        try:
            import fsspec  # noqa: PLC0415  # only where a URL is given
        except ImportError as error:
            raise MissingExtra(what=location, package="fsspec", extra="bulk") from error
        try:
            self._system, self._path = fsspec.core.url_to_fs(location, use_listings_cache=False)
        except ImportError as error:
            package = "s3fs" if location.startswith("s3:") else str(error.name or error)
            raise MissingExtra(what=location, package=package, extra="bulk") from error
        except ValueError as error:
            raise SourceUnreadable(location=location, reason=str(error)) from error

    def files(self, location: str) -> Iterator[Found]:
        """Yield in the order of names; S3 page by page, other protocols folder by folder."""
        path = self._path
        with _reported(location):
            if glob.has_magic(path):
                details = self._system.glob(path, detail=True)
                for name in sorted(details):
                    if details[name]["type"] == "file":
                        yield self._found(details[name], named=True)
                return
            about = self._system.info(path)
            if about["type"] == "file":
                yield self._found(about, named=True)
                return
            listed = self._pages(path) if self._is_s3() else self._below(path)
            for entry in listed:
                if not any(part.startswith(".") for part in _inside(entry["name"], path)):
                    yield self._found(entry, named=False)

    def open(self, file: Found) -> BinaryIO:
        """Open a file that is still what was listed, read ahead by 5 MB."""
        with _reported(file.path):
            if self._found(self._system.info(file.path), named=file.named) != file:
                raise SourceChanged(change=f"≠ {file.path}")
            opened = self._system.open(
                file.path, "rb", cache_type="readahead", block_size=5 * 2**20
            )
        return cast("BinaryIO", Reading(opened, file.path))

    def read(self, file: Found, limit: int) -> bytes | Failure:
        """Fetch a whole file in one request; whatever fails ends the run, for it may pass."""
        if file.size > limit:
            return Failure.of(PayloadTooLarge(limit))
        with _reported(file.path):
            try:
                data = bytes(self._system.cat_file(file.path))
            except FileNotFoundError as error:
                raise SourceChanged(change=f"- {file.path}") from error
        if len(data) != file.size:
            raise SourceChanged(change=f"≠ {file.path}")
        return data or Failure.of(EmptyBody())

    def piece(self, file: Found, offset: int, length: int) -> None:
        """Return nothing: it must be fetched."""

    def _is_s3(self) -> bool:
        return hasattr(self._system, "call_s3")

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the objects below a prefix without ever holding more than one page of them."""
        bucket, _, key = path.partition("/")
        asked = {
            "Bucket": bucket,
            "Prefix": f"{key.rstrip('/')}/" if key else "",
            "MaxKeys": S3_PAGE,
        }
        while True:
            page = self._system.call_s3("list_objects_v2", **asked)
            for entry in page.get("Contents", ()):
                if not entry["Key"].endswith("/"):
                    yield {**entry, "name": f"{bucket}/{entry['Key']}", "size": entry["Size"]}
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def _below(self, folder: str) -> Iterator[dict[str, Any]]:
        for entry in sorted(self._system.ls(folder, detail=True), key=lambda one: one["name"]):
            if entry["type"] == "directory":
                yield from self._below(entry["name"])
            else:
                yield entry

    def _found(self, about: dict[str, Any], *, named: bool) -> Found:
        stamp = about.get("ETag") or about.get("etag") or about.get("mtime") or about.get("created")
        path = str(self._system.unstrip_protocol(about["name"]))
        return Found(path, int(about["size"] or 0), str(stamp or ""), named)


class Reading(io.RawIOBase):
    """An open file whose failures end the run, where a reader would take them for damage.

    A network that breaks off and a tar that does are both an OSError by then; only one of them may
    become a row.
    """

    def __init__(self, behind: BinaryIO, location: str) -> None:
        self._behind = behind
        self._location = location

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be sought in."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return so many bytes, or all that are left."""
        with _reported(self._location):
            return self._behind.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        with _reported(self._location):
            return self._behind.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._behind.tell()

    def close(self) -> None:
        """Close the file behind."""
        self._behind.close()
        super().close()


def stamp_of(status: os.stat_result) -> str:
    """Return what changes when a file of the disk is written to."""
    return str(status.st_mtime_ns)


def _inside(name: str, folder: str) -> list[str]:
    return name.removeprefix(folder).strip("/").split("/")


@contextmanager
def _reported(location: str) -> Iterator[None]:
    try:
        yield
    except BulkError:
        raise
    except Exception as error:
        # Every protocol raises what its own client raises, and a broken disk an OSError; all of it
        # says that this place cannot be read now.
        reason = str(error) or type(error).__name__
        raise SourceUnreadable(location=location, reason=reason) from error
