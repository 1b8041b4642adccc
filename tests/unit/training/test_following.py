from __future__ import annotations

import math

import pytest

from training.following import best_epoch, has_ended, kept_epoch, rate_scale
from training.optimisation import EarlyStopping, Plateau
from training.recipe import Fit, Sgd


def losses(*values: float) -> list[dict[str, float]]:
    return [{"val_loss": value, "val_accuracy": 1 - value} for value in values]


@pytest.mark.parametrize(
    ("values", "ended"),
    [
        ((), False),
        ((0.9, 0.8), False),
        ((0.9, 0.8, 0.85), False),
        ((0.9, 0.8, 0.85, 0.8), True),
        ((0.9, 0.8, 0.85, 0.7), False),
        ((0.9, math.nan, math.nan), True),
        ((math.nan, 0.9, math.nan), False),
    ],
)
def test_a_fit_ends_after_so_many_epochs_without_improvement(
    values: tuple[float, ...],
    ended: bool,  # noqa: FBT001
) -> None:
    assert has_ended(EarlyStopping(patience=2), losses(*values)) is ended
    assert has_ended(EarlyStopping(monitor="val_accuracy", patience=2), losses(*values)) is ended


def test_an_improvement_that_is_too_small_is_none() -> None:
    history = losses(0.9, 0.89, 0.88)
    assert has_ended(EarlyStopping(patience=2, least=0.05), history)
    assert not has_ended(EarlyStopping(patience=2), history)
    assert not has_ended(None, history)


def test_the_rate_falls_at_each_plateau_and_stays() -> None:
    plateau = Plateau(factor=0.5, patience=2)
    history = losses(0.9, 0.95, 0.95, 0.8, 0.85, 0.85, 0.85, 0.85)
    scales = [rate_scale(plateau, history[:epochs]) for epochs in range(len(history) + 1)]
    assert scales == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert rate_scale(None, history) == 1


def test_the_best_epoch_is_the_first_of_equals() -> None:
    history = losses(0.9, 0.5, 0.7, 0.5)
    assert best_epoch("val_loss", history) == 2
    assert best_epoch("val_accuracy", losses(0.4, 0.6, 0.3)) == 3
    assert best_epoch("val_loss", losses(math.nan)) is None


def test_the_last_epoch_is_kept_unless_the_recipe_wants_the_best() -> None:
    fit = Fit(epochs=9, batch_size=2, optimiser=Sgd())
    history = losses(0.9, 0.5, 0.7)
    assert kept_epoch(fit, history) == 3
    assert kept_epoch(fit.model_copy(update={"keep_best": "val_loss"}), history) == 2
    assert kept_epoch(fit.model_copy(update={"keep_best": "val_loss"}), losses(math.nan)) == 1
