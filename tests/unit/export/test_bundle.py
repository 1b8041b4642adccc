from __future__ import annotations

from pathlib import Path

import pytest

from export.bundle import publish, require_free, workshop
from export.errors import BundleExists, ExportError


def built(bundles: Path, text: str, *, replace: bool = False) -> Path:
    with workshop(bundles, "colours", "1") as folder:
        (folder / "model.onnx").write_text(text)
        return publish(folder, bundles, replace=replace)


def contents(bundles: Path) -> dict[str, str]:
    return {
        str(path.relative_to(bundles)): path.read_text()
        for path in bundles.rglob("*")
        if path.is_file()
    }


def test_a_finished_folder_moves_to_its_place_and_the_workshop_goes(tmp_path: Path) -> None:
    assert built(tmp_path / "new" / "bundles", "one") == tmp_path / "new/bundles/colours/1"
    assert contents(tmp_path) == {"new/bundles/colours/1/model.onnx": "one"}
    assert [entry.name for entry in (tmp_path / "new" / "bundles").iterdir()] == ["colours"]


def test_an_error_while_building_leaves_nothing(tmp_path: Path) -> None:
    def build() -> None:
        with workshop(tmp_path, "colours", "1") as folder:
            (folder / "model.onnx").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        build()
    assert list(tmp_path.iterdir()) == []


def test_the_workshop_is_hidden_from_whoever_lists_bundles(tmp_path: Path) -> None:
    with workshop(tmp_path, "colours", "1") as folder:
        (folder / "manifest.json").write_text("{}")
        assert list(tmp_path.glob("*/*/manifest.json")) == []
        assert all(entry.name.startswith(".") for entry in tmp_path.iterdir())


def test_a_place_that_is_taken_is_kept(tmp_path: Path) -> None:
    built(tmp_path, "one")
    with pytest.raises(BundleExists, match=r"colours/1 exists; .*--version.*--replace"):
        built(tmp_path, "two")
    assert contents(tmp_path) == {"colours/1/model.onnx": "one"}


def test_a_place_that_is_taken_is_replaced_when_asked_for(tmp_path: Path) -> None:
    built(tmp_path, "one")
    built(tmp_path, "two", replace=True)
    assert contents(tmp_path) == {"colours/1/model.onnx": "two"}


def test_what_was_there_comes_back_when_the_move_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second rename, of the new folder into the free place, is the one that fails."""
    place = built(tmp_path, "one")
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if target == place and "replaced" not in path.name:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(ExportError, match="No space left"):
        built(tmp_path, "two", replace=True)
    assert contents(tmp_path) == {"colours/1/model.onnx": "one"}


def test_a_free_place_is_free(tmp_path: Path) -> None:
    require_free(tmp_path, "colours", "1", replace=False)
    assert list(tmp_path.iterdir()) == []


def test_a_target_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ExportError, match=r"file cannot be written to .* --out"),
        workshop(tmp_path / "file", "colours", "1"),
    ):
        pytest.fail("a workshop was opened in a file")
