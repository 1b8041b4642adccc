"""Writes a bundle so that it appears whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.errors import BundleExists, ExportError

# The service passes over folders whose name begins with a point.
WORKSHOP_PREFIX = ".export-"
REPLACED = "replaced"


@contextmanager
def workshop(bundles: Path, name: str, version: str) -> Iterator[Path]:
    """An empty folder NAME/VERSION to build in, on the file system of `bundles`, gone at the end.

    Raises:
        ExportError: `bundles` cannot be written to.
    """
    try:
        bundles.mkdir(parents=True, exist_ok=True)
        outer = Path(tempfile.mkdtemp(prefix=WORKSHOP_PREFIX, dir=bundles))
    except OSError as error:
        raise ExportError(
            f"{bundles} cannot be written to ({error.strerror}); name another folder by --out"
        ) from error
    try:
        folder = outer / name / version
        folder.mkdir(parents=True)
        yield folder
    finally:
        shutil.rmtree(outer)


def require_free(bundles: Path, name: str, version: str, *, replace: bool) -> None:
    """Make sure that a bundle may be put there.

    Raises:
        BundleExists: there is one, and it may not be replaced.
    """
    place = bundles / name / version
    if place.exists() and not replace:
        raise BundleExists(f"{place} exists; give another --version, or --replace it")


def publish(folder: Path, bundles: Path, *, replace: bool) -> Path:
    """Move a finished NAME/VERSION folder of a workshop to its place; where it is then.

    What is there already is set aside first, and put back if the move fails.

    Raises:
        BundleExists: the place was taken meanwhile, and may not be replaced.
        ExportError: the file system refused.
    """
    name, version = folder.parent.name, folder.name
    place = bundles / name / version
    require_free(bundles, name, version, replace=replace)
    try:
        _sync(folder)
        place.parent.mkdir(exist_ok=True)
        _move(folder, place, folder.parent.parent / REPLACED)
        _sync_entry(place.parent)
        _sync_entry(bundles)
    except OSError as error:
        raise ExportError(f"{place} cannot be written ({error.strerror})") from error
    return place


def _move(folder: Path, place: Path, aside: Path) -> None:
    if place.exists():
        place.rename(aside)
    try:
        folder.rename(place)
    except OSError:
        if aside.exists():
            aside.rename(place)
        raise


def _sync(folder: Path) -> None:
    """Have the files on disk before their names are: a crash may not leave an empty file."""
    for path in folder.iterdir():
        _sync_entry(path)
    _sync_entry(folder)


def _sync_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
