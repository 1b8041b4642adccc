from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from service.contract import Filter, InputSpec, Resize, decode_image, to_pixels
from training.resizing import resized


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_resized_as_the_service_does_it(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 6, channels), dtype=np.uint8)
    spec = InputSpec(
        height=16,
        width=20,
        channels=1 if channels == 1 else 3,
        resize=Resize.STRETCH,
        filter=Filter.BILINEAR,
    )
    served = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image[..., 0] if channels == 1 else image).save(buffer, "PNG")
        decoded = decode_image(buffer.getvalue(), max_pixels=1000, target=spec)
        served.append(to_pixels(decoded.image, spec))
    np.testing.assert_array_equal(resized(images, 16, 20), np.stack(served))


def test_images_of_that_size_stay_as_they_are() -> None:
    images = np.zeros((2, 4, 4, 3), np.uint8)
    assert resized(images, 4, 4) is images
