"""The command line of export: options, exit codes, and that test is looked at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from export.__main__ import main
from service.bundles import load_bundle
from tests.runs import NAME, TEST, write_many_colours, write_random_weights, write_run
from training.data import Split
from training.run import Run
from training.settings import TrainingSettings

TITLES = ("--title-es", "Colores", "--title-en", "Colours")
Command = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, validation: Split) -> Run:
    return write_run(tmp_path / "run", validation=validation)


@pytest.fixture
def command(
    tmp_path: Path, many: TrainingSettings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Return the command on the run and `tmp_path/out`; what it answers with is its exit code."""
    monkeypatch.setenv("ROTULO_DATA_DIR", str(many.data_dir))

    def call(*options: str, folder: Path = run.folder) -> int:
        arguments = [str(folder), "--out", str(tmp_path / "out"), *TITLES, *options]
        monkeypatch.setattr(sys, "argv", ["export", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0)

    return call


def test_the_file_that_ships_is_measured_once(
    command: Command,
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert command("--json") == 0
    answer = json.loads(capsys.readouterr().out)
    bundle = load_bundle(tmp_path / "out" / NAME / "1")
    assert answer["bundle"] == str(bundle.path)
    assert answer["sha256"] == bundle.manifest.model_sha256
    assert answer["parity"]["images"] == 2000
    recorded = run.read("evaluation.json")
    assert (recorded["sha256"], recorded["n"]) == (bundle.manifest.model_sha256, TEST)
    accuracy = bundle.manifest.figures[0]
    assert (accuracy.name, accuracy.split) == ("accuracy", "test")
    assert accuracy.value == recorded["accuracy"]

    # The same file again needs no test images at all.
    without = write_many_colours(tmp_path / "data").data_dir
    assert without is not None
    (without / NAME / "test.parquet").unlink()
    monkeypatch.setenv("ROTULO_DATA_DIR", str(without))
    assert command("--version", "2") == 0
    assert load_bundle(tmp_path / "out" / NAME / "2").manifest.figures[0] == accuracy


def test_another_file_of_the_run_is_not_measured_unless_it_is_deliberate(
    command: Command, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command() == 0
    first = run.read("evaluation.json")
    write_random_weights(run, seed=9)
    assert command("--version", "2") == 1
    assert "--evaluate-again" in capsys.readouterr().err
    assert not (tmp_path / "out" / NAME / "2").exists()
    assert run.read("evaluation.json") == first

    assert command("--version", "2", "--no-evaluate") == 0
    assert run.read("evaluation.json") == first
    assert command("--version", "3", "--evaluate-again") == 0
    assert run.read("evaluation.json")["sha256"] != first["sha256"]


def test_a_run_fitted_on_all_images_takes_its_siblings_calibration(
    command: Command, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    final = write_run(tmp_path / "final", seed=1, fitted_on="all")
    assert command("--no-evaluate", folder=final.folder) == 1
    assert "--calibration-from" in capsys.readouterr().err
    sibling = ("--calibration-from", str(run.folder))
    assert command("--no-evaluate", *sibling, folder=final.folder) == 0
    manifest = load_bundle(tmp_path / "out" / NAME / "1").manifest
    assert manifest.temperature == run.read("calibration.json")["temperature"]
    assert "sibling" in manifest.abstention.split


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        pytest.param(("--name", "../up"), 2, "--name", id="name"),
        pytest.param(("--version", "no good"), 2, "--version", id="version"),
        pytest.param(("--filter", "sharp"), 2, "--filter", id="filter"),
        pytest.param(("--calibration-from", "nowhere"), 1, "no run folder", id="sibling"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(
    command: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    assert command(*options) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_run_is_named(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(folder=tmp_path) == 1
    assert "no run folder" in capsys.readouterr().err


def test_a_place_that_is_taken_is_refused_and_replaced_on_demand(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--no-evaluate") == 0
    assert command("--no-evaluate") == 1
    assert "--replace" in capsys.readouterr().err
    assert command("--replace", "--resize", "stretch", "--no-evaluate") == 0
    assert load_bundle(tmp_path / "out" / NAME / "1").manifest.input.resize == "stretch"
