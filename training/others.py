"""Pictures of other things that somebody collected: what a model should learn to leave alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from service.contract import InputSpec
from training.errors import DataError
from training.layouts import Picture
from training.own_images import decode_all

ARRAYS: Final = ".npz"
IMAGES: Final = 4
REMEDY: Final = "Name a folder of pictures, or an .npz file with pixels uint8 [N, H, W, C] as `x`."


def read_others(path: Path, spec: InputSpec) -> NDArray[np.uint8]:
    """Pictures uint8 [N, H, W, C]: all files below a folder as the service reads them, or `x`.

    What `x` holds may have another height and width.

    Raises:
        DataError: there are none, a file is no image or damaged, or `x` holds no such pictures.
    """
    if path.suffix == ARRAYS and path.is_file():
        return _read_arrays(path, spec)
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.name[0] != ".")
    if not files:
        raise DataError(path, "holds no pictures", REMEDY)
    pictures = tuple(Picture(str(file), 0, file.read_bytes) for file in files)
    return decode_all(path, pictures, spec)


def read_all_others(paths: Sequence[Path], spec: InputSpec) -> NDArray[np.uint8]:
    """Pictures uint8 [N, H, W, C] of several such places; errors as for `read_others`."""
    return np.concatenate([read_others(path, spec) for path in paths])


def _read_arrays(path: Path, spec: InputSpec) -> NDArray[np.uint8]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            pixels: NDArray[np.uint8] = arrays["x"]
    except (ValueError, TypeError, KeyError, OSError, EOFError, BadZipFile) as error:
        raise DataError(path, "cannot be read", REMEDY) from error
    if (
        pixels.dtype != np.uint8
        or pixels.ndim != IMAGES
        or pixels.shape[3] != spec.channels
        or not pixels.size
    ):
        found, channels = f"{pixels.dtype} {list(pixels.shape)}", spec.channels
        raise DataError(path, f"holds {found} and not uint8 [N, H, W, {channels}]", REMEDY)
    return pixels
