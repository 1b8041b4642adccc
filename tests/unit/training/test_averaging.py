from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.runs import NAME, TINY, large_split, recipe_of, write_many_colours, write_run
from training.__main__ import app
from training.averaging import average
from training.errors import RunError
from training.fit import load_model
from training.recipe import Airbench, Recipe
from training.run import Beginning, Run
from training.settings import TrainingSettings

pytestmark = pytest.mark.usefixtures("keras_policy")

ORIGIN = Beginning(recipe="random", seed=9, epochs=1, sha256="ab" * 32)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    return write_many_colours(tmp_path_factory.mktemp("data"))


def begun(
    folder: Path, seed: int, recipe: Recipe = TINY, beginning: Beginning | None = ORIGIN
) -> Run:
    """Write a finished run that began with the weights of another."""
    run = write_run(folder, recipe, seed=seed)
    run.write("model.json", {"parameters": 10, "total": 10})
    config = run.config.model_copy(update={"beginning": beginning})
    (folder / "recipe.json").write_text(config.model_dump_json())
    return Run.open(folder)


def test_the_mean_of_runs_has_the_mean_of_their_weights(
    tmp_path: Path, settings: TrainingSettings
) -> None:
    runs = [begun(tmp_path / str(seed), seed) for seed in range(3)]
    mean = average(runs, tmp_path / "mean", settings)
    found = load_model(Run.open(tmp_path / "mean")).get_weights()
    expected = zip(*(load_model(run).get_weights() for run in runs), strict=True)
    for weight, alike in zip(found, expected, strict=True):
        np.testing.assert_allclose(weight, np.mean(alike, axis=0), rtol=1e-5, atol=1e-6)
    assert mean.config.recipe.name == "random-averaged"
    assert mean.config.recipe.views == TINY.views
    assert mean.read("calibration.json")["n"] == 2000
    members = mean.read("members.json")["members"]
    assert [member["config"]["seed"] for member in members] == [0, 1, 2]
    assert len({member["weights"] for member in members}) == 3


def test_the_command_averages_and_says_where(
    tmp_path: Path, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROTULO_DATA_DIR", str(settings.data_dir))
    folders = [str(begun(tmp_path / str(seed), seed).folder) for seed in range(2)]
    done = CliRunner().invoke(app, ["average", *folders, "--run", str(tmp_path / "mean"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["recipe"] == "random-averaged"
    image = large_split(1, seed=8).images
    assert np.isfinite(load_model(Run.open(tmp_path / "mean"))(image).numpy()).all()


@pytest.mark.parametrize(
    ("recipe", "beginning", "why"),
    [
        (recipe_of(Airbench(widths=(8, 8, 8))), ORIGIN, "different networks"),
        (TINY, None, "did not begin with the same weights"),
        (TINY, ORIGIN.model_copy(update={"sha256": "cd" * 32}), "did not begin with the same"),
    ],
)
def test_runs_without_a_common_beginning_have_no_mean(
    tmp_path: Path,
    settings: TrainingSettings,
    recipe: Recipe,
    beginning: Beginning | None,
    why: str,
) -> None:
    first = begun(tmp_path / "first", 0)
    other = begun(tmp_path / "other", 1, recipe, beginning)
    with pytest.raises(RunError, match=why):
        average([first, other], tmp_path / "mean", settings)
    assert not (tmp_path / "mean").exists()


def test_random_beginnings_are_no_common_one(tmp_path: Path, settings: TrainingSettings) -> None:
    runs = [begun(tmp_path / str(seed), seed, beginning=None) for seed in range(2)]
    with pytest.raises(RunError, match="did not begin with the same weights"):
        average(runs, tmp_path / "mean", settings)


def test_a_run_that_is_not_finished_alone_or_of_other_data_is_refused(
    tmp_path: Path, settings: TrainingSettings
) -> None:
    first, other = (begun(tmp_path / str(seed), seed) for seed in range(2))
    with pytest.raises(RunError, match="two runs or more"):
        average([first], tmp_path / "mean", settings)
    other.write("data.json", {"name": NAME, "sha256": "0" * 64, "train": 40, "validation": 2000})
    with pytest.raises(RunError, match="different data"):
        average([first, other], tmp_path / "mean", settings)
    other.weights.unlink()
    with pytest.raises(RunError, match="not finished"):
        average([first, other], tmp_path / "mean", settings)


def test_a_run_that_saw_validation_is_not_mixed_with_one_that_did_not(
    tmp_path: Path, settings: TrainingSettings
) -> None:
    first = begun(tmp_path / "first", 0)
    other = write_run(tmp_path / "other", TINY, seed=1, fitted_on="all")
    with pytest.raises(RunError, match="has seen the validation images"):
        average([first, other], tmp_path / "mean", settings)
