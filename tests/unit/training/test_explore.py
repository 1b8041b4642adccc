"""What is seen of a data set before anything is fitted to it."""

from __future__ import annotations

import io
import json
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.colours import CLASSES, SIDE, TEST, TINY, TRAIN, colour_split, colours, write_colours
from tests.shapes import shape, write_shapes
from training.__main__ import main
from training.data import Split
from training.duplicates import hashes, near_duplicates
from training.errors import DataError
from training.explore import RECORD, exploration_folder, explore, read_exploration
from training.human_labels import FILE, label_noise
from training.report import gather, render
from training.run import Run, RunConfig
from training.settings import TrainingSettings


def pictures(count: int) -> np.ndarray:
    """Return smooth pictures uint8 [N, 32, 32, 3] that are nothing alike."""
    small = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    large = [np.asarray(Image.fromarray(image).resize((32, 32))) for image in small]
    return np.stack(large)


def test_the_same_picture_and_a_slightly_changed_one_are_found() -> None:
    images = pictures(60)
    brighter = np.clip(images[7].astype(int) + 5, 0, 255).astype(np.uint8)
    images[20], images[40] = images[3], brighter
    found = near_duplicates(images)
    assert found.complete
    assert [(pair.first, pair.second) for pair in found.pairs] == [(3, 20), (7, 40)]
    assert found.pairs[0].distance == 0 < found.pairs[1].distance


@pytest.mark.parametrize("change", ["compressed", "cropped", "cast"])
def test_a_picture_that_was_published_twice_is_found(change: str) -> None:
    """As the near-duplicates of CIFAR-10 differ: another file, cut, size or colour of one photo."""
    images = pictures(60)
    original = Image.fromarray(images[7])
    if change == "compressed":
        with io.BytesIO() as file:
            original.save(file, "JPEG", quality=30)
            again = np.asarray(Image.open(file))
    elif change == "cropped":
        again = np.asarray(original.resize((32, 32), box=(0.5, 0.5, 31.5, 31.5)))
    else:
        again = np.clip(images[7] * np.array([0.85, 1.0, 1.1]), 0, 255).astype(np.uint8)
    images[40] = again
    pairs = near_duplicates(images).pairs
    assert [(pair.first, pair.second) for pair in pairs] == [(7, 40)]


def test_pairs_are_found_across_two_splits() -> None:
    first, second = pictures(40)[:20], pictures(40)[20:]
    second[4] = first[11]
    pairs = near_duplicates(first, second).pairs
    assert [(pair.first, pair.second) for pair in pairs] == [(11, 4)]


def test_pictures_smaller_than_the_grid_have_hashes_too() -> None:
    tiny = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 1), np.uint8)
    assert len(set(hashes(tiny).tolist())) == 5


def human_labels(folder: Path, train: Split, test: Split) -> Path:
    wrong = train.labels.copy()
    wrong[np.flatnonzero(train.labels == 0)[:6]] = 1
    votes = np.eye(len(CLASSES))[test.labels] * 9
    votes[0] = np.roll(votes[0], 1)
    names = ("random_label1", "random_label2", "random_label3", "aggre_label", "worse_label")
    columns = {f"cifar10n_{name}": train.labels for name in names}
    columns |= {"cifar10n_clean_label": train.labels, "cifar10n_random_label2": wrong}
    np.savez(folder / FILE, allow_pickle=False, cifar10h_counts=votes, **columns)
    return folder / FILE


def test_what_people_said_is_counted(tmp_path: Path) -> None:
    train, test = colour_split(80, seed=1), colour_split(20, seed=2)
    file = human_labels(tmp_path, train, test)
    noise = label_noise(file, train.labels, test.labels, len(CLASSES))
    assert noise.rates == {"random": 6 / 240, "aggregate": 0.0, "worst": 0.0}
    assert noise.confusions[0][:2] == (0, 1)
    assert noise.confusions[0][2] == pytest.approx(6 / 60)
    assert (noise.votes_for_label, noise.majority_elsewhere) == (0.95, 1)
    with pytest.raises(DataError, match="is about other images"):
        label_noise(file, train.labels[::-1].copy(), None, len(CLASSES))
    file.write_bytes(b"no arrays")
    with pytest.raises(DataError, match="is no file of human labels"):
        label_noise(file, train.labels, None, len(CLASSES))


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    colours()
    return TrainingSettings(data_dir=write_colours(tmp_path / "data"), runs_dir=tmp_path / "runs")


def test_a_data_set_is_looked_at_and_the_report_tells_it(
    settings: TrainingSettings, tmp_path: Path
) -> None:
    assert settings.data_dir
    train, test = colour_split(TRAIN, seed=1), colour_split(TEST, seed=2)
    human_labels(settings.data_dir / "colours", train, test)
    folder = exploration_folder(settings, "colours")
    found = explore("colours", settings, folder)
    assert (sum(found.train), sum(found.test or ())) == (TRAIN, TEST)
    np.testing.assert_allclose(found.channel_means, train.images.mean(axis=(0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(
        found.channel_deviations, train.images.std(axis=(0, 1, 2)), rtol=1e-9
    )
    with Image.open(folder / "samples.png") as drawn:
        assert drawn.size == (4 * (10 * (SIDE + 2) - 2), 4 * (4 * (SIDE + 2) - 2))
    assert read_exploration(folder, found.sha256) == found
    assert read_exploration(folder, "0" * 64) is None
    fitted = Run.start(tmp_path / "run", RunConfig(recipe=TINY))
    content = gather(fitted, settings, None, date(2026, 1, 2))
    page = render(content)
    assert "Lo que se vio antes de ajustar" in page
    assert "rojo → verde (3,3" in page


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["training", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_folder_of_ones_own_is_looked_at_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROTULO_RUNS_DIR", str(tmp_path / "runs"))
    folder = write_shapes(tmp_path / "own", each=8)
    (folder / "Casas" / "again.png").write_bytes(shape(0, 0))
    assert run(monkeypatch, "explore", str(folder), "--size", "64", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["train"] == [8, 9, 8]
    assert found["test"] is None
    assert (found["within_train"]["identical"], found["within_train"]["other_label"] >= 1) == (
        1,
        True,
    )
    assert (tmp_path / "runs" / "explored" / "own" / RECORD).is_file()
    assert (tmp_path / "runs" / "explored" / "own" / "duplicates.png").is_file()
    assert run(monkeypatch, "explore", str(folder), "--size", "64") == 0
    assert "1 identical" in " ".join(capsys.readouterr().out.split())
