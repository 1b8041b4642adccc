"""The real CIFAR-10, where it lies beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.data import class_counts, load_splits
from training.settings import TrainingSettings

pytestmark = pytest.mark.shared


def test_cifar10_is_the_original_and_splits_into_45000_and_5000(shared_data: Path) -> None:
    """Loading checks their digest. The test half is left alone: only an evaluation opens it."""
    settings = TrainingSettings(data_dir=shared_data)
    splits = load_splits("cifar10", settings)
    assert splits.train.images.shape == (45_000, 32, 32, 3)
    assert splits.validation.images.shape == (5_000, 32, 32, 3)
    assert class_counts(splits.train, 10) == [4_500] * 10
    assert class_counts(splits.validation, 10) == [500] * 10
