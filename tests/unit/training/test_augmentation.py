from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from training.augmentation import augment
from training.recipe import Augmentation

COUNT = 64
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 6, 5, 3), np.uint8)
MIRRORED = IMAGES[:, :, ::-1]


def shown(augmentation: Augmentation, *, epoch: int, step: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return the images as a step of an epoch shows them."""
    varied = augment(
        tf.constant(IMAGES),
        tf.range(COUNT, dtype=tf.int64),
        augmentation=augmentation,
        seed=seed,
        epoch=tf.constant(epoch, tf.int64),
        step=tf.constant(step, tf.int64),
    )
    return np.asarray(varied)


def mirrored(varied: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which images are mirrored, after making sure that each is or is as it was."""
    flipped = (varied == MIRRORED).all(axis=(1, 2, 3))
    kept = (varied == IMAGES).all(axis=(1, 2, 3))
    assert (flipped ^ kept).all()
    return np.asarray(flipped)


def test_without_augmentation_images_stay_as_they_are() -> None:
    np.testing.assert_array_equal(shown(Augmentation(), epoch=3, step=17), IMAGES)


@pytest.mark.parametrize("first", [0, 1, 4])
def test_alternating_flips_show_each_side_once_in_two_consecutive_epochs(first: int) -> None:
    alternating = Augmentation(flip="alternating")
    one = mirrored(shown(alternating, epoch=first, step=10 * first))
    other = mirrored(shown(alternating, epoch=first + 1, step=10 * first + 10))
    assert (one ^ other).all()


def test_alternating_flips_begin_with_either_side_about_equally_often() -> None:
    flipped = mirrored(shown(Augmentation(flip="alternating"), epoch=0, step=0))
    assert 0.25 < flipped.mean() < 0.75


def test_random_flips_differ_from_step_to_step() -> None:
    flips = [mirrored(shown(Augmentation(flip="random"), epoch=0, step=s)) for s in range(20)]
    assert 0.4 < np.mean(flips) < 0.6
    assert len({flip.tobytes() for flip in flips}) == 20


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(flip="random", translate=2),
        Augmentation(flip="alternating", translate=2, fill="constant"),
    ],
)
def test_the_same_arguments_give_the_same_images(augmentation: Augmentation) -> None:
    np.testing.assert_array_equal(
        shown(augmentation, epoch=2, step=9), shown(augmentation, epoch=2, step=9)
    )


def test_another_seed_gives_other_images() -> None:
    varying = Augmentation(flip="random", translate=2)
    assert (shown(varying, epoch=0, step=1) != shown(varying, epoch=0, step=1, seed=1)).any()


def test_shifts_over_zeros_bring_in_zeros() -> None:
    white = Augmentation(translate=2, fill="constant")
    varied = augment(
        tf.fill([COUNT, 6, 5, 3], tf.constant(255, tf.uint8)),
        tf.range(COUNT, dtype=tf.int64),
        augmentation=white,
        seed=0,
        epoch=tf.constant(0, tf.int64),
        step=tf.constant(0, tf.int64),
    )
    assert set(np.unique(varied)) == {0, 255}


def test_focus_blurs_some_images_and_sharpens_others() -> None:
    soft = np.asarray(tf.image.resize(IMAGES, (20, 20)), np.uint8)

    def edges(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return how much neighbours differ in each image."""
        return np.asarray(np.abs(np.diff(images.astype(float), axis=2)).mean(axis=(1, 2, 3)))

    varied = augment(
        tf.constant(soft),
        tf.range(COUNT, dtype=tf.int64),
        augmentation=Augmentation(focus=2.0),
        seed=0,
        epoch=tf.constant(0, tf.int64),
        step=tf.constant(0, tf.int64),
    )
    ratio = edges(np.asarray(varied)) / edges(soft)
    assert ratio.min() < 0.8
    assert ratio.max() > 1.3
    # Neither moves an image nor makes it brighter.
    np.testing.assert_allclose(np.asarray(varied).mean(axis=(1, 2)), soft.mean(axis=(1, 2)), atol=4)
