"""What surrounds the fit, and where it begins; the fit runs in tests/integration/training."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.colours import NARROW, TINY, TRAIN, VALIDATION
from training.errors import RunError
from training.fit import Stretch, build_model, fit, load_model, splits_of, stretches
from training.norms import restate_norms
from training.progress import JsonProgress
from training.run import Run, RunConfig
from training.settings import TrainingSettings

pytestmark = pytest.mark.usefixtures("keras_policy")


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


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_norms_are_taken_anew_where_a_fit_rounded(
    tmp_path: Path,
    colour_settings: TrainingSettings,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
) -> None:
    restated: list[keras.Model] = []
    seen: list[bytes] = []

    def restate(
        model: keras.Model, images: NDArray[np.uint8], *, batch_size: int, seed: int
    ) -> None:
        restate_norms(model, images, batch_size=batch_size, seed=seed)
        restated.append(model)
        seen.extend(image.tobytes() for image in images)

    monkeypatch.setattr("training.fit.device.detect_precision", lambda: policy)
    monkeypatch.setattr("training.fit.restate_norms", restate)
    recipe = NARROW.model_copy(update={"fit": NARROW.fit.model_copy(update={"epochs": 1})})
    run = Run.start(tmp_path / "run", RunConfig(recipe=recipe))
    fit(run, colour_settings, JsonProgress())
    assert len(restated) == (policy != "float32")
    as_they_are = {image.tobytes() for image in splits_of(run, colour_settings).train.images}
    assert bool(set(seen) - as_they_are) == (policy != "float32")  # varied, as the fit saw them
    assert all(model.dtype_policy.name == "float32" for model in restated)
    found = load_model(run).get_weights()
    for model in restated:
        for weight, kept in zip(model.get_weights(), found, strict=True):
            np.testing.assert_array_equal(weight, kept)
