"""What a fit does because of what validation said: pure functions of the history so far.

Since the history is all that they look at, a run that was killed decides as an unbroken one would.
An epoch whose figure is not a number has improved nothing.
"""

import math
from collections.abc import Sequence

from training.optimisation import EarlyStopping, Monitor, Plateau
from training.recipe import Fit

History = Sequence[dict[str, float]]


def has_ended(early_stopping: EarlyStopping | None, history: History) -> bool:
    """Whether a fit ends after the epochs of `history` because it no longer improves."""
    if early_stopping is None:
        return False
    waited = 0
    for improved in _improved(history, early_stopping.monitor, early_stopping.least):
        waited = 0 if improved else waited + 1
        if waited >= early_stopping.patience:
            return True
    return False


def rate_scale(plateau: Plateau | None, history: History) -> float:
    """The share of the learning rate that plateaus have left, in 0..1."""
    if plateau is None:
        return 1.0
    scale, waited = 1.0, 0
    for improved in _improved(history, plateau.monitor, plateau.least):
        waited = 0 if improved else waited + 1
        if waited >= plateau.patience:
            scale, waited = scale * plateau.factor, 0
    return scale


def best_epoch(monitor: Monitor, history: History) -> int | None:
    """The first of the epochs, counted from 1, that no other is better than; None before any."""
    improved = _improved(history, monitor)
    return max((place for place, better in enumerate(improved, start=1) if better), default=None)


def kept_epoch(fit: Fit, history: History) -> int:
    """The epoch, counted from 1, whose weights a run with this history keeps."""
    best = best_epoch(fit.keep_best, history) if fit.keep_best else None
    return best or len(history)


def _improved(history: History, monitor: Monitor, least: float = 0.0) -> list[bool]:
    """For each epoch, whether it was better than all before it by more than `least`."""
    sign = -1.0 if monitor == "val_loss" else 1.0
    best, improved = -math.inf, []
    for epoch in history:
        value = sign * epoch[monitor]
        better = value > best + least
        improved.append(better)
        best = value if better else best
    return improved
