"""Figures of photos are what the service itself would have answered, and replace older ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from export.photos import SPLIT, main
from service.contract import MANIFEST_FILE, Manifest, decode_image, to_pixels
from service.transparency import PHOTOS
from tests.bundles import labels_of, linear_model, write_bundle
from tests.pictures import encode, noise

CLASSES = 3
app = Typer()
app.command()(main)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundles", classes=CLASSES).path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of four pictures for each label."""
    for number, label in enumerate(labels_of(CLASSES)):
        folder = tmp_path / "photos" / label.id
        folder.mkdir(parents=True)
        for seed in range(4):
            picture = noise(50, 40, seed=10 * number + seed)
            (folder / f"{seed}.png").write_bytes(encode(picture, "PNG"))
    return tmp_path / "photos"


def right_by_hand(photos: Path, manifest: Manifest) -> int:
    right = 0
    for index, label in enumerate(manifest.labels):
        for path in (photos / label.id).iterdir():
            image = decode_image(path.read_bytes(), max_pixels=10**6).image
            logits = linear_model(classes=CLASSES).logits(to_pixels(image, manifest.input)[None])
            right += int(logits[0].argmax() == index)
    return right


def measured(bundle: Path, photos: Path, about: str = "noise") -> Result:
    return CliRunner().invoke(app, [str(bundle), str(photos), "--about", about])


def test_the_figures_are_the_shares_of_right_answers(bundle: Path, photos: Path) -> None:
    before = Manifest.read(bundle / MANIFEST_FILE)
    assert measured(bundle, photos, "older").exit_code == 0
    assert measured(bundle, photos).exit_code == 0
    after = Manifest.read(bundle / MANIFEST_FILE)
    mine = {figure.name: figure for figure in after.figures if figure.split == SPLIT}
    right = right_by_hand(photos, before)
    assert 0 < right < 12
    assert list(mine) == ["accuracy", "accuracy_low_95", "accuracy_high_95"]
    assert (mine["accuracy"].value, mine["accuracy"].n) == (right / 12, 12)
    assert mine["accuracy_low_95"].value < mine["accuracy"].value < mine["accuracy_high_95"].value
    assert mine["accuracy"].conditions.endswith("; noise")
    assert after.model_copy(update={"figures": before.figures}) == before
    assert after.figures[: len(before.figures)] == before.figures
    assert len(after.figures) == len(before.figures) + 3


def test_folders_that_are_not_the_labels_are_refused(bundle: Path, photos: Path) -> None:
    (photos / "unicorn").mkdir()
    text = (bundle / MANIFEST_FILE).read_bytes()
    refused = measured(bundle, photos)
    assert refused.exit_code == 1
    assert "one folder a label" in refused.output
    assert (bundle / MANIFEST_FILE).read_bytes() == text


def test_the_service_reads_what_export_writes() -> None:
    assert SPLIT == PHOTOS
