from __future__ import annotations

import base64
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.calibration import ReliabilityBin
from training.figures import GAP, learning_curves, mosaic, reliability_diagram

EPOCHS = [
    {"epoch": 1, "loss": 1.8, "accuracy": 0.4, "val_loss": 1.6, "val_accuracy": 0.5},
    {"epoch": 2, "loss": 1.2, "accuracy": 0.6, "val_loss": 1.1, "val_accuracy": 0.65},
]


def content(address: str, media_type: str) -> bytes:
    head, _, body = address.partition(",")
    assert head == f"data:{media_type};base64"
    return base64.b64decode(body)


def pixels(address: str) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content(address, "image/png"))) as image:
        return np.asarray(image)


def test_a_mosaic_shows_each_image_enlarged_pixel_for_pixel() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), np.uint8)
    sheet = pixels(mosaic([images[:3], images[3:]], scale=2))
    assert sheet.shape == (2 * (4 + GAP + 4), 2 * (6 + GAP + 6 + GAP + 6), 3)
    last = sheet[2 * (4 + GAP) :, 2 * (6 + GAP) : 2 * (6 + GAP + 6)]
    np.testing.assert_array_equal(last[::2, ::2], images[4])
    np.testing.assert_array_equal(last[1::2, 1::2], images[4])
    assert (sheet[2 * (4 + GAP) :, 2 * (6 + GAP + 6) :] == 255).all()


def test_grey_images_stay_grey() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 1), np.uint8)
    sheet = pixels(mosaic([images], scale=1))
    np.testing.assert_array_equal(sheet[:, 4 + GAP :], images[1, :, :, 0])


def shapes(address: str, kind: str) -> int:
    """Return how many elements an SVG has whose id begins so."""
    root = ET.fromstring(content(address, "image/svg+xml"))  # noqa: S314 - our own drawing
    return sum(element.get("id", "").startswith(kind) for element in root.iter())


@pytest.mark.parametrize("validated", [True, False])
def test_learning_curves_are_two_drawings_that_repeat_to_the_byte(validated: bool) -> None:  # noqa: FBT001
    history = [
        {name: value for name, value in epoch.items() if validated or not name.startswith("val")}
        for epoch in EPOCHS
    ]
    drawn = learning_curves(history)
    assert shapes(drawn, "axes_") == 2
    assert drawn == learning_curves(history)
    assert (drawn == learning_curves(EPOCHS)) == validated


def test_a_reliability_diagram_shows_its_bins() -> None:
    bins = (ReliabilityBin(0.3, 0.2, 0.1), ReliabilityBin(0.9, 0.95, 0.9))
    drawn = reliability_diagram(bins)
    assert shapes(drawn, "axes_") == 1
    assert drawn != reliability_diagram(bins[:1])


def test_a_drawing_names_no_address_and_no_date() -> None:
    text = content(learning_curves(EPOCHS), "image/svg+xml").decode()
    assert "matplotlib.org" not in text
    assert "<dc:date>" not in text
