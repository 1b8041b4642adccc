"""What the service counted of people's corrections is what training reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.contract import Manifest
from service.feedback.summary import Count, summarise
from tests.bundles import manifest_of
from training.disagreement import read_told
from training.errors import RunError

COUNTS: tuple[Count, ...] = (
    ("linear", "1", "cat", "cat", 6),
    ("linear", "1", "cat", "dog", 3),
    ("linear", "1", "cat", None, 1),
    ("linear", "1", "ship", "ship", 5),
    ("linear", "2", "cat", "dog", 9),
)


@pytest.fixture
def manifest() -> Manifest:
    return manifest_of(b"graph")


def write_summary(folder: Path, counts: tuple[Count, ...] = COUNTS) -> Path:
    path = folder / "corrections.json"
    path.write_text(summarise(counts).model_dump_json(), "utf-8")
    return path


def test_what_is_said_of_the_bundle_is_read_and_nothing_of_another_version(
    tmp_path: Path, manifest: Manifest
) -> None:
    told = read_told(write_summary(tmp_path), manifest)
    assert (told.version, told.corrections) == ("1", 15)
    assert told.disagreement == pytest.approx(4 / 15, abs=1e-6)
    cat, ship = told.classes
    assert (cat.offered, cat.corrections, cat.none, cat.instead) == ("cat", 10, 1, {"dog": 3})
    assert (cat.disagreement, ship.disagreement) == (0.4, 0.0)


def test_a_summary_of_a_later_service_that_says_more_is_read(
    tmp_path: Path, manifest: Manifest
) -> None:
    path = write_summary(tmp_path)
    path.write_text(path.read_text("utf-8").replace('"agreed"', '"new":1,"agreed"'), "utf-8")
    assert read_told(path, manifest).corrections == 15


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no summary"),
        ('{"schema_version":2,"models":[]}', "is no summary"),
        ('{"schema_version":1,"models":[]}', "says nothing of linear/1"),
    ],
)
def test_what_says_nothing_of_the_bundle_is_refused(
    tmp_path: Path, manifest: Manifest, text: str, said: str
) -> None:
    path = tmp_path / "corrections.json"
    path.write_text(text, "utf-8")
    with pytest.raises(RunError, match=said):
        read_told(path, manifest)
    with pytest.raises(RunError, match="is no summary"):
        read_told(tmp_path / "absent.json", manifest)


def test_labels_that_the_bundle_lacks_are_named(tmp_path: Path, manifest: Manifest) -> None:
    path = write_summary(tmp_path, (("linear", "1", "cat", "unicorn", 1),))
    with pytest.raises(RunError, match=r"lacks: \{'unicorn'\}"):
        read_told(path, manifest)


def test_without_a_bundle_nobody_knows_whose_labels_they_are(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="name it by --bundle"):
        read_told(write_summary(tmp_path), None)
