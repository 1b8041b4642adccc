"""What the tests of training share: a data set of four colours, and Keras as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.colours import write_colours
from training.settings import TrainingSettings


@pytest.fixture(scope="session")
def colour_settings(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    """Return settings that find the colours, and keep all else in a folder of the test."""
    folder = tmp_path_factory.mktemp("colours")
    return TrainingSettings(
        data_dir=write_colours(folder), cache_dir=folder / "cache", runs_dir=folder / "runs"
    )


@pytest.fixture
def nothing(tmp_path: Path) -> TrainingSettings:
    """Return settings whose folders are empty."""
    return TrainingSettings(data_dir=tmp_path / "no-data", cache_dir=tmp_path / "no-cache")


@pytest.fixture
def keras_policy() -> Iterator[None]:
    """Put the global precision back to what it was."""
    import keras  # noqa: PLC0415 - most tests here do not wait for TensorFlow

    found = keras.mixed_precision.dtype_policy()
    yield
    keras.mixed_precision.set_dtype_policy(found)
