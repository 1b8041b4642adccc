"""Images for the proof of parity where a data set has too few."""

from __future__ import annotations

import numpy as np

from export.stand_ins import stand_ins


def train(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 24, 20, 3), np.uint8)


def test_as_many_are_made_as_are_missing_and_no_two_are_alike() -> None:
    images = stand_ins(train(3), 10, wanted=50)
    assert images.shape == (40, 24, 20, 3)
    assert len({image.tobytes() for image in images}) == 40


def test_the_same_seed_gives_the_same_images() -> None:
    np.testing.assert_array_equal(
        stand_ins(train(3), 0, wanted=9), stand_ins(train(3), 0, wanted=9)
    )
    assert (stand_ins(train(3), 0, wanted=9) != stand_ins(train(3), 0, seed=1, wanted=9)).any()


def test_where_there_are_enough_none_is_made() -> None:
    assert not len(stand_ins(train(3), 60, wanted=50))
