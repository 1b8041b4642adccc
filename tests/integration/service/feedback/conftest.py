"""A database of corrections of either kind, and a service that keeps corrections in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from service.feedback.store import CorrectionStore
from service.settings import Settings
from tests.bundles import write_bundle
from tests.pictures import encode, quarters
from tests.postgres import new_database
from tests.serving import Served, running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the address of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/corrections.db"
    else:
        with new_database(request.getfixturevalue("postgres")) as address:
            yield address


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    write_bundle(folder)
    return folder


@pytest.fixture
def settings(bundles: Path, url: str) -> Settings:
    return Settings(bundles=bundles, feedback_url=url)


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Served]:
    async with running(settings) as running_service:
        yield running_service


@pytest.fixture
def store(settings: Settings) -> Iterator[CorrectionStore]:
    opened = CorrectionStore.of(settings)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def png() -> bytes:
    return encode(quarters(64, 48), "PNG")
