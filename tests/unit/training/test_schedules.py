from __future__ import annotations

import pytest

from training.recipe import Steps, Triangle
from training.schedules import factors


def test_a_triangle_rises_to_its_peak_and_falls_to_its_end() -> None:
    found = factors(Triangle(start=0.2, peak=0.25, end=0.07), 100)
    assert found[0] == pytest.approx(0.2)
    assert found[25] == pytest.approx(1.0)
    # The last step is one step before the end.
    assert found[99] == pytest.approx(0.07 + (1 - 0.07) / 75)


def test_a_triangle_without_a_rise_begins_at_one() -> None:
    assert factors(Triangle(peak=0.0), 10)[0] == 1.0


def test_stairs_fall_at_their_shares_of_all_steps() -> None:
    found = factors(Steps(at=(0.5, 0.75), factor=0.1), 8)
    assert found == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])
