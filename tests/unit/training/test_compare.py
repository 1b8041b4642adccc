from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.colours import TINY, colours
from training.__main__ import main
from training.compare import comparison_table, differing_settings, figures_of, read_runs
from training.errors import RunError
from training.recipe import Recipe
from training.run import Run, RunConfig


def write(folder: Path, recipe: Recipe, *, accuracy: float, seed: int = 0) -> Path:
    """Write a run as a fit leaves it, without weights."""
    run = Run.start(folder, RunConfig(recipe=recipe, seed=seed))
    run.write("data.json", {"name": "colours", "sha256": "d" * 64, "train": 200, "validation": 40})
    run.write("model.json", {"parameters": 1234, "total": 1250})
    run.write("calibration.json", {"temperature": 1.0, "accuracy": accuracy})
    run.write_history(
        [{"epoch": e, "seconds": 30.0, "val_accuracy": accuracy * e / 3} for e in (1, 2, 3)]
    )
    run.weights.touch()
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    colours()
    smooth = TINY.model_copy(
        update={"fit": TINY.fit.model_copy(update={"label_smoothing": 0.1, "batch_size": 40})}
    )
    return [
        write(tmp_path / "plain", TINY, accuracy=0.75),
        write(tmp_path / "smooth", smooth, accuracy=0.875, seed=1),
    ]


def test_runs_stand_side_by_side_with_the_settings_in_which_they_differ(
    folders: list[Path],
) -> None:
    compared = read_runs(folders)
    assert differing_settings(compared) == {
        "fit.batch_size": ("20", "40"),
        "fit.label_smoothing": ("0.0", "0.1"),
    }
    figures = figures_of(compared)
    assert figures["validation accuracy"] == ("75.00 %", "87.50 %")
    assert figures["epochs"] == ("3 of 3, kept 3",) * 2
    assert figures["test accuracy"] == ("–", "–")
    shown = io.StringIO()
    Console(file=shown, width=120).print(comparison_table(compared))
    for expected in ("plain", "smooth", "87.50 %", "fit.label_smoothing", "1,234"):
        assert expected in shown.getvalue()
    assert "different images" not in shown.getvalue()


def test_runs_on_other_images_are_told_apart(folders: list[Path]) -> None:
    run = Run.open(folders[1])
    run.write("data.json", {**run.read("data.json"), "sha256": "e" * 64})
    caption = comparison_table(read_runs(folders)).caption
    assert "They were fitted on different images" in str(caption)


def test_programs_get_all_of_it_and_people_a_page(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = folders[0].parent / "pages" / "comparison.html"
    arguments = ["compare", *map(str, folders), "--json", "--html", str(page)]
    monkeypatch.setattr(sys, "argv", ["training", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["recipe"], first["seed"], first["validation"]) == ("colours-tiny", 0, 0.75)
    assert second["settings"]["fit.label_smoothing"] == "0.1"
    text = page.read_text("utf-8")
    for expected in ("87,50", "fit.batch_size", "data:image/svg+xml", 'lang="es-CL"'):
        assert expected in text
    assert "http" not in text.replace("http://www.w3.org", "")


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no run folder"):
        read_runs([tmp_path])
