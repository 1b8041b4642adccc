from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.outliers import PARTS, STRENGTHS, fit_probe, scores_left_out

WIDTH = 12
MIDDLING = STRENGTHS[1]


def cloud(count: int, place: float, seed: int) -> NDArray[np.float32]:
    """Rows around one place of the first axis; the second never varies."""
    rows = np.random.default_rng(seed).normal(0, 1, (count, WIDTH))
    rows[:, 0] += place
    rows[:, 1] = 7
    return rows.astype(np.float32)


def scored(probe: dict[str, NDArray[np.float32]], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = rows @ probe["weights"] + probe["bias"][0]
    return scores


def test_what_is_like_the_others_scores_below_what_is_like_the_known() -> None:
    probe = fit_probe(cloud(600, 4, seed=0), cloud(60, -4, seed=1), MIDDLING)
    assert {part: array.dtype for part, array in probe.items()} == {
        "weights": np.float32,
        "bias": np.float32,
    }
    known, others = (scored(probe, cloud(200, place, seed=2)) for place in (4, -4))
    assert known.min() > 0 > others.max()


def test_ten_times_as_many_of_one_side_move_no_threshold() -> None:
    """Zero stays half-way between the two, so few pictures of other things are enough."""
    few, many = (
        scored(
            fit_probe(cloud(1000, 2, seed=0), cloud(count, -2, seed=1), MIDDLING), cloud(1, 0, 3)
        )
        for count in (100, 1000)
    )
    assert few == pytest.approx(many, abs=0.5)


def test_a_share_of_the_probe_leaves_the_rest_to_energy() -> None:
    """In units of the spread over the known, so that neither's own scale decides."""
    known, others = cloud(600, 4, seed=0), cloud(60, -4, seed=1)
    known[:, -1] = 50 * known[:, -1] + 300
    alone = scored(fit_probe(known, others, MIDDLING), known)
    energies = known[:, -1]

    def told(values: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray((values - values.mean()) / values.std(), np.float64)

    for share in (0.0, 0.3, 0.8):
        mixed = scored(fit_probe(known, others, MIDDLING, share=share), known)
        expected = share * told(alone) + (1 - share) * told(energies)
        assert mixed == pytest.approx(expected, abs=1e-3)


def test_a_picture_left_out_is_judged_by_what_was_fitted_without_it() -> None:
    """A lone kind among the others is accepted, since its own probe has not seen it."""
    known, drawn, judges = cloud(400, 3, seed=0), cloud(40, -3, seed=1), cloud(400, 3, seed=2)
    others = cloud(4 * PARTS + 1, -3, seed=4)
    others[7] = known[0]
    scores = scores_left_out(known, drawn, others, judges, strength=MIDDLING, coverage=0.95, seed=0)
    assert scores.shape == (len(others),)
    assert np.flatnonzero(scores >= 0).tolist() == [7]


@pytest.mark.parametrize("count", [1, 2, PARTS + 1])
def test_few_others_are_judged_too(count: int) -> None:
    sides = cloud(100, 3, seed=0), cloud(40, -3, seed=1), cloud(count, -3, seed=2)
    scores = scores_left_out(
        *sides, cloud(100, 3, seed=3), strength=MIDDLING, coverage=0.95, seed=0
    )
    assert scores.shape == (count,)
    assert (scores < 0).all()
