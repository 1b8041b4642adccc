"""Fetch a public file once: resumed where it stopped, checked, and in place whole or not at all."""

import hashlib
import http.client
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from training.datasets import Archive
from training.errors import DataError

CHUNK = 1 << 20
TIMEOUT_SECONDS = 30.0
ALGORITHMS = {"sha256": "SHA-256", "md5": "MD5"}


def fetch(archive: Archive, folder: Path) -> Path:
    """The file in `folder`, fetched if it is not there.

    What has arrived is kept in `NAME.part`, from where the next try goes on.

    Raises:
        DataError: the file cannot be fetched, or what arrived is not the expected file.
    """
    target = folder / archive.url.rsplit("/", 1)[-1]
    if target.is_file():
        _check(target, archive, "Delete it and run again: it is fetched anew.")
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        _download(archive, part)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise DataError(
            archive.url,
            f"cannot be fetched ({getattr(error, 'reason', error)})",
            "Try again: it goes on where it stopped; or point ROTULO_DATA_DIR at a local copy.",
        ) from error
    if part.stat().st_size < archive.size:
        raise DataError(part, "arrived cut off", "Try again: it goes on where it stopped.")
    try:
        _check(part, archive, "It was removed; run again: it is fetched anew.")
    except DataError:
        part.unlink()
        raise
    part.replace(target)
    return target


def _download(archive: Archive, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have >= archive.size:
        return
    request = urllib.request.Request(archive.url)  # noqa: S310 - a constant of ours
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
        resumes = response.status == HTTPStatus.PARTIAL_CONTENT
        with part.open("ab" if resumes else "wb") as file:
            _copy(response, file, archive, have if resumes else 0)


def _copy(response: BinaryIO, file: BinaryIO, archive: Archive, have: int) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(archive.url.rsplit("/", 1)[-1], total=archive.size, completed=have)
        while have <= archive.size and (chunk := response.read(CHUNK)):
            file.write(chunk)
            have += len(chunk)
            progress.update(task, completed=have)


def _check(path: Path, archive: Archive, remedy: str) -> None:
    size = path.stat().st_size
    if size != archive.size:
        raise DataError(path, f"has {size} bytes, not {archive.size}", remedy)
    digest = digest_of(path, archive)
    if digest != archive.digest:
        problem = f"has the {ALGORITHMS[archive.algorithm]} {digest}, not {archive.digest}"
        raise DataError(path, problem, remedy)


def digest_of(path: Path, archive: Archive) -> str:
    """A file's digest by the archive's algorithm, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, archive.algorithm).hexdigest()
