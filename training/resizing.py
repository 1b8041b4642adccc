"""Arrays of images at another size, as the service makes an image that size."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GREY = 1


def resized(images: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Images uint8 [N, height, width, C] of images [N, H, W, C], by the bilinear filter."""
    if images.shape[1:3] == (height, width):
        return images
    channels = images.shape[3]
    made = np.empty((len(images), height, width, channels), np.uint8)
    for place, pixels in enumerate(images):
        image = Image.fromarray(pixels[..., 0] if channels == GREY else pixels)
        stretched = image.resize((width, height), Image.Resampling.BILINEAR)
        made[place] = np.asarray(stretched).reshape(height, width, channels)
    return made
