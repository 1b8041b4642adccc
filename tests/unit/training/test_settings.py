from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from training.settings import TrainingSettings


def test_folders_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "CACHE", "RUNS"):
        monkeypatch.setenv(f"ROTULO_{name}_DIR", name.lower())
    settings = TrainingSettings()
    assert settings.data_dir == Path("data")
    assert (settings.cache_dir, settings.runs_dir) == (Path("cache"), Path("runs"))


def test_without_a_local_copy_data_is_fetched_into_the_users_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DATA", "CACHE", "RUNS"):
        monkeypatch.delenv(f"ROTULO_{name}_DIR", raising=False)
    settings = TrainingSettings()
    assert settings.data_dir is None
    assert settings.cache_dir == Path.home() / ".cache" / "rotulo"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(TrainingSettings(), "data_dir", Path())  # noqa: B010 - mypy knows that it is frozen
