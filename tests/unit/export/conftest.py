"""What the tests of export share: the data set of many colours is known, not on disk."""

from __future__ import annotations

import pytest

from tests.colours import colours


@pytest.fixture(scope="session", autouse=True)
def _colours() -> None:
    colours()
