"""What the tests of export share: the data set of many colours, on disk."""

from __future__ import annotations

import pytest

from tests.runs import validation_of, write_many_colours
from training.data import Split
from training.settings import TrainingSettings


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    """Return settings that find the data set."""
    return write_many_colours(tmp_path_factory.mktemp("many"))


@pytest.fixture(scope="session")
def validation(many: TrainingSettings) -> Split:
    """Return its validation images."""
    return validation_of(many)
