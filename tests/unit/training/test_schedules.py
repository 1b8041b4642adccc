from __future__ import annotations

import pytest
from pydantic import ValidationError

from training.recipe import Constant, Cosine, EpochSteps, Steps, Triangle
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


STUDY = EpochSteps(at=(80, 120, 160, 180), factors=(1e-1, 1e-2, 1e-3, 5e-4), of=200)


def test_the_rate_falls_at_the_epochs_of_the_study_to_the_step() -> None:
    found = factors(STUDY, 200 * 7)
    falls = [step for step in range(1, len(found)) if found[step] != found[step - 1]]
    assert falls == [80 * 7, 120 * 7, 160 * 7, 180 * 7]
    assert [found[step] for step in falls] == [1e-1, 1e-2, 1e-3, 5e-4]


def test_a_shorter_fit_falls_at_the_same_shares() -> None:
    assert factors(STUDY, 10) == [1, 1, 1, 1, 1e-1, 1e-1, 1e-2, 1e-2, 1e-3, 5e-4]


@pytest.mark.parametrize(
    ("at", "given"), [((80, 120), (0.1,)), ((120, 80), (0.1, 0.01)), ((80,), (0.1, 0.01))]
)
def test_epochs_without_a_factor_each_are_refused(
    at: tuple[int, ...], given: tuple[float, ...]
) -> None:
    with pytest.raises(ValidationError, match="must ascend"):
        EpochSteps(at=at, factors=given, of=200)


def test_a_cosine_warms_up_and_falls_to_its_end() -> None:
    found = factors(Cosine(warm_up=0.2, end=0.1), 100)
    assert found[:20] == pytest.approx([step / 20 for step in range(20)])
    assert found[20] == pytest.approx(1)
    assert found[60] == pytest.approx(0.55)
    assert found[99] == pytest.approx(0.1, abs=1e-3)


def test_a_constant_rate_does_not_change() -> None:
    assert factors(Constant(), 3) == [1, 1, 1]
