"""Files that lie in the memory alone, for what ONNX Runtime writes or reads by a path only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def are_there() -> bool:
    """Return whether this system has such files; Linux has."""
    return hasattr(os, "memfd_create")


@contextmanager
def unnamed_file(name: str) -> Iterator[int]:
    """Open one, and yield its descriptor; it is gone when it is closed.

    Raises:
        OSError: the system allows none.
    """
    descriptor = os.memfd_create(name)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def path_of(descriptor: int) -> str:
    """Return a path by which this process finds it."""
    return f"/proc/self/fd/{descriptor}"
