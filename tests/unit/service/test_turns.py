from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from service.settings import Settings
from service.turns import LONGEST_SECONDS, Turns
from tests.fleet import Fleet

PACE = 100.0
PLACES = 64


def fleet(**image_seconds: float) -> Fleet:
    """Return clients before two threads that take 20 ms for an image: 100 images a second."""
    settings = Settings(inference_threads=2, max_images_in_flight=PLACES, max_queue=PLACES)
    return Fleet(settings, image_seconds or {"toy": 2 / PACE})


def stream(rate: float, start: float, seconds: float) -> Iterator[float]:
    """Yield the times of a Poisson process."""
    chance = np.random.default_rng(5)
    at = start
    while (at := at + chance.exponential(1 / rate)) < start + seconds:
        yield at


def test_each_has_the_next_free_time_after_what_is_here() -> None:
    turns = Turns(places=1000)
    assert [turns.book(10.0, backlog=1.0, each=0.25) for _ in range(3)] == [2.0, 2.5, 3.0]
    assert turns.ahead(10.0) == 3.5


def test_time_takes_bookings_away() -> None:
    turns = Turns(places=1000)
    for _ in range(4):
        turns.book(0.0, backlog=0.5, each=1.0)
    assert turns.book(5.0, backlog=0.5, each=1.0) == 4.0
    assert turns.ahead(100.0) == 0.0
    assert turns.book(100.0, backlog=0.5, each=1.0) == 1.0


def test_no_second_takes_more_than_half_of_the_places() -> None:
    """However fast the images are: whoever is refused at one moment comes back in one moment."""
    turns = Turns(places=16)
    waits = [turns.book(0.0, backlog=0.5, each=1e-6) for _ in range(40)]
    in_each = [sum(second <= wait < second + 1 for wait in waits) for second in range(1, 6)]
    assert in_each == [8] * 5


def test_before_the_first_measurement_turns_are_apart_all_the_same() -> None:
    turns = Turns(places=4)
    waits = [turns.book(0.0, backlog=0.0, each=0.0) for _ in range(4)]
    assert waits == [1.0, 1.5, 2.0, 2.5]


def test_beyond_the_longest_wait_they_are_spread_and_nothing_is_booked() -> None:
    turns = Turns(places=2)
    while turns.ahead(0.0) <= LONGEST_SECONDS:
        turns.book(0.0, backlog=0.5, each=0.0)
    ahead = turns.ahead(0.0)
    spread = [turns.book(0.0, backlog=0.5, each=0.0) for _ in range(300)]
    assert turns.ahead(0.0) == ahead
    assert LONGEST_SECONDS / 2 <= min(spread) < 0.6 * LONGEST_SECONDS
    assert 0.9 * LONGEST_SECONDS < max(spread) <= LONGEST_SECONDS


@pytest.mark.parametrize("load", [2, 5])
def test_a_burst_in_one_moment_is_served_at_its_first_retry(load: int) -> None:
    clients = fleet()
    clients.arrive([1.0] * (load * PLACES))
    assert len(clients.waits) == (load - 1) * PLACES
    assert clients.first_retry_success >= 0.95
    assert clients.served == load * PLACES


@pytest.mark.parametrize("load", [2, 5])
def test_a_burst_over_a_steady_load_is_served_at_its_first_retry(load: int) -> None:
    """A second and a half of so many times the pace, over two fifths of it that never end."""
    clients = fleet()
    clients.arrive([*stream(0.4 * PACE, 0.0, 20.0), *stream(load * PACE, 3.0, 1.5)])
    assert len(clients.waits) > (load - 1) * PLACES
    assert clients.first_retry_success >= 0.95


def test_without_turns_the_same_burst_comes_back_as_it_went(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fleet can tell: by the time that the queue takes, most are refused again."""
    monkeypatch.setattr(Turns, "book", lambda *_, backlog, **__: backlog)
    clients = fleet()
    clients.arrive([1.0] * (5 * PLACES))
    assert clients.first_retry_success < 0.5


def test_the_work_of_a_slow_model_is_known_to_those_who_ask_a_fast_one() -> None:
    """They share the threads: while the slow one's queue lasts, nobody is told to come back."""
    clients = fleet(fast=0.002, slow=0.1)
    slow = [(0.0, "slow"), *[(0.5, "slow")] * (PLACES - 1)]
    clients.arrive_at([(0.0, "fast"), *slow, *((1.0, "fast") for _ in range(40))])
    assert len(clients.waits) >= 30
    assert min(clients.waits) >= 5
    assert clients.first_retry_success >= 0.95
