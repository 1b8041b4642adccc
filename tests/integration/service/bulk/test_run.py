"""Whole runs, with the steps of every engine in the test's own process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from service.bulk.errors import (
    NothingToLabel,
    PlanDiffers,
    SourceChanged,
    SourceUnreadable,
    TargetBusy,
    TargetExists,
    TargetUnwritable,
    UnknownFormat,
)
from service.bulk.ledger import PARTIAL
from service.bulk.stores import LocalStore
from tests.archives import BAD, IMAGES, write_folder, write_tar
from tests.bulking import InlineEngine, bulk, read_rows

WHERE = ("file", "member", "row")


class Stop(Exception):
    """A run is ended here, as by Ctrl-C."""


def stop_after(parts: int) -> InlineEngine:
    left = iter(range(parts))

    def count() -> None:
        if next(left, None) is None:
            raise Stop

    return InlineEngine(count)


def said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in WHERE}


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_every_kind_of_source_gives_the_same_rows_in_every_format(
    sources: Path, bundles: Path, tmp_path: Path, suffix: str
) -> None:
    """The folder comes first by its name; of the others each row tells file, member and place."""
    target = tmp_path / f"labels.{suffix}"
    summary = bulk(sources, target, bundles)
    rows = read_rows(target)
    count = len(IMAGES)
    parquet, tar, gz, folder = (rows[n * count : (n + 1) * count] for n in range(4))
    assert len(rows) == summary.images == 4 * count
    assert summary.failed == {
        "undecodable-image": 4, "unsupported-image": 8, "empty-body": 4
    }  # fmt: skip
    plain = [said(row) for row in read_rows(reference(sources, bundles, tmp_path))]
    assert [said(row) for row in folder] == plain
    assert [said(row) for row in tar] == [said(row) for row in gz] == plain
    assert [said(row) for row in parquet] == plain
    assert [row["file"] for row in folder] == [f"{sources}/photos/{name}" for name in IMAGES]
    assert [row["member"] for row in tar] == [f"photos/{name}" for name in IMAGES]
    assert [row["row"] for row in parquet] == list(range(count))
    assert not Path(f"{target}{PARTIAL}").exists()


def reference(sources: Path, bundles: Path, folder: Path) -> Path:
    target = folder / "reference.jsonl"
    bulk(sources / "photos", target, bundles, part_images=1000)
    return target


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("parts", [0, 1, 7])
def test_a_run_that_stopped_goes_on_and_ends_in_the_same_bytes(
    sources: Path, bundles: Path, tmp_path: Path, suffix: str, parts: int
) -> None:
    whole, resumed = tmp_path / f"whole.{suffix}", tmp_path / f"resumed.{suffix}"
    bulk(sources, whole, bundles)
    with pytest.raises(Stop):
        bulk(sources, resumed, bundles, engine=stop_after(parts))
    assert not resumed.exists()
    summary = bulk(sources, resumed, bundles)
    assert summary.earlier > 0
    assert summary.failed == bulk(sources, whole, bundles, overwrite=True).failed
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_pattern_takes_what_it_matches(sources: Path, bundles: Path, tmp_path: Path) -> None:
    target = tmp_path / "labels.jsonl"
    bulk(f"{sources}/**/noise0[0-4].png", target, bundles)
    assert [Path(row["file"]).name for row in read_rows(target)] == [
        f"noise0{n}.png" for n in range(5)
    ]


def test_hidden_and_other_files_are_passed_over_unless_asked_for(
    bundles: Path, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "in", {"a.png": IMAGES["grey.png"], "b": IMAGES["grey.png"]})
    write_folder(folder / ".cache", {"c.png": b"x"})
    (folder / "._a.png").write_bytes(b"resource fork")
    summary = bulk(folder, tmp_path / "some.jsonl", bundles)
    assert (summary.images, summary.skipped) == (1, 1)
    summary = bulk(folder, tmp_path / "all.jsonl", bundles, all_files=True)
    assert (summary.images, summary.skipped) == (2, 0)


def test_a_name_that_is_no_text_is_still_a_row(bundles: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")).write_bytes(IMAGES["grey.png"])
    target = tmp_path / "labels.parquet"
    bulk(folder, target, bundles)
    (row,) = read_rows(target)
    assert (row["file"], row["error"]) == (f"{folder}/caf\\xe9.png", None)


def test_a_target_that_exists_is_kept_until_told(
    sources: Path, bundles: Path, tmp_path: Path
) -> None:
    target = tmp_path / "labels.csv"
    target.write_text("precious")
    with pytest.raises(TargetExists):
        bulk(sources / "photos", target, bundles)
    with pytest.raises(Stop):
        bulk(sources / "photos", target, bundles, engine=stop_after(1), overwrite=True)
    assert target.read_text() == "precious"
    bulk(sources / "photos", target, bundles, overwrite=True)
    assert len(read_rows(target)) == len(IMAGES)


@pytest.mark.parametrize("change", ["touch", "add", "remove"])
def test_a_source_that_changed_between_runs_is_told(
    bundles: Path, tmp_path: Path, change: str
) -> None:
    folder, target = write_folder(tmp_path / "in"), tmp_path / "labels.jsonl"
    with pytest.raises(Stop):
        bulk(folder, target, bundles, engine=stop_after(2))
    first = folder / next(iter(IMAGES))
    match change:
        case "touch":
            os.utime(first, (1, 1))
        case "add":
            (folder / "0.png").write_bytes(IMAGES["grey.png"])
        case _:
            first.unlink()
    with pytest.raises(SourceChanged) as told:
        bulk(folder, target, bundles)
    name = "0.png" if change == "add" else first.name
    sign = {"touch": "≠", "add": "+", "remove": "-"}[change]
    assert f"{sign} {folder / name}" in str(told.value)
    summary = bulk(folder, target, bundles, restart=True)
    assert (summary.earlier, summary.images) == (0, len(list(folder.iterdir())))


def test_a_run_may_go_on_with_the_files_of_its_beginning(bundles: Path, tmp_path: Path) -> None:
    folder, target = write_folder(tmp_path / "in"), tmp_path / "labels.jsonl"
    with pytest.raises(Stop):
        bulk(folder, target, bundles, engine=stop_after(2))
    (folder / "0.png").write_bytes(IMAGES["grey.png"])
    assert bulk(folder, target, bundles, as_listed=True).images == len(IMAGES)


@pytest.mark.parametrize("how", ["rewritten", "gone"])
def test_a_file_that_changes_before_it_is_read_stops_the_run(
    bundles: Path, tmp_path: Path, how: str
) -> None:
    images = {f"{n:04}.png": IMAGES["grey.png"] for n in range(200)}
    folder, target = write_folder(tmp_path / "in", images), tmp_path / "labels.jsonl"
    last = folder / "0199.png"

    def change() -> None:
        if how == "gone":
            last.unlink(missing_ok=True)
        else:
            last.write_bytes(b"another")

    with pytest.raises(SourceChanged, match=r"0199\.png"):
        bulk(folder, target, bundles, engine=InlineEngine(change))


def test_a_run_with_other_settings_is_not_mixed_with_the_one_that_was_begun(
    sources: Path, bundles: Path, tmp_path: Path
) -> None:
    target = tmp_path / "labels.jsonl"
    with pytest.raises(Stop):
        bulk(sources / "photos", target, bundles, engine=stop_after(1))
    with pytest.raises(PlanDiffers, match="part_images"):
        bulk(sources / "photos", target, bundles, part_images=6)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_target_among_its_sources_is_not_one_of_them(
    bundles: Path, tmp_path: Path, suffix: str
) -> None:
    folder = write_folder(tmp_path / "in")
    target = folder / f"labels.{suffix}"
    with pytest.raises(Stop):
        bulk(folder, target, bundles, engine=stop_after(2))
    assert bulk(folder, target, bundles).earlier > 0
    assert bulk(folder, target, bundles, overwrite=True).images == len(IMAGES)


def test_a_parquet_file_of_something_else_is_passed_over_unless_it_was_asked_for(
    sources: Path, bundles: Path, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "in")
    bulk(sources / "photos", folder / "rows.parquet", bundles)
    assert bulk(folder, tmp_path / "labels.csv", bundles).skipped == 1
    with pytest.raises(SourceUnreadable, match="no column of images"):
        bulk(folder / "rows.parquet", tmp_path / "more.csv", bundles)


def test_a_tar_that_breaks_off_gives_its_images_and_a_row_for_the_rest(
    bundles: Path, tmp_path: Path
) -> None:
    tar = write_tar(tmp_path / "cut.tar", {f"{n}.png": IMAGES["large.jpg"] for n in range(3)})
    tar.write_bytes(tar.read_bytes()[: int(tar.stat().st_size * 0.6)])
    target = tmp_path / "labels.jsonl"
    bulk(tar, target, bundles)
    assert [row["error"] for row in read_rows(target)] == [None, "damaged-archive"]


def test_a_file_that_only_says_parquet_is_one_bad_row(bundles: Path, tmp_path: Path) -> None:
    (tmp_path / "no.parquet").write_bytes(b"PAR1 and nothing else")
    target = tmp_path / "labels.jsonl"
    bulk(tmp_path / "no.parquet", target, bundles)
    assert [row["error"] for row in read_rows(target)] == ["damaged-archive"]


def test_what_cannot_be_done_is_told_before_anything_is_touched(
    sources: Path, bundles: Path, tmp_path: Path
) -> None:
    with pytest.raises(UnknownFormat):
        bulk(sources, tmp_path / "labels.xlsx", bundles)
    with pytest.raises(SourceUnreadable, match="No such file"):
        bulk(tmp_path / "nowhere", tmp_path / "labels.csv", bundles)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToLabel):
        bulk(tmp_path / "empty", tmp_path / "labels.csv", bundles)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TargetUnwritable, match="Not a directory"):
        bulk(sources, tmp_path / "file" / "labels.csv", bundles)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]


def test_two_runs_never_write_one_target(sources: Path, bundles: Path, tmp_path: Path) -> None:
    target = tmp_path / "labels.csv"
    with LocalStore().hold(f"{target}{PARTIAL}"), pytest.raises(TargetBusy):
        bulk(sources / "photos", target, bundles)


def test_bad_images_are_rows_with_the_words_of_the_service(
    sources: Path, bundles: Path, tmp_path: Path
) -> None:
    target = tmp_path / "labels.csv"
    bulk(sources / "photos", target, bundles)
    bad = {Path(row["file"]).name: row for row in read_rows(target) if row["error"]}
    assert bad.keys() == BAD.keys()
    assert bad["cut.png"]["error_es"] == "La imagen (image/png) está dañada o incompleta."
    assert bad["empty.gif"]["error_en"] == "Not one byte of an image arrived."
    assert {row["label"] for row in bad.values()} == {None}
