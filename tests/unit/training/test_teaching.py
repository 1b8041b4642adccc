from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.runs import large_split, recipe_of, write_many_colours, write_run
from training.errors import RunError
from training.exposure import others_of
from training.familiarity import Method, read_reference
from training.recipe import TinyCnn
from training.run import RunConfig
from training.settings import TrainingSettings
from training.starting import start
from training.teaching import DRAWN, drawn_for, eyes, write_familiarity

pytestmark = pytest.mark.usefixtures("keras_policy")

NARROW = recipe_of(TinyCnn(width=4))
STRIPES = np.tile(np.arange(32, dtype=np.uint8)[None, None, :, None] * 8, (60, 32, 1, 3))
NOISE = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
OTHERS = (STRIPES * 0.8 + NOISE * 0.2).astype(np.uint8)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    return write_many_colours(tmp_path_factory.mktemp("data"))


def test_a_run_that_was_shown_others_tells_them_from_its_own(
    tmp_path: Path, settings: TrainingSettings
) -> None:
    run = write_run(tmp_path, NARROW)
    write_familiarity(run, settings, "outliers", others=OTHERS[:40])
    record, reference = run.read("familiarity.json"), read_reference(run)
    assert reference is not None
    assert (record["method"], record["split"]) == ("outliers", "validation")
    assert (record["others"], record["others_accepted"]) == (40, 0.0)
    see = eyes(run)
    assert (see(OTHERS[40:]).scored(reference) < record["accept"]).all()
    own = see(large_split(200, seed=9).images).scored(reference)
    assert (own >= record["accept"]).mean() == pytest.approx(0.95, abs=0.04)


def test_drawn_pictures_are_shown_too(tmp_path: Path) -> None:
    assert drawn_for(write_run(tmp_path, NARROW)).shape == (5 * DRAWN, 32, 32, 3)


def test_a_run_fitted_on_all_images_learns_by_a_sibling_that_sees_as_it_does(
    tmp_path: Path, settings: TrainingSettings
) -> None:
    whole = write_run(tmp_path / "whole", NARROW, seed=1, fitted_on="all")
    same = write_run(tmp_path / "same", NARROW, seed=1)
    other = write_run(tmp_path / "other", NARROW, seed=2)
    with pytest.raises(RunError, match="other features"):
        write_familiarity(whole, settings, "outliers", sibling=other, others=OTHERS)
    write_familiarity(whole, settings, "outliers", sibling=same, others=OTHERS)
    assert "sibling" in whole.read("familiarity.json")["split"]
    write_familiarity(whole, settings, "energy", sibling=same)
    assert "others" not in whole.read("familiarity.json")


@pytest.mark.parametrize("method", ["outliers", "energy", "neighbours"])
def test_a_run_that_was_fitted_with_others_is_judged_by_those_held_back(
    tmp_path: Path, settings: TrainingSettings, method: Method
) -> None:
    finished = write_run(tmp_path / "finished", NARROW)
    config = RunConfig(recipe=NARROW)
    run = start(tmp_path / "run", config, None, OTHERS)
    shutil.copyfile(finished.weights, run.weights)
    with pytest.raises(RunError, match="with which it was fitted"):
        write_familiarity(run, settings, "outliers", others=OTHERS)
    write_familiarity(run, settings, method)
    record, reference = run.read("familiarity.json"), read_reference(run)
    assert reference is not None
    held_back = eyes(run)(others_of(run).held_back).scored(reference)
    assert record["others"] == len(held_back) == 15
    assert record["others_accepted"] == (held_back >= record["accept"]).mean()


def test_without_pictures_of_other_things_there_is_nothing_to_learn(
    tmp_path: Path, settings: TrainingSettings
) -> None:
    run = write_run(tmp_path, NARROW)
    with pytest.raises(RunError, match="pictures of other things"):
        write_familiarity(run, settings, "outliers")
    assert read_reference(run) is None
