"""Images to prove parity on where a data set has too few for validation.

Parity asks whether two programs say the same, not whether they are right, so images that the model
was fitted on serve as well: those of training, cropped and shifted by a seed so that no two are
alike. Nothing but parity sees them; temperature, thresholds and baseline rest on validation alone.
"""

import numpy as np
from numpy.typing import NDArray

from export.parity import MINIMUM_IMAGES

# As a share of a side: how much is cut away, at most.
MOST_CUT = 0.25


def stand_ins(
    train: NDArray[np.uint8], validation: int, *, seed: int = 0, wanted: int = MINIMUM_IMAGES
) -> NDArray[np.uint8]:
    """So many varied training images [M, H, W, C] as `validation` lacks of `wanted`."""
    missing = max(0, wanted - validation)
    generator = np.random.default_rng(seed)
    height, width = train.shape[1:3]
    varied = np.empty((missing, *train.shape[1:]), np.uint8)
    for place in range(missing):
        image = train[place % len(train)]
        cut = generator.uniform(0, MOST_CUT, 4)
        top, left = int(cut[0] * height), int(cut[1] * width)
        bottom, right = height - int(cut[2] * height), width - int(cut[3] * width)
        # Each place of the result shows the nearest one of the part that is left.
        rows = np.linspace(top, bottom - 1, height).round().astype(int)
        columns = np.linspace(left, right - 1, width).round().astype(int)
        varied[place] = image[rows][:, columns]
    return varied
