from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.colours import NARROW, TINY
from training.errors import RunError
from training.run import Run, RunConfig, commit, versions, write_atomically

CONFIG = RunConfig(recipe=TINY, seed=3)


def test_a_run_is_opened_as_what_it_was_started_as(tmp_path: Path) -> None:
    Run.start(tmp_path / "deep" / "run", CONFIG)
    assert Run.open(tmp_path / "deep" / "run").config == CONFIG


def test_the_same_run_may_be_started_again(tmp_path: Path) -> None:
    Run.start(tmp_path, CONFIG).write("calibration.json", {"temperature": 1.5})
    assert Run.start(tmp_path, CONFIG).read("calibration.json") == {"temperature": 1.5}


@pytest.mark.parametrize(
    "other",
    [
        RunConfig(recipe=NARROW, seed=3),
        RunConfig(recipe=TINY, seed=4),
        RunConfig(recipe=TINY, seed=3, fitted_on="all"),
    ],
    ids=["recipe", "seed", "images"],
)
def test_a_folder_of_another_run_is_left_alone(tmp_path: Path, other: RunConfig) -> None:
    Run.start(tmp_path, CONFIG)
    with pytest.raises(RunError, match="holds another run; name another folder with --run"):
        Run.start(tmp_path, other)
    assert Run.open(tmp_path).config == CONFIG


def test_epochs_are_counted_through_all_the_runs_that_a_run_goes_back_to(tmp_path: Path) -> None:
    first = Run.start(tmp_path / "first", CONFIG)
    first.weights.write_bytes(b"weights")
    then = CONFIG.model_copy(update={"beginning": first.as_beginning()})
    second = Run.start(tmp_path / "second", then)
    second.weights.write_bytes(b"better weights")
    epochs = CONFIG.recipe.fit.epochs
    assert epochs > 0
    assert (first.epochs, second.epochs) == (epochs, 2 * epochs)
    assert second.as_beginning().epochs == 2 * epochs


def test_a_folder_without_a_recipe_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is no run folder: it has no recipe\.json"):
        Run.open(tmp_path)


@pytest.mark.parametrize("content", ["{", '{"seed": 1}'])
def test_a_recipe_that_cannot_be_understood_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "recipe.json").write_text(content)
    with pytest.raises(RunError, match=r"recipe\.json is no recipe of this version"):
        Run.open(tmp_path)


def test_what_is_not_there_yet_is_named(tmp_path: Path) -> None:
    run = Run.start(tmp_path, CONFIG)
    with pytest.raises(RunError, match=r"has no evaluation\.json yet"):
        run.read("evaluation.json")
    with pytest.raises(RunError, match="is not finished; run its fit again: it goes on"):
        run.require_finished()
    assert run.history() == []


def test_history_comes_back_in_order(tmp_path: Path) -> None:
    run = Run.start(tmp_path, CONFIG)
    epochs = [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.25}]
    run.write_history(epochs)
    assert run.history() == epochs
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 2


def test_text_is_written_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text("old")
    write_atomically(path, json.dumps("avión", ensure_ascii=False))
    assert json.loads(path.read_bytes()) == "avión"
    assert [found.name for found in tmp_path.iterdir()] == ["names.json"]


def test_the_old_text_stays_when_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "old"


def test_the_versions_that_decide_numbers_are_noted() -> None:
    assert {"keras", "numpy", "pillow"} <= versions().keys()
    assert all(version[0].isdigit() for version in versions().values())


def test_the_commit_is_that_of_the_code_and_says_when_it_was_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        command = ["git", *identity, *arguments]
        finished = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return finished.stdout.strip()

    git("init")
    (tmp_path / "code.py").write_text("one\n")
    git("add", "code.py")
    git("commit", "-m", "one")
    assert commit(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "code.py").write_text("two\n")
    assert commit(tmp_path) == f"{git('rev-parse', 'HEAD')}-dirty"


def test_outside_of_git_the_commit_is_unknown(tmp_path: Path) -> None:
    assert commit(tmp_path) == "unknown"
