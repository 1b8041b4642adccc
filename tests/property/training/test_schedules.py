from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training.recipe import Constant, Cosine, EpochSteps, Schedule, Steps, Triangle
from training.schedules import factors

share = st.floats(0, 1)
triangles = st.builds(Triangle, start=share, peak=share, end=share)
stairs = st.builds(
    Steps, at=st.lists(share, max_size=4).map(lambda at: tuple(sorted(at))), factor=share
)
epoch_stairs = st.lists(st.tuples(st.integers(0, 300), share), max_size=4).map(
    lambda falls: EpochSteps(
        at=tuple(sorted(at for at, _ in falls)), factors=tuple(f for _, f in falls), of=200
    )
)
others = st.builds(Cosine, warm_up=share, end=share) | st.just(Constant()) | epoch_stairs


@given(schedule=triangles | stairs | others, steps=st.integers(1, 200))
def test_there_is_a_factor_between_nought_and_one_for_each_step(
    schedule: Schedule, steps: int
) -> None:
    found = factors(schedule, steps)
    assert len(found) == steps
    assert all(0 <= factor <= 1 for factor in found)


@given(schedule=triangles, steps=st.integers(1, 200))
def test_a_triangle_rises_and_then_falls(schedule: Triangle, steps: int) -> None:
    found = factors(schedule, steps)
    highest = found.index(max(found))
    assert found[: highest + 1] == sorted(found[: highest + 1])
    assert found[highest:] == sorted(found[highest:], reverse=True)


@given(schedule=stairs, steps=st.integers(1, 200))
def test_stairs_never_rise(schedule: Steps, steps: int) -> None:
    found = factors(schedule, steps)
    assert found == sorted(found, reverse=True)
