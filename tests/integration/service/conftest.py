"""A tiny real bundle, settings that serve it, and pictures to send."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.settings import Settings
from tests.bundles import write_bundle
from tests.pictures import encode, quarters
from tests.serving import Served, running


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one bundle, `linear/1`, of ten classes."""
    folder = tmp_path_factory.mktemp("bundles")
    write_bundle(folder)
    return folder


@pytest.fixture
def settings(bundles: Path) -> Settings:
    return Settings(bundles=bundles, max_batch=4)


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Served]:
    async with running(settings) as running_service:
        yield running_service


@pytest.fixture(scope="session")
def png() -> bytes:
    return encode(quarters(64, 48), "PNG")
