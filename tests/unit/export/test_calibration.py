from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from export.calibration import read_calibration
from export.errors import NotCalibrated
from tests.colours import NARROW, TINY
from training.errors import RunError
from training.recipe import Recipe
from training.run import Run, RunConfig

RECORD = {
    "temperature": 0.8,
    "accuracy": 0.9,
    "split": "validation",
    "accept": 0.7,
    "review": 0.4,
    "coverage": 0.85,
    "error": 0.01,
    "n": 40,
}


def run_of(
    folder: Path, fitted_on: Literal["train", "all"], recipe: Recipe = TINY, seed: int = 0
) -> Run:
    run = Run.start(folder, RunConfig(recipe=recipe, seed=seed, fitted_on=fitted_on))
    if fitted_on == "train":
        run.write("calibration.json", RECORD)
    return run


def test_a_run_with_validation_images_ships_what_it_found_on_them(tmp_path: Path) -> None:
    calibration = read_calibration(run_of(tmp_path, "train"))
    assert calibration.temperature == 0.8
    assert calibration.accuracy == 0.9
    assert calibration.abstention.model_dump() == {
        "score": "max_probability",
        "familiarity": None,
        "accept": 0.7,
        "review": 0.4,
        "coverage": 0.85,
        "error": 0.01,
        "n": 40,
        "split": "validation",
    }


def test_a_run_fitted_on_all_asks_for_a_sibling(tmp_path: Path) -> None:
    with pytest.raises(NotCalibrated, match="--calibration-from"):
        read_calibration(run_of(tmp_path, "all"))


def test_what_a_sibling_found_is_said_to_be_the_siblings(tmp_path: Path) -> None:
    final, sibling = run_of(tmp_path / "a", "all"), run_of(tmp_path / "b", "train", seed=7)
    calibration = read_calibration(final, sibling)
    assert calibration.temperature == 0.8
    assert "with seed 7" in calibration.abstention.split
    assert "not the model that ships" in calibration.conditions


def test_a_sibling_of_fewer_epochs_is_taken_and_its_epochs_are_told(tmp_path: Path) -> None:
    fit = TINY.fit.model_copy(update={"epochs": TINY.fit.epochs - 1})
    final = run_of(tmp_path / "a", "all")
    sibling = run_of(tmp_path / "b", "train", TINY.model_copy(update={"fit": fit}))
    calibration = read_calibration(final, sibling)
    assert f"the sibling run of {fit.epochs} epochs" in calibration.abstention.split
    assert f"the sibling run of {fit.epochs} epochs" in calibration.conditions


@pytest.mark.parametrize(
    ("fitted_on", "sibling_on", "recipe", "reason"),
    [
        ("train", "train", TINY, "calibration of its own"),
        ("all", "all", TINY, "was fitted on all images"),
        ("all", "train", NARROW, "in more than its number of epochs"),
    ],
)
def test_a_sibling_that_does_not_fit_is_refused(
    tmp_path: Path,
    fitted_on: Literal["train", "all"],
    sibling_on: Literal["train", "all"],
    recipe: Recipe,
    reason: str,
) -> None:
    run = run_of(tmp_path / "a", fitted_on)
    sibling = run_of(tmp_path / "b", sibling_on, recipe)
    with pytest.raises(NotCalibrated, match=reason):
        read_calibration(run, sibling)


def test_a_run_that_was_never_calibrated_is_named(tmp_path: Path) -> None:
    run = run_of(tmp_path, "train")
    (tmp_path / "calibration.json").unlink()
    with pytest.raises(RunError, match="calibration"):
        read_calibration(run)
