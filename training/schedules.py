"""Learning-rate schedules as factors over the course of a fit."""

import math
from bisect import bisect_right

from training.optimisation import Constant, Cosine, EpochSteps, Schedule, Triangle


def factors(schedule: Schedule, total_steps: int) -> list[float]:
    """The factor of the learning rate at each step: `total_steps` numbers in 0..1."""
    if isinstance(schedule, EpochSteps):
        return [_epoch_stairs(schedule, step, total_steps) for step in range(total_steps)]
    shares = [step / total_steps for step in range(total_steps)]
    if isinstance(schedule, Triangle):
        return [_triangle(schedule, share) for share in shares]
    if isinstance(schedule, Cosine):
        return [_cosine(schedule, share) for share in shares]
    if isinstance(schedule, Constant):
        return [1.0] * total_steps
    return [schedule.factor ** bisect_right(schedule.at, share) for share in shares]


def _triangle(schedule: Triangle, share: float) -> float:
    if share < schedule.peak:
        return schedule.start + (1 - schedule.start) * share / schedule.peak
    return 1 - (1 - schedule.end) * (share - schedule.peak) / (1 - schedule.peak)


def _cosine(schedule: Cosine, share: float) -> float:
    if share < schedule.warm_up:
        return share / schedule.warm_up
    rest = (share - schedule.warm_up) / (1 - schedule.warm_up)
    return schedule.end + (1 - schedule.end) * (1 + math.cos(math.pi * rest)) / 2


def _epoch_stairs(schedule: EpochSteps, step: int, total_steps: int) -> float:
    # In whole numbers, so that no epoch begins a step early or late by rounding.
    passed = bisect_right([epoch * total_steps for epoch in schedule.at], step * schedule.of)
    return schedule.factors[passed - 1] if passed else 1.0
