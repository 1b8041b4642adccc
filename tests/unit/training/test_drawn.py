from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from service.contract import Filter, InputSpec, Resize
from training.drawn import KINDS, drawn


def spec_of(channels: Literal[1, 3]) -> InputSpec:
    return InputSpec(
        height=24,
        width=20,
        channels=channels,
        resize=Resize.STRETCH,
        filter=Filter.BILINEAR,
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_each_kind_is_drawn_in_the_model_s_size_and_colours(channels: Literal[1, 3]) -> None:
    kinds = drawn(spec_of(channels), 5, seed=0)
    assert set(kinds) == set(KINDS)
    for pictures in kinds.values():
        assert pictures.dtype == np.uint8
        assert pictures.shape == (5, 24, 20, channels)
        assert len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_a_seed_draws_the_same_again_and_another_seed_does_not() -> None:
    first, again, other = (drawn(spec_of(3), 3, seed) for seed in (1, 1, 2))
    for kind, pictures in first.items():
        np.testing.assert_array_equal(pictures, again[kind])
        assert (pictures != other[kind]).any()
