"""Where a fit begins: with the weights of another run, and with pictures of other things."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.colours import NARROW, SIDE, TINY, colours
from tests.runs import write_run
from training import datasets
from training.errors import RecipeError, RunError
from training.exposure import others_of
from training.fit import fit, load_model
from training.progress import JsonProgress
from training.recipe import LogisticHead, NesterovSgd, Recipe
from training.run import Run, RunConfig
from training.settings import TrainingSettings
from training.starting import start
from training.wording import beginning_in_words

pytestmark = pytest.mark.usefixtures("keras_policy")

STILL = TINY.model_copy(
    update={
        "fit": TINY.fit.model_copy(
            update={
                "epochs": 1,
                "optimiser": NesterovSgd(learning_rate=1e-12, weight_decay=0.0),
            }
        )
    }
)
"""A recipe that goes nowhere: it ends where it began."""
OTHERS = np.random.default_rng(0).integers(0, 256, (16, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture
def source(tmp_path: Path) -> Run:
    return write_run(tmp_path / "source", TINY, seed=4)


def config(recipe: Recipe = STILL, **fields: object) -> RunConfig:
    return RunConfig.model_validate({"recipe": recipe, "seed": 1, **fields})


def learned(run: Run) -> list[NDArray[np.float32]]:
    return [np.asarray(weight) for weight in load_model(run).trainable_weights]


def test_a_fit_begins_with_the_weights_of_another_run(
    tmp_path: Path, source: Run, colour_settings: TrainingSettings
) -> None:
    run = start(tmp_path / "run", config(), source)
    shutil.rmtree(source.folder)  # the run has its own copy
    with JsonProgress() as progress:
        fit(Run.open(run.folder), colour_settings, progress)
    weights = write_run(tmp_path / "again", TINY, seed=4)
    for found, given in zip(learned(run), learned(weights), strict=True):
        np.testing.assert_allclose(found, given, atol=1e-6)
    told = " ".join(beginning_in_words(run.config.beginning))
    assert "colours-tiny, 3 épocas, semilla 4" in told
    assert beginning_in_words(None) == ()


def test_the_same_beginning_may_be_named_again_and_another_not(tmp_path: Path, source: Run) -> None:
    run = start(tmp_path / "run", config(), source)
    run.start_weights.unlink()  # killed before the copy had its name
    assert start(tmp_path / "run", config(), source).start_weights.is_file()
    other = write_run(tmp_path / "other", TINY, seed=5)
    for beginning in (other, None):
        with pytest.raises(RunError, match="holds another run"):
            start(tmp_path / "run", config(), beginning)


def test_weights_that_have_seen_the_validation_images_are_refused(tmp_path: Path) -> None:
    seen = write_run(tmp_path / "seen", TINY, fitted_on="all")
    with pytest.raises(RunError, match="has seen the images"):
        start(tmp_path / "run", config(), seen)
    assert not (tmp_path / "run").exists()
    start(tmp_path / "all", config(fitted_on="all"), seen)


def test_a_source_that_is_not_finished_is_refused(tmp_path: Path) -> None:
    unfinished = Run.start(tmp_path / "unfinished", config(TINY))
    with pytest.raises(RunError, match="is not finished"):
        start(tmp_path / "run", config(), unfinished)
    assert not (tmp_path / "run").exists()


def test_a_source_of_other_data_is_refused(tmp_path: Path) -> None:
    elsewhere = TINY.model_copy(update={"data": "cifar10"})
    with pytest.raises(RunError, match="is of other data"):
        start(tmp_path / "run", config(), Run.start(tmp_path / "other", config(elsewhere)))


def test_weights_of_another_network_end_the_fit(
    tmp_path: Path, colour_settings: TrainingSettings
) -> None:
    other = write_run(tmp_path / "other", NARROW)
    run = start(tmp_path / "run", config(), other)
    with pytest.raises(RunError, match="of another network"), JsonProgress() as progress:
        fit(run, colour_settings, progress)
    assert not run.finished


def test_a_run_is_shown_what_the_one_was_that_it_begins_with(tmp_path: Path) -> None:
    first = start(tmp_path / "first", config(TINY), None, OTHERS)
    shutil.copyfile(write_run(tmp_path / "finished", TINY).weights, first.weights)
    for given in (None, OTHERS):
        run = start(tmp_path / "run", config(), first, given)
        assert run.config.others == first.config.others
        np.testing.assert_array_equal(others_of(run).held_back, others_of(first).held_back)
    with pytest.raises(RunError, match="was shown other pictures"):
        start(tmp_path / "another", config(), first, OTHERS[::-1])
    assert not (tmp_path / "another").exists()


def test_pictures_that_a_killed_start_did_not_copy_are_copied_by_the_next(tmp_path: Path) -> None:
    run = start(tmp_path / "run", config(), None, OTHERS)
    run.others.unlink()
    with pytest.raises(RunError, match="has lost its pictures"):
        others_of(run)
    start(tmp_path / "run", config(), None, OTHERS)
    assert len(others_of(run).shown) == 12
    with pytest.raises(RunError, match="holds another run"):
        start(tmp_path / "run", config())


def test_a_network_goes_on_at_a_larger_size_of_the_same_images(
    tmp_path: Path, source: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = dataclasses.replace(
        colours(), name="colours-24", shape=(24, 24, 3), enlarged_from="colours"
    )
    monkeypatch.setitem(datasets._registry, larger.name, larger)
    recipe = STILL.model_copy(update={"data": larger.name})
    run = start(tmp_path / "run", config(recipe), source, OTHERS)
    assert others_of(run).shown.shape == (12, 24, 24, 3)


def test_a_head_alone_is_shown_no_other_things(tmp_path: Path) -> None:
    fit = TINY.fit.model_copy(update={"epochs": 0, "head": LogisticHead()})
    recipe = TINY.model_copy(update={"fit": fit})
    with pytest.raises(RecipeError, match="a head alone"):
        start(tmp_path / "run", config(recipe), None, OTHERS)
