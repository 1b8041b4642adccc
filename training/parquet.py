"""Labelled images from Parquet in the Hugging Face layout: `image{bytes,path}` and `label`."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from training.errors import DataError

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMN = "label"
# Pillow's name for images of so many channels.
MODES = {1: "L", 3: "RGB"}


def read_parquet(
    path: Path, shape: tuple[int, int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 [N, *shape] and labels int64 [N], in the file's order.

    Raises:
        DataError: the file is no Parquet, lacks a column, or holds an image that cannot be read
            or is of another size; the message names the file and the row.
    """
    table = read_table(path)
    column = image_column(path, table)
    images = np.empty((len(table), *shape), np.uint8)
    for row, value in enumerate(table.column(column)):
        images[row] = _decode(path, row, value["bytes"].as_py(), shape)
    return images, table.column(LABEL_COLUMN).to_numpy().astype(np.int64)


def read_table(path: Path) -> pa.Table:
    """A whole Parquet file.

    Raises:
        DataError: the file is no Parquet, or not a whole one.
    """
    try:
        return pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            path, "is no complete Parquet file", "Delete it and fetch it again."
        ) from error


def image_column(path: Path, table: pa.Table) -> str:
    """The name of the column of images, once the layout is known to be right.

    Raises:
        DataError: the file lacks a column of images, or one of labels.
    """
    fields = {field.name: field.type for field in table.schema}
    labelled = pa.types.is_integer(fields.get(LABEL_COLUMN, pa.null()))
    for name in IMAGE_COLUMNS:
        images = fields.get(name, pa.null())
        if labelled and pa.types.is_struct(images) and images.get_field_index("bytes") >= 0:
            return name
    columns = ", ".join(f"{name} ({kind})" for name, kind in fields.items())
    raise DataError(
        path,
        f"has the columns {columns}",
        "An `image` column of {bytes, path} and an integer `label` column are needed.",
    )


def _decode(path: Path, row: int, encoded: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            pixels = np.asarray(image.convert(MODES[shape[2]]))
    except (OSError, SyntaxError, TypeError, ValueError) as error:
        raise DataError(
            path, f"the image in row {row} cannot be read", "Delete the file and fetch it again."
        ) from error
    pixels = pixels.reshape(*pixels.shape[:2], shape[2])
    if pixels.shape != shape:
        raise DataError(
            path, f"the image in row {row} is {pixels.shape}, not {shape}", "Mend that row."
        )
    return pixels
