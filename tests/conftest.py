"""What any test may ask for: the data beside the checkout, and tools of the machine."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.postgres import find_programs, running_postgres

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILES = (
    "tests/integration/export/test_exporting.py",
    "tests/architecture/test_checks.py",
    "tests/integration/training/test_resume.py",
    "tests/integration/export/test_recipes.py",
    "tests/unit/training/test_recipes.py",
    "tests/integration/training/test_following.py",
    "tests/integration/training/test_devices.py",
    "tests/e2e/test_bulk.py",
    "tests/e2e/test_serve.py",
    "tests/e2e/test_widget.py",
    "tests/e2e/test_watching.py",
    "tests/e2e/test_rolling_update.py",
    "tests/integration/export/test_command.py",
    "tests/integration/export/test_own_classes.py",
    "tests/property/service/test_batcher.py",
)
"""They begin, longest first, so that of two workers neither ends long after the other."""
HEAVY = ("ray.data", "tensorflow", "keras", "tf2onnx", "matplotlib.pyplot")


def pytest_configure(config: pytest.Config) -> None:
    """Keep TensorFlow's start-up notes out of the output; it is imported only where needed.

    A worker of a parallel run gets all kinds of tests, and imports it all at once, before coverage
    begins and makes that half as slow again.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if hasattr(config, "workerinput"):
        for name in HEAVY:
            importlib.import_module(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; `make test` hands files out in this order."""
    places = {ROOT / name: place for place, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


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
