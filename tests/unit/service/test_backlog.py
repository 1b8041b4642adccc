from __future__ import annotations

import pytest

from service.backlog import Backlog


def test_nothing_is_known_before_the_first_measurement() -> None:
    backlog = Backlog(threads=2)
    with backlog.one():
        assert backlog.seconds() == 0


def test_what_is_here_is_shared_by_the_threads() -> None:
    backlog = Backlog(threads=2)
    backlog.took(4.0)
    with backlog.one(), backlog.one(), backlog.one():
        assert backlog.seconds() == pytest.approx(3 * 4.0 / 2)
    assert backlog.seconds() == 0


def test_one_slow_piece_moves_what_is_known_a_little() -> None:
    backlog = Backlog(threads=1)
    backlog.took(1.0)
    backlog.took(11.0)
    with backlog.one():
        assert backlog.seconds() == pytest.approx(3.0)
