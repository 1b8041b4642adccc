"""The whole line in one process: data, fit, evaluate, report, by the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import pytest

from tests.colours import (
    TEST,
    colour_split,
    colours,
    know_recipes,
    write_colours,
    write_parquet,
)
from training.__main__ import main
from training.data import load_splits
from training.errors import RunError
from training.fit import load_model
from training.run import Run
from training.settings import TrainingSettings
from training.views import logits_of


def command(*arguments: str) -> None:
    """Run `python -m training` with these arguments, which must end well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["training", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingSettings]:
    """Return settings that find the colours, in the environment too."""
    colours()
    know_recipes()
    folder = tmp_path_factory.mktemp("line")
    policy = keras.mixed_precision.dtype_policy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROTULO_DATA_DIR", str(write_colours(folder / "data")))
        patch.setenv("ROTULO_RUNS_DIR", str(folder / "runs"))
        yield TrainingSettings()
    keras.mixed_precision.set_dtype_policy(policy)


@pytest.fixture(scope="module")
def run(settings: TrainingSettings) -> Run:
    """Return a run of the tiny recipe, fitted as a person would."""
    command("fit", "colours-tiny", "--tensorboard")
    return Run.open(settings.runs_dir / "colours-tiny-train-0")


@pytest.fixture(scope="module")
def run_on_all(settings: TrainingSettings) -> Run:
    """Return a run on training and validation images together."""
    folder = settings.runs_dir / "everything"
    command("fit", "colours-tiny", "--on", "all", "--run", str(folder), "--epochs", "1", "--json")
    return Run.open(folder)


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return parsed


def test_a_run_folder_holds_all_that_the_fit_was_made_of_and_gave(run: Run) -> None:
    names = {path.name for path in run.folder.iterdir()}
    assert names >= {
        "recipe.json",
        "environment.json",
        "data.json",
        "history.jsonl",
        "checkpoints",
        "model.weights.h5",
        "calibration.json",
    }
    assert run.read("data.json") == {
        "name": "colours",
        "sha256": colours().train_sha256,
        "train": 200,
        "validation": 40,
    }
    assert {"commit", "precision", "device", "versions"} <= run.read("environment.json").keys()


def test_the_fit_learns(run: Run) -> None:
    history = run.history()
    assert [epoch["epoch"] for epoch in history] == [1, 2, 3]
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["val_accuracy"] > 0.5


def test_calibration_is_of_the_finished_model_on_validation(
    run: Run, settings: TrainingSettings
) -> None:
    calibration = run.read("calibration.json")
    validation = load_splits("colours", settings).validation
    logits = logits_of(load_model(run), "flip", validation.images)
    assert calibration["accuracy"] == (logits.argmax(1) == validation.labels).mean()
    assert (calibration["split"], calibration["n"]) == ("validation", 40)
    assert 0 <= calibration["review"] <= calibration["accept"] <= 1


def test_a_finished_run_is_not_fitted_again(run: Run) -> None:
    before = run.weights.read_bytes()
    command("fit", "colours-tiny")
    assert run.weights.read_bytes() == before
    assert len(run.history()) == 3


def test_a_run_on_all_images_has_no_calibration(run_on_all: Run) -> None:
    assert run_on_all.finished
    assert not (run_on_all.folder / "calibration.json").exists()
    sizes = run_on_all.read("data.json")
    assert (sizes["train"], sizes["validation"]) == (240, 0)
    assert "val_loss" not in run_on_all.history()[0]
    with pytest.raises(RunError, match=r"has no calibration\.json yet"):
        run_on_all.read("calibration.json")


def test_test_is_measured_once_and_then_read_from_the_record(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    capsys.readouterr()
    command("evaluate", str(run.folder), "--json")
    measured = answer(capsys)
    assert (measured["n"], measured["subject"]) == (TEST, "model.weights.h5")
    assert measured["accuracy"] > 0.5
    assert measured["temperature"] == run.read("calibration.json")["temperature"]
    monkeypatch.setenv("ROTULO_DATA_DIR", str(tmp_path / "nowhere"))
    command("evaluate", str(run.folder), "--json")
    assert answer(capsys) == measured
    command("evaluate", str(run.folder))
    assert "n = 80" in " ".join(capsys.readouterr().out.split())


def test_other_pictures_are_measured_and_recorded_apart(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write_parquet(tmp_path / "more.parquet", colour_split(40, seed=11))
    capsys.readouterr()
    command("evaluate", str(run.folder), "--on", str(path), "--json")
    measured = answer(capsys)
    assert (measured["split"], measured["data"], measured["n"]) == ("other", "more", 40)
    assert (run.folder / "evaluation-on-more.json").is_file()
    command("evaluate", str(run.folder), "--on", str(path))
    assert "weights.h5 on more: accuracy" in " ".join(capsys.readouterr().out.split())


def test_tensorboard_is_written_where_it_is_asked_for(run: Run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import (  # noqa: PLC0415 - slow
        EventAccumulator,
    )

    folder = run.folder / "tensorboard" / "validation"
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    steps = [event.step for event in events.Tensors("epoch_accuracy")]
    assert steps == [0, 1, 2]


def test_a_frozen_recipe_in_a_file_is_fitted(
    run: Run, settings: TrainingSettings, tmp_path: Path
) -> None:
    renamed = run.config.recipe.model_copy(update={"name": "from-a-file"})
    path = tmp_path / "best.json"
    path.write_text(renamed.model_dump_json())
    command("fit", str(path), "--epochs", "1", "--json")
    fitted = Run.open(settings.runs_dir / "from-a-file-train-0-1-epochs")
    assert fitted.finished
    assert fitted.config.recipe.model == run.config.recipe.model


def test_a_report_is_written_into_the_run_or_elsewhere(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    capsys.readouterr()
    command("report", str(run.folder), "--json")
    page = Path(answer(capsys)["report"])
    assert page == run.folder / "report.html"
    assert "colours-tiny" in page.read_text("utf-8")
    command("report", str(run.folder), "--out", str(tmp_path / "a" / "page.html"))
    assert (tmp_path / "a" / "page.html").is_file()
