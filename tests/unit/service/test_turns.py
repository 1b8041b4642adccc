from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from service.settings import Settings
from service.turns import LATE_SECONDS, LONGEST_SECONDS, Turns, nobody
from tests.fleet import Fleet

PACE = 50.0
PLACES = 32


SETTINGS = Settings(inference_threads=2, max_images_in_flight=PLACES, max_queue=PLACES)
ONE_MODEL = {"toy": 2 / PACE}
"""Two threads that take 40 ms for an image: 50 images a second."""


def stream(rate: float, start: float, seconds: float) -> Iterator[float]:
    """Yield the times of a Poisson process."""
    chance = np.random.default_rng(5)
    at = start
    while (at := at + chance.exponential(1 / rate)) < start + seconds:
        yield at


def test_each_has_the_next_free_time_after_what_is_here_in_whole_seconds() -> None:
    turns = Turns(places=1000)
    assert [turns.book(10.0, backlog=1.5, each=0.375) for _ in range(5)] == [2, 3, 3, 4, 4]
    assert turns.ahead(10.0) == 4.5


def test_time_takes_bookings_away() -> None:
    turns = Turns(places=1000)
    for _ in range(4):
        turns.book(0.0, backlog=0.75, each=1.5)
    assert turns.book(5.0, backlog=0.75, each=1.5) == 4
    assert turns.ahead(100.0) == 0.0
    assert turns.book(100.0, backlog=0.75, each=1.5) == 1


def test_no_second_has_more_turns_than_places_are_kept() -> None:
    """However fast the images are: whoever is refused at one moment comes back in one moment."""
    turns = Turns(places=16)
    waits = [turns.book(0.0, backlog=0.75, each=1e-6) for _ in range(60)]
    assert turns.kept == 12
    assert [waits.count(second) for second in (2, 3, 4, 5)] == [12] * 4


def test_before_the_first_measurement_turns_are_apart_all_the_same() -> None:
    turns = Turns(places=4)
    waits = [turns.book(0.0, backlog=0.0, each=0.0) for _ in range(7)]
    assert waits == [1, 2, 2, 2, 3, 3, 3]


def test_beyond_the_longest_wait_they_are_spread_and_nothing_is_booked() -> None:
    turns = Turns(places=2)
    while turns.ahead(0.0) <= LONGEST_SECONDS:
        turns.book(0.0, "ana", backlog=0.5, each=0.0)
    ahead, opened = turns.ahead(0.0), turns.open(0.0)
    spread = [turns.book(0.0, "ben", backlog=0.5, each=0.0) for _ in range(300)]
    assert (turns.ahead(0.0), turns.open(0.0)) == (ahead, opened)
    assert LONGEST_SECONDS / 2 <= min(spread) < 0.6 * LONGEST_SECONDS
    assert 0.9 * LONGEST_SECONDS < max(spread) <= LONGEST_SECONDS


def test_a_turn_lets_its_caller_in_once_when_it_has_come_and_nobody_else() -> None:
    turns = Turns(places=16)
    wait = turns.book(0.0, "ana", backlog=1.5, each=0.1)
    assert wait == 2
    assert not turns.lets_in(1.5, lambda: "ana")
    assert turns.lets_in(2.0, lambda: "ana")
    assert not turns.lets_in(2.0, lambda: "ben")
    assert not turns.lets_in(2.0, nobody)
    turns.take("ana")
    assert turns.open(2.0) == 0
    assert turns.lets_in(2.0, lambda: "ben")


def test_one_who_was_refused_twice_has_two_turns() -> None:
    turns = Turns(places=16)
    for _ in "12":
        turns.book(0.0, "ana", backlog=0.75, each=1.5)
    assert turns.open(3.0) == 2
    turns.take("ana")
    assert not turns.lets_in(2.0, lambda: "ana")
    assert turns.lets_in(3.0, lambda: "ana")


def test_who_never_comes_keeps_no_place_for_long() -> None:
    turns = Turns(places=16)
    turns.book(0.0, "ana", backlog=1.5, each=0.1)
    assert not turns.lets_in(2 + 0.9 * LATE_SECONDS, lambda: "ben")
    assert turns.lets_in(2 + LATE_SECONDS, lambda: "ben")
    assert turns.open(2 + LATE_SECONDS) == 0


@pytest.mark.parametrize("one_address", [False, True])
@pytest.mark.parametrize("load", [2, 5])
def test_a_burst_in_one_moment_is_served_at_its_first_retry(
    load: int, *, one_address: bool
) -> None:
    clients = Fleet(SETTINGS, ONE_MODEL, one_address=one_address)
    clients.arrive([1.0] * (load * PLACES))
    assert len(clients.waits) == (load - 1) * PLACES
    assert clients.first_retry_success >= 0.95
    assert len(clients.served_at) == load * PLACES


@pytest.mark.parametrize("seconds", [1.5, 6.0])
@pytest.mark.parametrize("load", [2, 5])
def test_a_burst_over_a_steady_load_is_served_at_its_first_retry(load: int, seconds: float) -> None:
    """So many times the pace for some seconds, over two fifths of it that never end."""
    clients = Fleet(SETTINGS, ONE_MODEL)
    end = 3.0 + seconds * (load + 1) + 20.0
    clients.arrive([*stream(0.4 * PACE, 0.0, end), *stream(load * PACE, 3.0, seconds)])
    assert len(clients.waits) > 0.9 * (load - 1) * PACE * seconds - PLACES
    assert clients.first_retry_success >= 0.95


def test_while_five_times_the_pace_goes_on_every_promise_is_kept_and_no_pace_is_lost() -> None:
    """Not all can be served, so not all have a turn: that is told to as many as there is pace."""
    clients, seconds = Fleet(SETTINGS, ONE_MODEL), 12.0
    clients.arrive(stream(5 * PACE, 0.0, seconds))
    assert clients.kept_promises >= 0.99 * clients.promises
    assert clients.promises >= LONGEST_SECONDS * Turns(PLACES).kept
    assert clients.served_in(1.0, seconds) >= 0.95 * PACE * (seconds - 1.0)


def test_those_who_never_come_back_cost_no_pace() -> None:
    """Places are kept for nobody then; what is left of them keeps the threads busy."""
    clients, seconds = Fleet(SETTINGS, ONE_MODEL, comes_back=False), 10.0
    clients.arrive(stream(3 * PACE, 0.0, seconds))
    assert clients.served_in(1.0, seconds) >= 0.95 * PACE * (seconds - 1.0)


def test_without_places_kept_a_burst_takes_those_of_who_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fleet can tell."""
    monkeypatch.setattr(Turns, "lets_in", lambda *_: True)
    clients = Fleet(SETTINGS, ONE_MODEL)
    clients.arrive(stream(3 * PACE, 0.0, 15.0))
    assert clients.kept_promises < 0.9 * clients.promises


def test_without_turns_the_same_burst_comes_back_as_it_went(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fleet can tell: by the time that the queue takes, most are refused again."""
    monkeypatch.setattr(Turns, "book", lambda *_, backlog, **__: backlog)
    clients = Fleet(SETTINGS, ONE_MODEL)
    clients.arrive([1.0] * (5 * PLACES))
    assert clients.first_retry_success < 0.5


def test_the_work_of_a_slow_model_is_known_to_those_who_ask_a_fast_one() -> None:
    """They share the threads: while the slow one's queue lasts, nobody is told to come back."""
    clients = Fleet(SETTINGS, {"fast": 0.002, "slow": 0.1})
    slow = [(0.0, "slow"), *[(0.5, "slow")] * (PLACES - 1)]
    clients.arrive_at([(0.0, "fast"), *slow, *((1.0, "fast") for _ in range(40))])
    assert len(clients.waits) >= 30
    assert min(clients.waits) >= 3
    assert clients.first_retry_success >= 0.95
