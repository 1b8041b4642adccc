from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.colours import colours, write_colours
from training.errors import DataError
from training.human_labels import FILE, agreement, find_file
from training.settings import TrainingSettings

VOTES = np.array([[10, 0], [6, 4], [1, 9], [9, 1]])
LABELS = np.array([0, 0, 1, 0])
# The model takes the second and the last for the other class.
PROBABILITIES = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])


def write(folder: Path, votes: NDArray[np.generic] = VOTES) -> Path:
    path = folder / FILE
    np.savez(path, cifar10h_counts=votes)
    return path


def test_a_model_stands_beside_the_votes_of_people(tmp_path: Path) -> None:
    found = agreement(write(tmp_path), LABELS, PROBABILITIES)
    assert found is not None
    assert (found.n, found.votes_per_image) == (4, 10)
    assert found.votes_for_given == pytest.approx((1 + 0.4 + 0.9 + 0.1) / 4)
    assert found.votes_for_label == pytest.approx((1 + 0.6 + 0.9 + 0.9) / 4)
    assert (found.majority_given, found.majority_label) == (0.5, 1.0)
    # Four in ten people share the first of its mistakes, one in ten the other.
    assert found.shared_mistakes == 0.5
    assert found.cross_entropy > found.vote_entropy > 0


def test_without_mistakes_none_is_shared(tmp_path: Path) -> None:
    found = agreement(write(tmp_path), LABELS, np.eye(2)[LABELS])
    assert found is not None
    assert found.shared_mistakes is None


def test_votes_on_other_images_are_refused_or_left_out(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert agreement(path, LABELS[:3], PROBABILITIES[:3]) is None
    with pytest.raises(DataError, match="is about other images"):
        agreement(path, 1 - LABELS, PROBABILITIES)
    path.write_bytes(b"votes")
    with pytest.raises(DataError, match="is no file of human labels"):
        agreement(path, LABELS, PROBABILITIES)


def test_the_file_is_looked_for_beside_the_data(tmp_path: Path) -> None:
    folder = write_colours(tmp_path)
    settings = TrainingSettings(data_dir=folder)
    assert find_file(settings, colours()) is None
    write(folder / "colours")
    assert find_file(settings, colours()) == folder / "colours" / FILE
    assert find_file(TrainingSettings(), colours()) is None
