"""The command line without a fit; with one it runs in tests/integration/training."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.colours import TINY, colours, write_colours
from training.__main__ import main
from training.run import Run, RunConfig


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Return the exit code of `python -m training` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["training", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_recipes_are_listed_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "list") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("airbench94", "resnet20", "tiny"))


def test_a_family_is_listed_with_what_others_report_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "list", "densenet", "--json") == 0
    names = [recipe["name"] for recipe in json.loads(capsys.readouterr().out)]
    assert names == ["densenet-c03", "densenet-c05", "densenet-c07"]
    assert run(monkeypatch, "list", "densenet") == 0
    shown = capsys.readouterr().out
    assert "0.6934 validation, fer2013" in shown
    assert "airbench" not in shown


def test_augmentation_is_drawn_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROTULO_DATA_DIR", str(write_colours(tmp_path)))
    picture = tmp_path / "pictures" / "varied.png"
    arguments = ("augmentations", "cnn-improved", "--data", "colours", "--out", str(picture))
    assert run(monkeypatch, *arguments, "--images", "3") == 0
    assert "un giro de hasta 15°" in " ".join(capsys.readouterr().out.split())
    with Image.open(picture) as drawn:
        # Images of 16 pixels six times as large, eight beside and three below each other.
        assert drawn.size == (6 * (8 * 18 - 2), 6 * (3 * 18 - 2))
    assert run(monkeypatch, *arguments, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"picture": str(picture)}


def test_listing_recipes_does_not_wait_for_tensorflow(root: Path) -> None:
    program = (
        "import runpy, sys; sys.argv = ['training', 'list', '--json']\n"
        "try: runpy.run_module('training', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=root, check=True, capture_output=True, text=True
    )
    recipes, loaded = finished.stdout.splitlines()
    assert "airbench94" in {recipe["name"] for recipe in json.loads(recipes)}
    assert "pydantic" in loaded.split()
    assert {"tensorflow", "keras", "matplotlib", "sklearn"}.isdisjoint(loaded.split())


def test_a_data_set_is_checked_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROTULO_DATA_DIR", str(write_colours(tmp_path)))
    assert run(monkeypatch, "data", "colours", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "name": "colours",
        "sha256": colours().train_sha256,
        "classes": {
            name: {"train": 50, "validation": 10} for name in ("red", "green", "blue", "yellow")
        },
    }
    assert run(monkeypatch, "data", "colours") == 0
    shown = capsys.readouterr().out
    assert "yellow" in shown
    assert colours().train_sha256[:16] in shown


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("data", "colours"), "is missing"),
        (("data", "mnist"), "is no known data set"),
        (("fit", "alexnet3000"), "there is no recipe 'alexnet3000'"),
        (("list", "transformers"), "there is no family 'transformers'"),
        (("grid", "transformers"), "there is no family 'transformers'"),
        (("fit", "tiny", "--from-scratch"), "has no weights of keras.applications"),
        (("augmentations", "tiny", "--out", "a.png"), "is missing"),
        (("evaluate", "nowhere"), "is no run folder"),
        (("report", "nowhere"), "is no run folder"),
    ],
)
def test_what_cannot_be_done_ends_as_one_line_and_exit_code_1(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    colours()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROTULO_DATA_DIR", str(tmp_path))
    assert run(monkeypatch, *arguments) == 1
    told = capsys.readouterr()
    assert expected in told.err
    assert "Traceback" not in told.err
    assert told.out == ""


def test_a_run_that_is_not_finished_cannot_be_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Run.start(tmp_path / "run", RunConfig(recipe=TINY))
    assert run(monkeypatch, "evaluate", str(tmp_path / "run")) == 1
    assert "is not finished; run its fit again" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("guess",),
        ("fit",),
        ("fit", "tiny", "--epochs", "0"),
        ("fit", "tiny", "--on", "test"),
        ("fit", "tiny", "--seed", "-1"),
        ("familiarity", "run", "--others", "pictures"),
    ],
)
def test_what_was_not_understood_ends_with_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert "Usage" in capsys.readouterr().err


def test_a_probe_without_pictures_of_other_things_was_not_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Run.start(tmp_path / "run", RunConfig(recipe=TINY))
    assert run(monkeypatch, "familiarity", str(tmp_path / "run"), "--method", "outliers") == 2
    assert "--others" in capsys.readouterr().err


def test_fewer_epochs_are_part_of_what_a_run_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of another length has another schedule: it cannot go on in the same folder."""
    folder = tmp_path / "run"
    monkeypatch.setenv("ROTULO_DATA_DIR", str(tmp_path / "nowhere"))
    assert run(monkeypatch, "fit", "tiny", "--run", str(folder), "--epochs", "1") == 1
    assert "is missing" in capsys.readouterr().err
    assert Run.open(folder).config.recipe.fit.epochs == 1
    assert run(monkeypatch, "fit", "tiny", "--run", str(folder), "--epochs", "2") == 1
    assert "holds another run" in capsys.readouterr().err
