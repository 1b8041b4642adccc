from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.colours import SIDE, TEST, TINY, colour_split, colours, png, write_parquet
from training.data import split_digest
from training.errors import DataError
from training.evaluate import (
    Subject,
    evaluate_on,
    recorded_evaluation,
    recorded_on_others,
)
from training.labelled import read_labelled_set
from training.run import Run, RunConfig


@pytest.fixture
def run(tmp_path: Path) -> Run:
    colours()
    return Run.start(tmp_path / "run", RunConfig(recipe=TINY))


def write_photos(folder: Path, *names: str) -> Path:
    """Write three photos of twice the size into a folder for each class."""
    split = colour_split(40, seed=9)
    for name in names:
        (folder / name).mkdir(parents=True)
        index = ["red", "green", "blue", "yellow"].index(name) if name != "pink" else 0
        for number, image in enumerate(split.images[split.labels == index][:3]):
            large = image.repeat(2, axis=0).repeat(2, axis=1)
            (folder / name / f"{number}.png").write_bytes(png(large))
    return folder


def test_some_of_the_runs_classes_in_folders_will_do(run: Run, tmp_path: Path) -> None:
    found = read_labelled_set(run, write_photos(tmp_path / "Fotos de mayo", "yellow", "green"))
    assert found.name == "fotos-de-mayo"
    assert found.split.images.shape == (6, SIDE, SIDE, 3)
    # In the order of the run's classes, not of the folders.
    assert sorted(found.split.labels.tolist()) == [1, 1, 1, 3, 3, 3]
    assert found.sha256 == split_digest(found.split)


def test_parquet_without_names_has_the_runs_indices(run: Run, tmp_path: Path) -> None:
    split = colour_split(20, seed=9)
    found = read_labelled_set(run, write_parquet(tmp_path / "more.parquet", split))
    np.testing.assert_array_equal(found.split.labels, split.labels)
    np.testing.assert_array_equal(found.split.images, split.images)


def test_what_the_run_does_not_know_is_named(run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the class 'pink', which the run does not know"):
        read_labelled_set(run, write_photos(tmp_path / "photos", "green", "pink"))
    with pytest.raises(DataError, match="is not there"):
        read_labelled_set(run, tmp_path / "nowhere")


def test_the_test_half_is_no_other_set(run: Run, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "other.parquet", colour_split(TEST, seed=2))
    with pytest.raises(DataError, match="is the run's own test half"):
        read_labelled_set(run, path)


def test_figures_on_other_pictures_are_no_test_figures(run: Run, tmp_path: Path) -> None:
    labelled = read_labelled_set(run, write_photos(tmp_path / "photos", "green", "yellow"))
    for accuracy in (1.0, 0.0):
        right = 8 * np.eye(4, dtype=np.float32)[labelled.split.labels]
        found = evaluate_on(
            run,
            labelled,
            lambda _, right=right, accuracy=accuracy: right if accuracy else -right,  # type: ignore[misc]
            Subject("model.onnx", "a" * 64, "a test", 1.0),
        )
        assert (found.split, found.data) == ("other", "photos")
        assert (found.accuracy, found.n) == (accuracy, 6)
        # Asked again as often as one likes, and the last word counts.
        assert recorded_on_others(run) == (found,)
    assert recorded_evaluation(run) is None
    (found,) = recorded_on_others(run)
    assert found.data_sha256 == labelled.sha256
    assert found.per_class[0].support == 0
    assert found.ranking is not None
    assert [one.id for one in found.ranking.per_class] == ["green", "yellow"]
