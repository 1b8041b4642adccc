from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from service.contract import Filter, InputSpec, Resize
from tests.pictures import encode, quarters
from training.errors import DataError
from training.others import read_others

SPEC = InputSpec(height=8, width=8, channels=3, resize=Resize.STRETCH, filter=Filter.BILINEAR)


def test_every_picture_below_a_folder_is_read_as_the_service_reads_it(tmp_path: Path) -> None:
    (tmp_path / "afiches").mkdir()
    (tmp_path / ".DS_Store").write_bytes(b"no picture")
    (tmp_path / "a.png").write_bytes(encode(quarters(24, 16), "PNG"))
    (tmp_path / "afiches" / "b.webp").write_bytes(encode(quarters(9, 9), "WEBP"))
    pictures = read_others(tmp_path, SPEC)
    assert pictures.dtype == np.uint8
    assert pictures.shape == (2, 8, 8, 3)
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() < 40


def test_arrays_are_taken_as_they_are(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "others.npz", x=pixels)
    np.testing.assert_array_equal(read_others(tmp_path / "others.npz", SPEC), pixels)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("photo.jpg", b"no picture", "photo.jpg: is no image"),
        ("photo.png", encode(quarters(8, 8), "PNG")[:60], "photo.png: is a damaged image"),
        (".hidden", b"", "holds no pictures"),
    ],
)
def test_what_is_no_picture_is_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_others(tmp_path, SPEC)


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.zeros((2, 8, 8, 3), np.float32)},
        {"x": np.zeros((2, 8, 8, 1), np.uint8)},
        {"x": np.zeros((2, 8, 3), np.uint8)},
        {"x": np.zeros((0, 8, 8, 3), np.uint8)},
        {"y": np.zeros((2, 8, 8, 3), np.uint8)},
        {"x": np.array([{"a": 1}], dtype=object)},
    ],
    ids=["floats", "channels", "shape", "none", "name", "objects"],
)
def test_other_arrays_are_refused_by_name(tmp_path: Path, arrays: dict[str, object]) -> None:
    path = tmp_path / "others.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"others\.npz"):
        read_others(path, SPEC)


@pytest.mark.parametrize("content", [b"PK no archive", b"PK\x03\x04 cut off", b""])
def test_a_file_that_is_no_archive_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "others.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"others\.npz"):
        read_others(tmp_path / "others.npz", SPEC)
