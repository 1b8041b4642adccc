from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from service.contract import Filter, InputSpec, Resize
from service.providers.parity import EXACT, PICTURES, AnswersDiffer, pictures, prove

SPEC = InputSpec(height=7, width=5, channels=1, resize=Resize.STRETCH, filter=Filter.BILINEAR)


class Says:
    """A runner that gives two logits a picture, and a familiarity; off by so much from the rest."""

    def __init__(self, logit: float = 0.0, familiarity: float = 0.0, *, alone: float = 0.0) -> None:
        self._off, self._alone = (logit, familiarity), alone

    def run(self, batch: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        mean = batch.reshape(len(batch), -1).mean(axis=1).astype(np.float32)
        logits = np.column_stack([mean / 10, np.full_like(mean, 3)])
        logits[0, 0] += self._off[0] + (self._alone if len(batch) == 1 else 0)
        return [logits, mean + np.float32(self._off[1])]


def test_pictures_are_the_same_at_every_start_and_unlike_each_other() -> None:
    drawn = pictures(SPEC)
    assert drawn.shape == (PICTURES, 7, 5, 1)
    np.testing.assert_array_equal(drawn, pictures(SPEC))
    assert len({picture.tobytes() for picture in drawn}) == PICTURES
    assert len(np.unique(drawn[0])) == 1
    assert len(np.unique(drawn[4])) > 20


def test_the_same_answers_are_proven_and_the_difference_is_told() -> None:
    assert prove(Says(), Says(), SPEC, within=EXACT) == 0
    assert prove(Says(0.01), Says(), SPEC, within=EXACT) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [Says(logit=0.5), Says(familiarity=5.0), Says(alone=0.5), Says(logit=float("nan"))],
    ids=["a logit", "a familiarity", "a picture alone", "not a number"],
)
def test_a_number_that_is_further_apart_than_the_bound_is_refused(wrong: Says) -> None:
    with pytest.raises(AnswersDiffer, match="is allowed"):
        prove(wrong, Says(), SPEC, within=EXACT)


def test_another_best_label_is_refused_however_close_the_numbers_are() -> None:
    class Turned(Says):
        def run(self, batch: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
            logits, familiarity = super().run(batch)
            return [logits[:, ::-1].copy(), familiarity]

    with pytest.raises(AnswersDiffer, match="another best label than the CPU on"):
        prove(Turned(), Says(), SPEC, within=1000)
