"""What any test may ask for: the data beside the checkout, and tools of the machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.postgres import find_programs, running_postgres

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Keep TensorFlow's start-up notes out of the output; it is imported only where needed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of the full data sets and photos, which lie beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the data sets are not beside the checkout (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def tool() -> Callable[[str], Path]:
    """Return a look-up of programs on the PATH; a missing one skips, and in CI fails."""

    def look_up(name: str) -> Path:
        found = shutil.which(name)
        return Path(found) if found is not None else missing(name)

    return look_up


def missing(package: str) -> NoReturn:
    """Skip for want of one of Debian's packages, and in CI fail."""
    reason = f"{package} is not installed: sudo apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Return the address of a PostgreSQL server of the tests' own."""
    programs = find_programs() or missing("postgresql")
    with running_postgres(programs) as address:
        yield address


@pytest.fixture(scope="session")
def chromium(tool: Callable[[str], Path]) -> Path:
    """Return Debian's Chromium, which Playwright drives by `executable_path`."""
    return tool("chromium")
