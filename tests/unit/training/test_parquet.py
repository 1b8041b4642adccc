from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.colours import SIDE, colour_split, png, write_parquet
from training.errors import DataError
from training.parquet import read_parquet

SHAPE = (SIDE, SIDE, 3)


@pytest.mark.parametrize("column", ["image", "img"])
def test_images_and_labels_come_back_exactly_and_in_order(tmp_path: Path, column: str) -> None:
    split = colour_split(12, seed=0)
    path = write_parquet(tmp_path / "train.parquet", split, column=column)
    images, labels = read_parquet(path, SHAPE)
    np.testing.assert_array_equal(images, split.images)
    np.testing.assert_array_equal(labels, split.labels)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64


def test_grey_images_have_one_channel(tmp_path: Path) -> None:
    path, pixels = tmp_path / "grey.parquet", np.arange(256, dtype=np.uint8).reshape(16, 16)
    pq.write_table(pa.table({"image": [{"bytes": png(pixels), "path": ""}], "label": [0]}), path)
    images, _ = read_parquet(path, (16, 16, 1))
    np.testing.assert_array_equal(images[0, :, :, 0], pixels)


def refused(path: Path, shape: tuple[int, int, int] = SHAPE) -> str:
    """Return what the person at the terminal reads, which must begin with the file's name."""
    with pytest.raises(DataError) as caught:
        read_parquet(path, shape)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    path.write_bytes(b"<html>not found</html>")
    assert refused(path) == "is no complete Parquet file. Delete it and fetch it again."


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "train.parquet", colour_split(12, seed=0))
    path.write_bytes(path.read_bytes()[:-100])
    assert refused(path) == "is no complete Parquet file. Delete it and fetch it again."


@pytest.mark.parametrize(
    "damaged",
    [b"no image", b"", png(colour_split(1, seed=0).images[0])[:300]],
    ids=["other-bytes", "no-bytes", "cut-off"],
)
def test_an_image_that_cannot_be_read_is_named_by_its_row(tmp_path: Path, damaged: bytes) -> None:
    path, whole = tmp_path / "train.parquet", png(np.zeros(SHAPE, np.uint8))
    encoded = [{"bytes": content, "path": ""} for content in (whole, damaged)]
    pq.write_table(pa.table({"image": encoded, "label": [0, 1]}), path)
    assert refused(path).startswith("the image in row 1 cannot be read. ")


def test_an_absent_image_is_named_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    absent = pa.array([{"bytes": None, "path": "0.png"}], kind)
    pq.write_table(pa.table({"image": absent, "label": [0]}), path)
    assert refused(path).startswith("the image in row 0 cannot be read. ")


def test_an_image_of_another_size_is_named_by_its_row(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "train.parquet", colour_split(3, seed=0))
    expected = "the image in row 0 is (16, 16, 3), not (32, 32, 3). Mend that row."
    assert refused(path, (32, 32, 3)) == expected


@pytest.mark.parametrize(
    "table",
    [
        {"picture": [{"bytes": b"", "path": ""}], "label": [0]},
        {"image": [{"bytes": b"", "path": ""}], "class": [0]},
        {"image": [b"plain bytes"], "label": [0]},
        {"image": [{"path": "0.png"}], "label": [0]},
        {"image": [{"bytes": b"", "path": ""}], "label": ["cat"]},
    ],
    ids=["no-image", "no-label", "no-struct", "no-bytes", "label-is-text"],
)
def test_other_columns_are_listed_with_those_that_are_needed(
    tmp_path: Path, table: dict[str, list[object]]
) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table(table), path)
    message = refused(path)
    assert all(name in message for name in table)
    assert message.endswith(
        "An `image` column of {bytes, path} and an integer `label` column are needed."
    )
