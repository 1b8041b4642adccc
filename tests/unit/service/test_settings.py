"""One table of settings, by environment and by flag."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings, settings_table, variable


def test_the_environment_sets_and_an_argument_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTULO_MAX_BATCH", "7")
    monkeypatch.setenv("ROTULO_PORT", "1234")
    settings = Settings(port=4321)
    assert (settings.max_batch, settings.port) == (7, 4321)


def test_an_empty_variable_is_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTULO_PORT", "")
    assert Settings().port == 8000


def test_settings_do_not_change() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]  # what mypy forbids too


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTULO_CORS_ORIGINS", "https://a.cl, http://b.cl:8080")
    assert Settings().cors_origins == ("https://a.cl", "http://b.cl:8080")


@pytest.mark.parametrize("origin", ["*", "a.cl", "https://*.a.cl", "https://a.cl/", "ftp://a.cl"])
def test_only_exact_origins_are_taken(origin: str) -> None:
    with pytest.raises(ValidationError, match="origin"):
        Settings(cors_origins=(origin,))


def test_an_upload_that_could_never_be_taken_in_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match="max_bytes_in_flight"):
        Settings(max_bytes_in_flight=1000)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"bundle_identity": "a@b.cl", "bundle_issuer": "https://b.cl"}, "given together"),
        ({"bundle_trusted_root": "root.json", "bundle_issuer": "https://b.cl"}, "given together"),
        (
            {
                "bundle_trusted_root": "root.json",
                "bundle_identity": "a@b.cl",
                "bundle_issuer": "https://b.cl",
                "bundle_public_key": "key.pub",
            },
            "by bundle_public_key or by bundle_identity",
        ),
    ],
)
def test_who_signs_bundles_is_said_whole_and_in_one_way(given: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings.model_validate(given)


def test_every_setting_is_in_the_table_with_a_meaning() -> None:
    rows = [row for row in settings_table().splitlines() if row.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [variable(name) for name in Settings.model_fields]
    assert all(info.description for info in Settings.model_fields.values())


@pytest.mark.parametrize(
    "url", ["corrections.db", "mysql://a:secreta@b/c", "sqlite://", "sqlite:///", "postgresql://"]
)
def test_only_the_databases_that_we_know_are_taken_and_no_password_is_told(url: str) -> None:
    with pytest.raises(ValidationError, match="must begin with sqlite") as refused:
        Settings(feedback_url=url)
    assert "secreta" not in refused.value.errors()[0]["msg"]
    assert "secreta" not in repr(Settings(feedback_url="postgresql://ana:secreta@b/c"))


def test_images_are_stored_only_beside_corrections(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="needs feedback_url"):
        Settings(feedback_images=tmp_path)
