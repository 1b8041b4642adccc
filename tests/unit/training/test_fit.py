"""What surrounds the fit, and where it begins; the fit runs in tests/integration/training."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.colours import NARROW, TINY, TRAIN, VALIDATION
from tests.runs import write_run
from training.errors import RunError
from training.fit import Stretch, build_model, fit, load_model, splits_of, start, stretches
from training.norms import restate_norms
from training.progress import JsonProgress
from training.recipe import NesterovSgd, Recipe
from training.run import Run, RunConfig
from training.settings import TrainingSettings
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


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (0, [(0, 2, True), (2, 4, False)]),
        (1, [(1, 2, True), (2, 4, False)]),
        (2, [(2, 4, False)]),
        (3, [(3, 4, False)]),
        (4, []),
    ],
)
def test_a_fit_goes_on_in_the_right_stretch(
    done: int, expected: list[tuple[int, int, bool]]
) -> None:
    """The narrow recipe has four epochs, and learns its whitening bias in two."""
    wanted = [Stretch(start, end, whitening_bias=bias) for start, end, bias in expected]
    assert list(stretches(NARROW, done)) == wanted


def test_without_a_turn_a_fit_is_one_stretch() -> None:
    assert stretches(TINY, 0) == (Stretch(0, 3, whitening_bias=True),)
    late = NARROW.model_copy(update={"fit": NARROW.fit.model_copy(update={"epochs": 2})})
    assert stretches(late, 1) == (Stretch(1, 2, whitening_bias=True),)


@pytest.mark.parametrize(
    ("fitted_on", "sizes"), [("train", (TRAIN - VALIDATION, VALIDATION)), ("all", (TRAIN, 0))]
)
def test_a_run_on_all_images_holds_none_back(
    tmp_path_factory: pytest.TempPathFactory,
    colour_settings: TrainingSettings,
    fitted_on: str,
    sizes: tuple[int, int],
) -> None:
    config = RunConfig.model_validate({"recipe": TINY, "fitted_on": fitted_on})
    run = Run.start(tmp_path_factory.mktemp("run"), config)
    splits = splits_of(run, colour_settings)
    assert (len(splits.train), len(splits.validation)) == sizes


def test_a_model_has_the_shape_and_classes_of_its_data(colour_settings: TrainingSettings) -> None:
    model = build_model(TINY)
    assert model.input_shape == (None, 16, 16, 3)
    assert model.output_shape == (None, 4)


def test_an_unfinished_run_gives_no_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    run = Run.start(tmp_path_factory.mktemp("run"), RunConfig(recipe=TINY))
    with pytest.raises(RunError, match="is not finished"):
        load_model(run)


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


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_norms_are_taken_anew_where_a_fit_rounded(
    tmp_path: Path,
    colour_settings: TrainingSettings,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
) -> None:
    restated: list[keras.Model] = []

    def restate(
        model: keras.Model, images: NDArray[np.uint8], *, batch_size: int, seed: int
    ) -> None:
        restate_norms(model, images, batch_size=batch_size, seed=seed)
        restated.append(model)

    monkeypatch.setattr("training.fit.device.detect_precision", lambda: policy)
    monkeypatch.setattr("training.fit.restate_norms", restate)
    recipe = NARROW.model_copy(update={"fit": NARROW.fit.model_copy(update={"epochs": 1})})
    run = Run.start(tmp_path / "run", RunConfig(recipe=recipe))
    fit(run, colour_settings, JsonProgress())
    assert len(restated) == (policy != "float32")
    assert all(model.dtype_policy.name == "float32" for model in restated)
    found = load_model(run).get_weights()
    for model in restated:
        for weight, kept in zip(model.get_weights(), found, strict=True):
            np.testing.assert_array_equal(weight, kept)
