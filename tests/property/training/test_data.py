from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.data import _stratify


@st.composite
def labels_and_size(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    labels = draw(st.lists(st.integers(0, 5), min_size=1, max_size=120))
    return np.array(labels, np.int64), draw(st.integers(0, len(labels)))


@given(case=labels_and_size(), seed=st.integers(0, 2**32))
def test_a_stratified_split_is_exact_whole_disjoint_fair_and_repeatable(
    case: tuple[np.ndarray, int], seed: int
) -> None:
    labels, size = case
    train, validation = _stratify(labels, size, seed)
    assert len(validation) == size
    assert sorted([*train, *validation]) == list(range(len(labels)))
    held_back = Counter(labels[validation].tolist())
    for label, count in Counter(labels.tolist()).items():
        assert abs(held_back[label] - count * size / len(labels)) < 1
    again = _stratify(labels, size, seed)
    assert (again[0].tolist(), again[1].tolist()) == (train.tolist(), validation.tolist())
