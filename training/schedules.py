"""Learning-rate schedules as factors over the course of a fit."""

from bisect import bisect_right

from training.recipe import Schedule, Steps, Triangle


def factors(schedule: Schedule, total_steps: int) -> list[float]:
    """The factor of the learning rate at each step: `total_steps` numbers in 0..1."""
    shares = [step / total_steps for step in range(total_steps)]
    if isinstance(schedule, Triangle):
        return [_triangle(schedule, share) for share in shares]
    return [_stairs(schedule, share) for share in shares]


def _triangle(schedule: Triangle, share: float) -> float:
    if share < schedule.peak:
        return schedule.start + (1 - schedule.start) * share / schedule.peak
    return 1 - (1 - schedule.end) * (share - schedule.peak) / (1 - schedule.peak)


def _stairs(schedule: Steps, share: float) -> float:
    return schedule.factor ** bisect_right(schedule.at, share)
