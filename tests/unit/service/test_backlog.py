from __future__ import annotations

import pytest

from service.backlog import Backlog


def test_nothing_is_known_before_the_first_measurement() -> None:
    assert Backlog(2, lambda: 1).seconds() == 0


def test_what_is_here_is_shared_by_the_threads() -> None:
    here = [3]
    backlog = Backlog(2, lambda: here[0])
    backlog.took(4.0)
    assert backlog.seconds() == pytest.approx(3 * 4.0 / 2)
    here[0] = 0
    assert backlog.seconds() == 0


def test_one_slow_piece_moves_what_is_known_a_little() -> None:
    backlog = Backlog(1, lambda: 1)
    backlog.took(1.0)
    backlog.took(11.0)
    assert backlog.seconds() == pytest.approx(3.0)
