from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.runs import TINY, large_split, many_colours, recipe_of, write_many_colours, write_run
from training import datasets
from training.errors import RunError
from training.familiarity import read_reference, with_features
from training.fit import load_model
from training.pairing import pair
from training.recipe import Airbench, Pair, TinyCnn
from training.report import gather, render
from training.resizing import resized
from training.run import Run
from training.settings import TrainingSettings
from training.teaching import write_familiarity
from training.wording_models import model_in_words

pytestmark = pytest.mark.usefixtures("keras_policy")

IMAGES = large_split(20, seed=7).images
WIDE = recipe_of(Airbench(widths=(8, 8, 8)), name="wide")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    return write_many_colours(tmp_path_factory.mktemp("data"))


@pytest.fixture
def first(tmp_path: Path) -> Run:
    return finished(write_run(tmp_path / "first", TINY), 2.0)


def finished(run: Run, temperature: float | None) -> Run:
    if temperature is not None:
        run.write("calibration.json", {"temperature": temperature})
    return run


def test_the_pair_says_what_both_say_together(
    tmp_path: Path, first: Run, settings: TrainingSettings
) -> None:
    second = finished(write_run(tmp_path / "second", WIDE, seed=1), 0.5)
    paired = pair(first, second, tmp_path / "pair", settings, share=0.6)
    environment = paired.read("environment.json") | {"device": "CPU (X)", "precision": "float32"}
    paired.write("environment.json", environment)
    page = render(gather(paired, settings, None, date(2026, 11, 22)))
    assert "junta dos redes ya ajustadas" in page
    assert "Épocas hechas" not in page
    model = load_model(Run.open(tmp_path / "pair"))
    one, two = load_model(first)(IMAGES).numpy(), load_model(second)(IMAGES).numpy()
    expected = 0.6 / 2.0 * one + 0.4 / 0.5 * two
    np.testing.assert_allclose(model(IMAGES).numpy(), expected, rtol=1e-4, atol=1e-4)
    assert Run.open(tmp_path / "pair").epochs == first.epochs
    features = with_features(model)(IMAGES).numpy()[:, 4:]
    np.testing.assert_allclose(
        features, with_features(load_model(first))(IMAGES).numpy()[:, 4:], rtol=1e-5
    )
    record = json.loads((tmp_path / "pair/calibration.json").read_text())
    assert record["n"] == 2000
    members = json.loads((tmp_path / "pair/members.json").read_text())["members"]
    assert [member["recipe"]["name"] for member in members] == ["random", "wide"]
    assert paired.config.recipe.name == "random-with-wide"
    assert isinstance(paired.config.recipe.model, Pair)
    assert paired.read("model.json")["total"] == sum(
        load_model(run).count_params() for run in (first, second)
    )


def test_a_network_for_images_half_as_large_sees_them_so(
    tmp_path: Path, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = many_colours()
    twice = replace(small, name="twice", shape=(64, 64, 3), enlarged_from=small.name)
    monkeypatch.setitem(datasets._registry, twice.name, twice)
    large = recipe_of(TinyCnn(width=4), name="large").model_copy(update={"data": twice.name})
    first = finished(write_run(tmp_path / "large", large), 1.0)
    second = finished(write_run(tmp_path / "second", TINY, seed=1), 1.0)
    paired = pair(first, second, tmp_path / "pair", settings, share=0.5)
    assert isinstance(paired.config.recipe.model, Pair)
    assert paired.config.recipe.model.second_halved
    enlarged = resized(IMAGES, 64, 64)
    said = load_model(Run.open(tmp_path / "pair"))(enlarged).numpy()
    one, two = load_model(first)(enlarged).numpy(), load_model(second)(IMAGES).numpy()
    np.testing.assert_allclose(said, (one + two) / 2, atol=0.05)
    words = model_in_words(paired.config.recipe.model)
    assert "La segunda, que la ve a la mitad de su tamaño:" in words
    with pytest.raises(RunError, match="do not match"):
        pair(second, first, tmp_path / "other", settings)


def test_a_network_that_saw_all_images_takes_its_siblings_temperature(
    tmp_path: Path, first: Run, settings: TrainingSettings
) -> None:
    second = write_run(tmp_path / "second", WIDE, seed=1, fitted_on="all")
    with pytest.raises(RunError, match=r"no calibration\.json"):
        pair(first, second, tmp_path / "pair", settings)
    sibling = finished(write_run(tmp_path / "sibling", WIDE, seed=2), 0.25)
    paired = pair(first, second, tmp_path / "pair", settings, sibling=sibling)
    assert isinstance(paired.config.recipe.model, Pair)
    assert paired.config.recipe.model.weights == (0.25, 2.0)
    assert paired.config.fitted_on == "all"
    assert not (tmp_path / "pair/calibration.json").exists()


def test_a_pair_that_saw_all_images_takes_its_siblings_familiarity(
    tmp_path: Path, first: Run, settings: TrainingSettings
) -> None:
    second = finished(write_run(tmp_path / "second", WIDE, seed=1), 0.5)
    whole = write_run(tmp_path / "whole", WIDE, seed=2, fitted_on="all")
    sibling = pair(first, second, tmp_path / "sibling", settings)
    paired = pair(first, whole, tmp_path / "pair", settings, sibling=second)
    with pytest.raises(RunError, match="sibling"):
        write_familiarity(paired, settings, "energy")
    with pytest.raises(RunError, match="energy"):
        write_familiarity(paired, settings, "neighbours", sibling=sibling)
    write_familiarity(paired, settings, "energy", sibling=sibling)
    write_familiarity(sibling, settings, "energy")
    record, own = paired.read("familiarity.json"), sibling.read("familiarity.json")
    assert "sibling" in record.pop("split")
    assert own.pop("split") == "validation"
    assert record == own
    assert read_reference(paired) is not None


def test_halved_weights_are_what_float16_can_say(
    tmp_path: Path, first: Run, settings: TrainingSettings
) -> None:
    second = finished(write_run(tmp_path / "second", WIDE, seed=1), 0.5)
    pair(first, second, tmp_path / "pair", settings, halved=True)
    for weight in load_model(Run.open(tmp_path / "pair")).get_weights():
        if weight.ndim > 1:
            np.testing.assert_array_equal(weight, weight.astype(np.float16))


def test_runs_that_do_not_go_together_are_refused(
    tmp_path: Path, first: Run, settings: TrainingSettings
) -> None:
    second = finished(write_run(tmp_path / "second", WIDE, seed=1), 0.5)
    paired = pair(first, second, tmp_path / "pair", settings)
    with pytest.raises(RunError, match="a pair already"):
        pair(paired, second, tmp_path / "again", settings)
    second.write("data.json", second.read("data.json") | {"sha256": "0" * 64})
    with pytest.raises(RunError, match="different data"):
        pair(first, second, tmp_path / "other", settings)
