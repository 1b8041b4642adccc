from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from training.augmentation import augment
from training.recipe import Augmentation

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), np.uint8)


@settings(deadline=None, max_examples=60)
@given(
    reach=st.integers(1, 4),
    fill=st.sampled_from(["reflect", "constant"]),
    seed=st.integers(0, 2**31),
    step=st.integers(0, 10**6),
)
def test_a_shifted_image_is_a_crop_of_the_padded_one_within_reach(
    reach: int, fill: str, seed: int, step: int
) -> None:
    varied = augment(
        tf.constant(IMAGES),
        tf.range(len(IMAGES), dtype=tf.int64),
        augmentation=Augmentation.model_validate({"translate": reach, "fill": fill}),
        seed=seed,
        epoch=tf.constant(0, tf.int64),
        step=tf.constant(step, tf.int64),
    )
    edges = ((0, 0), (reach, reach), (reach, reach), (0, 0))
    padded = np.pad(IMAGES, edges, "reflect" if fill == "reflect" else "constant")
    height, width = IMAGES.shape[1:3]
    for number, image in enumerate(np.asarray(varied)):
        crops = (
            padded[number, top : top + height, left : left + width]
            for top in range(2 * reach + 1)
            for left in range(2 * reach + 1)
        )
        assert any(np.array_equal(image, crop) for crop in crops)
