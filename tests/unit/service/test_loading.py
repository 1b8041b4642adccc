"""Which bundle is served."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.bundles import Bundle, find_bundles
from service.errors import BundleError
from service.loading import choose_bundle, wanted_bundles
from service.settings import Settings
from tests.bundles import write_bundle


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, ...]:
    folder = tmp_path_factory.mktemp("bundles")
    for name, version in (("a", "9"), ("a", "10"), ("b", "1")):
        write_bundle(folder, name=name, version=version, height=2, width=2)
    return find_bundles(folder)


@pytest.mark.parametrize(("asked", "served"), [("a", "a/10"), ("a/9", "a/9"), ("b", "b/1")])
def test_a_name_means_its_newest_version(
    bundles: tuple[Bundle, ...], asked: str, served: str
) -> None:
    manifest = choose_bundle(bundles, Settings(model=asked)).manifest
    assert f"{manifest.name}/{manifest.version}" == served


def test_the_only_name_needs_not_be_named(bundles: tuple[Bundle, ...]) -> None:
    assert choose_bundle(bundles[:2], Settings()).manifest.version == "10"


@pytest.mark.parametrize(
    ("count", "asked", "told"),
    [(3, "", "ROTULO_MODEL"), (3, "c", "a/10"), (0, "", "ROTULO_BUNDLES")],
)
def test_a_choice_that_is_none_is_told_with_what_to_do(
    bundles: tuple[Bundle, ...], count: int, asked: str, told: str
) -> None:
    settings = Settings(model=asked, bundles=Path("somewhere"))
    with pytest.raises(BundleError, match=told):
        choose_bundle(bundles[:count], settings)


@pytest.mark.parametrize(
    ("model", "models", "default", "served"),
    [
        ("a", "", "a/10", ["a/10", "b/1"]),
        ("a/9", "", "a/9", ["a/9", "b/1"]),
        ("b", "a/9, a/10", "b/1", ["a/9", "a/10", "b/1"]),
        ("a", "a", "a/10", ["a/10"]),
        ("a/9", "a", "a/9", ["a/9", "a/10"]),
    ],
)
def test_beside_the_default_the_newest_of_each_name_is_served_or_what_is_named(
    bundles: tuple[Bundle, ...], model: str, models: str, default: str, served: list[str]
) -> None:
    folder = bundles[0].path.parents[1]
    settings = Settings.model_validate({"bundles": folder, "model": model, "models": models})
    wanted = wanted_bundles(settings)
    assert "/".join(wanted.default.manifest.ref) == default
    assert ["/".join(bundle.manifest.ref) for bundle in wanted.bundles] == served


@pytest.mark.parametrize(
    ("given", "told"),
    [({"models": "c"}, "no bundle c "), ({"max_models": 1}, "ROTULO_MAX_MODELS")],
)
def test_what_cannot_be_served_is_told_with_what_to_do(
    bundles: tuple[Bundle, ...], given: dict[str, object], told: str
) -> None:
    folder = bundles[0].path.parents[1]
    settings = Settings.model_validate({"bundles": folder, "model": "a", **given})
    with pytest.raises(BundleError, match=told):
        wanted_bundles(settings)


@pytest.mark.parametrize("models", ["a b", "../a", "a/b/c"])
def test_a_bundle_that_cannot_be_named_so_is_refused(models: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"models": models})
