"""CIFAR-10's public original: a tar of binary files, a byte of label and 3,072 of pixels a record.

The layout is documented on the data set's page: planes of red, green and blue, row by row.
"""

import tarfile
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

SIDE = 32
CHANNELS = 3
RECORD = 1 + SIDE * SIDE * CHANNELS
FOLDER = "cifar-10-batches-bin"
FILES = {
    "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "test": ("test_batch.bin",),
}
ADVICE = "Delete it and fetch it again."


def read_archive(
    path: Path, half: Literal["train", "test"]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 [N, 32, 32, 3] and labels int64 [N], in the official order.

    Raises:
        DataError: the archive is damaged or lacks a file.
    """
    try:
        with tarfile.open(path) as archive:
            records = [_records(archive, name, path) for name in FILES[half]]
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise DataError(path, "is no complete tar archive", ADVICE) from error
    whole = np.concatenate(records)
    planes = whole[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), whole[:, 0].astype(np.int64)


def _records(archive: tarfile.TarFile, name: str, path: Path) -> NDArray[np.uint8]:
    try:
        member = archive.extractfile(f"{FOLDER}/{name}")
    except KeyError:
        member = None
    if member is None:
        raise DataError(path, f"lacks {name}", ADVICE)
    content = member.read()
    if len(content) % RECORD:
        raise DataError(path, f"{name} is cut off within a record", ADVICE)
    return np.frombuffer(content, np.uint8).reshape(-1, RECORD)
