"""Fits that look at validation and draw at random, broken off and not; and families of fits."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.colours import colours, write_colours
from tests.runs import many_colours, write_many_colours
from training.__main__ import main
from training.errors import DataError, RecipeError
from training.fit import fit, load_model
from training.following import best_epoch, kept_epoch
from training.progress import JsonProgress
from training.recipe import (
    Adam,
    Augmentation,
    Backbone,
    Cosine,
    EarlyStopping,
    Fit,
    Mix,
    Mlp,
    PlainCnn,
    Plateau,
    Recipe,
    Stage,
)
from training.recipes import all_recipes, register
from training.run import Run, RunConfig
from training.settings import TrainingSettings
from training.views import logits_of

STEPS_PER_EPOCH = 10

# All that a fit may decide by validation or draw at random. The rate is so high that it does.
RESTLESS = Recipe(
    name="restless",
    family="restless",
    summary="dropout, mixing, plateaus, early stopping, the best epoch",
    data="colours",
    model=PlainCnn(stages=(Stage(filters=(4,), dropout=0.2),), dense=(8,), dropout=0.3, l2=1e-3),
    augmentation=Augmentation(
        flip="random", rotate=20, zoom=0.2, cutout=4, mix=Mix(kind="cutmix", alpha=1.0)
    ),
    fit=Fit(
        epochs=30,
        batch_size=20,
        optimiser=Adam(learning_rate=0.05),
        schedule=Cosine(),
        plateau=Plateau(factor=0.5, patience=1),
        early_stopping=EarlyStopping(patience=3),
        keep_best="val_loss",
    ),
)
PLAIN = RESTLESS.model_copy(
    update={
        "name": "plain-dense",
        "model": Mlp(hidden=(8,)),
        "augmentation": Augmentation(),
        "fit": Fit(epochs=4, batch_size=20, optimiser=Adam()),
    }
)
WEIGHTLESS = PLAIN.model_copy(
    update={
        "name": "weightless",
        "model": Backbone(name="vgg16"),
        "family": "weightless",
        "data": "many-colours",
    }
)


class Stopping(JsonProgress):
    """A progress that breaks its fit off after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def step(self, *, images: int, loss: float, accuracy: float) -> None:
        self.steps -= 1
        if not self.steps:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def colour_settings(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    """Return settings that find the colours."""
    return TrainingSettings(data_dir=write_colours(tmp_path_factory.mktemp("colours")))


@pytest.fixture(autouse=True)
def know(keras_as_found: None) -> None:
    colours()
    many_colours()
    for recipe in (RESTLESS, PLAIN, WEIGHTLESS):
        if recipe not in all_recipes():
            register(recipe)


@pytest.fixture
def keras_as_found() -> Iterator[None]:
    import keras  # noqa: PLC0415 - beside what it is for

    found = keras.mixed_precision.dtype_policy()
    yield
    keras.mixed_precision.set_dtype_policy(found)


def weights(run: Run) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in load_model(run).weights]


def measured(run: Run) -> list[dict[str, float]]:
    return [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in run.history()]


def test_a_fit_that_looks_at_validation_ends_alike_broken_off_or_not(
    tmp_path: Path, colour_settings: TrainingSettings
) -> None:
    config = RunConfig(recipe=RESTLESS, seed=2)
    peaceful = Run.start(tmp_path / "peaceful", config)
    fit(peaceful, colour_settings, JsonProgress())
    broken = Run.start(tmp_path / "broken", config)
    for steps in (STEPS_PER_EPOCH + 3, 2 * STEPS_PER_EPOCH + 1):
        with pytest.raises(KeyboardInterrupt):
            fit(broken, colour_settings, Stopping(steps))
    assert len(broken.history()) == 3
    fit(broken, colour_settings, JsonProgress())

    history = peaceful.history()
    assert 3 < len(history) < RESTLESS.fit.epochs, "it stopped early"
    assert measured(broken) == measured(peaceful)
    for found, wanted in zip(weights(broken), weights(peaceful), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert broken.read("calibration.json") == peaceful.read("calibration.json")

    best = kept_epoch(RESTLESS.fit, history)
    assert best == best_epoch("val_loss", history) != len(history)
    assert peaceful.read("calibration.json")["accuracy"] == pytest.approx(
        history[best - 1]["val_accuracy"]
    )
    model = load_model(peaceful)
    assert logits_of(model, "single", np.zeros((2, 16, 16, 3), np.uint8)).shape == (2, 4)


def test_a_recipe_that_looks_at_validation_is_not_fitted_on_all_images(
    tmp_path: Path, colour_settings: TrainingSettings
) -> None:
    run = Run.start(tmp_path / "all", RunConfig(recipe=RESTLESS, fitted_on="all"))
    with pytest.raises(RecipeError, match="restless chooses by validation"):
        fit(run, colour_settings, JsonProgress())


def test_without_its_weights_a_fit_ends_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_many_colours(tmp_path)
    monkeypatch.setenv("ROTULO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ROTULO_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("ROTULO_WEIGHTS_DIR", str(tmp_path))
    assert command("grid", "weightless", "--json") == 1
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "vgg16_weights" in row["problem"]
    assert "is missing" in row["problem"]
    assert row["accuracy"] is None
    # A run that was killed before its first checkpoint has a folder for it all the same.
    run = Run.open(tmp_path / "runs" / "weightless-train-0")
    run.checkpoints.mkdir()
    with pytest.raises(DataError, match=r"vgg16_weights.* is missing"):
        fit(run, TrainingSettings(), JsonProgress())


def test_images_that_are_too_small_for_a_network_are_told_so(
    tmp_path: Path, colour_settings: TrainingSettings
) -> None:
    small = WEIGHTLESS.model_copy(update={"data": "colours"})
    run = Run.start(tmp_path / "run", RunConfig(recipe=small))
    with pytest.raises(RecipeError, match=r"weightless cannot be built for images of 16×16×3"):
        fit(run, colour_settings, JsonProgress())


def command(*arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["training", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_family_is_fitted_whole_and_only_once(
    tmp_path: Path,
    colour_settings: TrainingSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ROTULO_DATA_DIR", str(colour_settings.data_dir))
    monkeypatch.setenv("ROTULO_RUNS_DIR", str(tmp_path))
    assert command("grid", "restless", "--epochs", "2", "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    fitted = [event for event in events if event["event"] == "fitted"]
    assert [(row["recipe"], row["epochs"]) for row in fitted] == [
        ("plain-dense", 2),
        ("restless", 2),
    ]
    run = Run.open(tmp_path / "restless-train-0-2-epochs")
    assert run.config.recipe.fit.planned_epochs == RESTLESS.fit.epochs
    assert run.read("model.json")["parameters"] > 0
    before = run.weights.read_bytes()
    assert command("grid", "restless", "--epochs", "2") == 0
    shown = capsys.readouterr().out
    assert "plain-dense" in shown
    assert run.weights.read_bytes() == before
