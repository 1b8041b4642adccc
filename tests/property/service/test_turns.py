"""Whatever the order of refusals and returns, a turn is its caller's once, and none too many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from service.turns import EARLY_SECONDS, LATE_SECONDS, LONGEST_SECONDS, PROMISED, Turns

CALLERS = ("ana", "ben", "eva")
moments = st.integers(0, 40).map(lambda tenths: tenths / 10)
acts = st.tuples(moments, st.sampled_from(["refuse", "refuse", "come"]), st.sampled_from(CALLERS))


@dataclass
class Promises:
    """The same in one plain list, looked through from its beginning each time."""

    kept: list[tuple[float, str]] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    forgotten: int = 0

    def open(self, now: float) -> list[int]:
        while (
            self.forgotten < len(self.kept) and self.kept[self.forgotten][0] + LATE_SECONDS <= now
        ):
            self.forgotten += 1
        return [n for n in range(self.forgotten, len(self.kept)) if n not in self.taken]

    def of(self, caller: str, now: float) -> list[int]:
        return [number for number in self.open(now) if self.kept[number][1] == caller]

    def lets_in(self, caller: str, now: float) -> bool:
        own = self.of(caller, now)
        return not self.open(now) or any(self.kept[n][0] - EARLY_SECONDS <= now for n in own[:1])


@given(st.integers(1, 40), st.floats(0, 2), st.floats(0, 0.5), st.lists(acts, max_size=80))
def test_a_turn_is_its_caller_s_once(
    places: int, backlog: float, each: float, played: list[tuple[float, str, str]]
) -> None:
    turns, promises, now = Turns(places), Promises(), 0.0
    for pause, act, caller in played:
        now += pause
        if act == "refuse":
            before = turns.open(now)
            wait = turns.book(now, caller, backlog=backlog, each=each)
            assert min(backlog / PROMISED, LONGEST_SECONDS / 2) - 1e-3 <= wait <= LONGEST_SECONDS
            if turns.open(now) > before:
                promises.kept.append((now + wait, caller))
        else:
            assert turns.lets_in(now, partial(str, caller)) == promises.lets_in(caller, now)
            promises.taken |= set(promises.of(caller, now)[:1])
            turns.take(caller)
        assert turns.open(now) == len(promises.open(now))
    assert turns.open(now + LONGEST_SECONDS + LATE_SECONDS) == 0


@given(st.integers(1, 64), st.lists(moments, min_size=1, max_size=120))
def test_no_moment_has_more_turns_than_places_are_kept(places: int, pauses: list[float]) -> None:
    turns, now = Turns(places), 0.0
    due: Counter[float] = Counter()
    for pause in pauses:
        now += pause * (pause > 3.5)  # many at one moment
        before = turns.open(now)
        wait = turns.book(now, "ana", backlog=0.3, each=1e-4)
        due[round(now + wait, 6)] += turns.open(now) > before
    assert max(due.values()) <= max(1, turns.kept)
