"""Where results lie: every file there is whole or absent, whenever the writer is killed."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol, cast

from service.bulk.errors import BulkError, MissingExtra, NoRoom, TargetBusy, TargetUnwritable

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BLOCK_BYTES: Final = 2**20
PARTS: Final = "parts"
_LOCK: Final = ".lock"
_UNFINISHED: Final = ".tmp"


class Store(Protocol):
    """Files by the name of their path or URL."""

    def exists(self, path: str) -> bool:
        """Return whether a file is there, whole."""
        ...

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        """Return a file's bytes, or some of them."""
        ...

    def blocks(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes, a few at a time."""
        ...

    def whole(self, path: str, scratch: str) -> AbstractContextManager[BinaryIO]:
        """Open a file that appears when it is closed well; ``scratch`` is a folder beside it."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder; none where there is no folder."""
        ...

    def remove(self, folder: str) -> None:
        """Delete a folder and all that is in it."""
        ...

    def empty(self, folder: str, keep: str = "") -> None:
        """Delete what is in a folder that is held, all but one file."""
        ...

    def hold(self, folder: str) -> AbstractContextManager[None]:
        """Make a folder with its ``parts``, and keep every other run out of it."""
        ...


def store_of(target: str) -> Store:
    """Return the store of a path or URL.

    Raises:
        MissingExtra: its protocol needs a package.
        TargetUnwritable: there is no such protocol.
    """
    return RemoteStore(target) if "://" in target else LocalStore()


class LocalStore:
    """The disk: written beside, synced, renamed."""

    def exists(self, path: str) -> bool:
        """Return whether a file is there, whole."""
        return Path(path).exists()

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        """Return a file's bytes, or some of them."""
        with _local(path), Path(path).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def blocks(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes, a few at a time."""
        with _local(path), Path(path).open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                yield block

    @contextmanager
    def whole(self, path: str, scratch: str) -> Iterator[BinaryIO]:
        """Write into the scratch folder, which is on the same disk, and rename at the end."""
        unfinished = Path(scratch) / f"{secrets.token_hex(8)}{_UNFINISHED}"
        with _local(path):
            try:
                with unfinished.open("xb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.replace(path)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
            _sync_folder(Path(path).parent)

    def names(self, folder: str) -> list[str]:
        """Return the names of whole files."""
        with _local(folder):
            if not Path(folder).is_dir():
                return []
            return [name for name in os.listdir(folder) if not name.endswith(_UNFINISHED)]  # noqa: PTH208  # names alone, of millions

    def remove(self, folder: str) -> None:
        """Delete a folder and all that is in it."""
        with _local(folder):
            if Path(folder).exists():
                shutil.rmtree(folder)

    def empty(self, folder: str, keep: str = "") -> None:
        """Delete all but one file and the lock."""
        with _local(folder):
            for path in Path(folder).iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name not in {keep, _LOCK}:
                    path.unlink()
            (Path(folder) / PARTS).mkdir()

    @contextmanager
    def hold(self, folder: str) -> Iterator[None]:
        """Lock the folder; the lock ends with the process, however that ends."""
        with _local(folder):
            (Path(folder) / PARTS).mkdir(parents=True, exist_ok=True)
            descriptor = os.open(Path(folder) / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise TargetBusy(folder=folder) from error
            yield
        finally:
            os.close(descriptor)


class RemoteStore:
    """What fsspec reaches; an object store shows an upload only when it is complete.

    Two runs at once are not kept apart here: they would write the same bytes twice.
    """

    def __init__(self, target: str) -> None:
        try:
            import fsspec  # noqa: PLC0415  # only where a URL is given
        except ImportError as error:
            raise MissingExtra(what=target, package="fsspec", extra="bulk") from error
        try:
            self._system, _ = fsspec.core.url_to_fs(target, use_listings_cache=False)
        except ImportError as error:
            package = "s3fs" if target.startswith("s3:") else str(error.name or error)
            raise MissingExtra(what=target, package=package, extra="bulk") from error
        except ValueError as error:
            raise TargetUnwritable(location=target, reason=str(error)) from error

    def exists(self, path: str) -> bool:
        """Return whether an object is there."""
        with _remote(path):
            return bool(self._system.isfile(path))

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        """Return an object's bytes, or some of them."""
        with _remote(path):
            end = None if length is None else start + length
            return bytes(self._system.cat_file(path, start=start or None, end=end))

    def blocks(self, path: str) -> Iterator[bytes]:
        """Yield an object's bytes, a few at a time."""
        with _remote(path), self._system.open(path, "rb") as file:
            while block := file.read(_BLOCK_BYTES):
                yield block

    @contextmanager
    def whole(self, path: str, scratch: str) -> Iterator[BinaryIO]:
        """Upload in parts, and complete the upload at the end or call it off."""
        del scratch  # nothing of an upload is seen before its end
        with _remote(path):
            file = self._system.open(path, "wb", autocommit=False)
            try:
                yield cast("BinaryIO", file)
                file.close()
                file.commit()
            except BaseException:
                file.discard()
                raise

    def names(self, folder: str) -> list[str]:
        """Return the names of the objects right below a prefix."""
        with _remote(folder):
            try:
                found = self._system.ls(folder, detail=False)
            except FileNotFoundError:
                return []
        return [str(path).rstrip("/").rpartition("/")[2] for path in found]

    def remove(self, folder: str) -> None:
        """Delete every object below a prefix, where there is one."""
        with _remote(folder):
            if self._system.exists(folder):
                self._system.rm(folder, recursive=True)

    def empty(self, folder: str, keep: str = "") -> None:
        """Delete every object below a prefix, all but one."""
        with _remote(folder):
            found = self._system.find(folder) if self._system.exists(folder) else []
            gone = [path for path in found if path.rpartition("/")[2] != keep]
            if gone:
                self._system.rm(gone)
        self._make(folder)

    @contextmanager
    def hold(self, folder: str) -> Iterator[None]:
        """Make the folder where the protocol has folders."""
        self._make(folder)
        yield

    def _make(self, folder: str) -> None:
        # To s3fs a folder that is not there means a bucket to create.
        if not hasattr(self._system, "call_s3"):
            with _remote(folder):
                self._system.makedirs(f"{folder}/{PARTS}", exist_ok=True)


@contextmanager
def _local(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoRoom(location=path) from error
        raise TargetUnwritable(location=path, reason=error.strerror or str(error)) from error


@contextmanager
def _remote(path: str) -> Iterator[None]:
    try:
        yield
    except BulkError:
        raise
    except Exception as error:
        # As for sources: every protocol has exceptions of its own.
        reason = str(error) or type(error).__name__
        raise TargetUnwritable(location=path, reason=reason) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
