from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from training.mixing import mix
from training.variation import Mix

COUNT = 40
# Each image is its own number all over, and its own class.
IMAGES = np.arange(COUNT, dtype=np.uint8)[:, None, None, None] * np.ones((1, 10, 8, 3), np.uint8)
TARGETS = np.eye(COUNT, dtype=np.float32)


def mixed(config: Mix | None, step: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    images, targets = mix(
        tf.constant(IMAGES), tf.constant(TARGETS), config, seed=3, step=tf.constant(step, tf.int64)
    )
    return np.asarray(images), np.asarray(targets)


def test_without_mixing_a_batch_stays_as_it_is() -> None:
    images, targets = mixed(None)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(targets, TARGETS)


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_targets_hold_each_class_in_the_share_that_the_image_shows_of_it(kind: str) -> None:
    images, targets = mixed(Mix.model_validate({"kind": kind, "alpha": 1.0}))
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-6)
    expected = targets @ np.arange(COUNT)
    # Pixels are whole numbers.
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), expected, atol=0.5)
    assert (images != IMAGES).any()


def test_mixup_blends_whole_images_and_cutmix_pastes_boxes() -> None:
    blended, _ = mixed(Mix(kind="mixup", alpha=1.0))
    assert all(len(np.unique(image)) == 1 for image in blended)
    pasted, targets = mixed(Mix(kind="cutmix", alpha=1.0))
    for number, image in enumerate(pasted):
        others = set(np.unique(image)) - {number}
        assert others <= set(np.flatnonzero(targets[number]))
        rows, columns = np.nonzero(image[..., 0] != number)
        if len(rows):
            assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


@pytest.mark.parametrize("alpha", [1e-3, 0.2, 5.0])
def test_shares_are_shares_whatever_the_distribution(alpha: float) -> None:
    _, targets = mixed(Mix(kind="mixup", alpha=alpha))
    assert np.isfinite(targets).all()
    assert ((targets >= 0) & (targets <= 1)).all()


def test_a_step_mixes_in_the_same_way_whenever_it_is_asked_for_and_another_differs() -> None:
    config = Mix(kind="cutmix", alpha=1.0)
    np.testing.assert_array_equal(mixed(config, 7)[0], mixed(config, 7)[0])
    assert (mixed(config, 7)[0] != mixed(config, 8)[0]).any()
