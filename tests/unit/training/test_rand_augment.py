from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from training.rand_augment import rand_augment
from training.variation import RandAugment

IMAGES = np.random.default_rng(0).integers(0, 256, (48, 8, 8, 3), np.uint8)


def varied(
    config: RandAugment, step: int = 0, images: NDArray[np.uint8] = IMAGES
) -> NDArray[np.uint8]:
    found = rand_augment(
        tf.constant(images), config, "reflect", seed=1, step=tf.constant(step, tf.int64)
    )
    return np.asarray(found)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_vary_each_in_its_own_way_and_stay_images(channels: int) -> None:
    same = np.repeat(IMAGES[:1, :, :, :channels], 48, axis=0)
    found = varied(RandAugment(operations=1, magnitude=1.0), images=same)
    assert found.dtype.name == "uint8"
    assert found.shape == same.shape
    assert len({image.tobytes() for image in found}) > 10


def test_a_step_varies_in_the_same_way_whenever_it_is_asked_for_and_another_differs() -> None:
    config = RandAugment()
    np.testing.assert_array_equal(varied(config, 4), varied(config, 4))
    assert (varied(config, 4) != varied(config, 5)).any()


def test_without_strength_most_images_stay_as_they_are() -> None:
    """But for equalising and stretching the contrast, which have no strength."""
    kept = (varied(RandAugment(operations=1, magnitude=0.0)) == IMAGES).all(axis=(1, 2, 3))
    assert 0.5 < kept.mean() < 1
