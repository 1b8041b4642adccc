"""The same pictures in every kind of source, and what an undisturbed run says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.archives import write_folder, write_parquet, write_tar


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `photos/`, `all.tar`, `all.tar.gz`, `all.parquet`."""
    folder = tmp_path_factory.mktemp("sources")
    write_folder(folder / "photos")
    write_tar(folder / "all.tar")
    write_tar(folder / "all.tar.gz")
    write_parquet(folder / "all.parquet")
    return folder
