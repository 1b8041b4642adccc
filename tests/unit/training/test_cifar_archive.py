from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from training.cifar_archive import FILES, FOLDER, RECORD, read_archive
from training.errors import DataError

PER_FILE = 3


def records(seed: int) -> NDArray[np.uint8]:
    """Return a few records as the original has them: a label, then planes of red, green, blue."""
    generator = np.random.default_rng(seed)
    content = generator.integers(0, 256, (PER_FILE, RECORD), np.uint8)
    content[:, 0] = generator.integers(0, 10, PER_FILE)
    return content


def write_archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def whole() -> dict[str, bytes]:
    names = (*FILES["train"], *FILES["test"])
    return {name: records(seed).tobytes() for seed, name in enumerate(names)}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_archive(tmp_path / "cifar.tar.gz", whole())


def test_training_images_come_in_the_order_of_the_five_files(archive: Path) -> None:
    images, labels = read_archive(archive, "train")
    expected = np.concatenate([records(seed) for seed in range(5)])
    assert images.shape == (5 * PER_FILE, 32, 32, 3)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(labels, expected[:, 0])
    assert labels.dtype == np.int64


def test_the_planes_of_a_record_become_the_channels_of_its_pixels(archive: Path) -> None:
    images, _ = read_archive(archive, "test")
    record = records(5)[1]
    for channel in range(3):
        plane = record[1 + 1024 * channel :][:1024].reshape(32, 32)
        np.testing.assert_array_equal(images[1, :, :, channel], plane)


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_archive(path, "train")
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith(". Delete it and fetch it again.")
    return message.removeprefix(f"{path}: ")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cifar.tar.gz"
    path.write_bytes(b"<html>moved</html>")
    assert refused(path).startswith("is no complete tar archive")


def test_an_archive_that_was_cut_off_is_refused(archive: Path) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content[: len(content) // 2])
    assert refused(archive).startswith("is no complete tar archive")


def test_an_archive_that_was_damaged_on_the_way_is_refused(tmp_path: Path) -> None:
    """A deflate block is at most 64 KiB, and no block begins with ones alone."""
    noise = np.random.default_rng(0).bytes(50 * RECORD)
    path = write_archive(tmp_path / "cifar.tar.gz", dict.fromkeys(FILES["train"], noise))
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + b"\xff" * half)
    assert refused(path).startswith("is no complete tar archive")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    files = whole()
    del files["data_batch_3.bin"]
    path = write_archive(tmp_path / "cifar.tar.gz", files)
    assert refused(path).startswith("lacks data_batch_3.bin")


def test_a_file_that_ends_within_a_record_is_named(tmp_path: Path) -> None:
    files = whole()
    files["data_batch_2.bin"] = files["data_batch_2.bin"][:-1]
    path = write_archive(tmp_path / "cifar.tar.gz", files)
    assert refused(path).startswith("data_batch_2.bin is cut off within a record")
