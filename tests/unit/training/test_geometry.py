from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from training.geometry import Movement, move, radians, still

SIDE = 9
IMAGES = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)


def moved(fill: str = "constant", **parts: float) -> NDArray[np.uint8]:
    movement: Movement = still(tf.constant(2))._replace(
        **{name: tf.fill([2], value) for name, value in parts.items()}
    )
    return np.asarray(move(tf.constant(IMAGES), movement, fill))


def test_what_stands_still_stays_as_it_is() -> None:
    np.testing.assert_array_equal(moved(), IMAGES)


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    turned = moved(angle=radians(90))
    assert any(np.array_equal(turned, np.rot90(IMAGES, k, axes=(1, 2))) for k in (1, 3))


def test_a_shift_by_whole_pixels_leaves_black_behind() -> None:
    shifted = moved(shift_x=2.0, shift_y=-3.0)
    np.testing.assert_array_equal(shifted[:, :-3, 2:], IMAGES[:, 3:, :-2])
    assert not shifted[:, -3:].any()
    assert not shifted[:, :, :2].any()


def test_a_reflection_has_no_black() -> None:
    bright = moved("reflect", shift_x=3.0)
    np.testing.assert_array_equal(bright[:, :, :3], IMAGES[:, :, 2::-1])


def test_twice_as_large_shows_the_middle_half() -> None:
    np.testing.assert_array_equal(moved(scale=2.0)[:, ::2, ::2], IMAGES[:, 2:7, 2:7])


@pytest.mark.parametrize("name", ["shear_x", "shear_y"])
def test_a_shear_keeps_the_line_through_the_middle(name: str) -> None:
    slant = radians(20)
    sheared = moved(shear_x=slant) if name == "shear_x" else moved(shear_y=slant)
    middle = SIDE // 2
    if name == "shear_x":
        np.testing.assert_array_equal(sheared[:, middle], IMAGES[:, middle])
    else:
        np.testing.assert_array_equal(sheared[:, :, middle], IMAGES[:, :, middle])
    assert (sheared != IMAGES).any()
