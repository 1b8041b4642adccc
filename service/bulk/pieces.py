"""The bytes of images that lie on this machine's disk, read where they are decoded.

A chunk's files are opened together and the kernel is told of all of them before the first is read,
so that it fetches what is not in memory while others are decoded.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence

from service.bulk.errors import SourceChanged, SourceUnreadable
from service.bulk.places import stamp_of
from service.bulk.rows import Failure, Item, Piece
from service.errors import UnreadableFile


def contents(items: Sequence[Item]) -> Generator[bytes | Failure, None, None]:
    """Yield the bytes of each image, or what is said of one that cannot be had.

    Raises:
        SourceChanged: a file is no longer what was listed.
        SourceUnreadable: a container cannot be read any more.
        ValueError: an image is among them whose part is written.
    """
    opened: dict[int, int | Failure] = {}
    try:
        for place, item in enumerate(items):
            if isinstance(item.content, Piece):
                opened[place] = _open(item.content)
        for place, item in enumerate(items):
            if isinstance(item.content, Piece):
                yield _read(opened.pop(place), item.content)
            elif item.content is None:
                raise ValueError("an image whose part is written has nothing to decode")
            else:
                yield item.content
    finally:
        for descriptor in opened.values():
            if isinstance(descriptor, int):
                os.close(descriptor)


def _open(piece: Piece) -> int | Failure:
    """Open a file that is still what was listed; one without permission is a failure."""
    try:
        descriptor = os.open(piece.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise SourceChanged(change=f"- {piece.path}") from error
    except OSError as error:
        return _unreadable(piece, error)
    status = os.fstat(descriptor)
    if (status.st_size, stamp_of(status)) != (piece.size, piece.stamp):
        os.close(descriptor)
        raise SourceChanged(change=f"≠ {piece.path}")
    os.posix_fadvise(descriptor, piece.offset, piece.length, os.POSIX_FADV_WILLNEED)
    return descriptor


def _read(opened: int | Failure, piece: Piece) -> bytes | Failure:
    if isinstance(opened, Failure):
        return opened
    try:
        data = os.pread(opened, piece.length, piece.offset)
    except OSError as error:
        return _unreadable(piece, error)
    finally:
        os.close(opened)
    if len(data) != piece.length:
        raise SourceChanged(change=f"≠ {piece.path}")
    return data


def _unreadable(piece: Piece, error: OSError) -> Failure:
    """Return what is said of a file of its own; what holds many images ends the run."""
    if piece.length < piece.size:
        raise SourceUnreadable(location=piece.path, reason=error.strerror) from error
    return Failure.of(UnreadableFile())
