"""A search end to end: killed and taken up again, shared by two processes, fitted in the end."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from PIL import Image

from tests.colours import NARROW, TINY, TRAIN, VALIDATION, colours, know_recipes, write_colours
from tests.postgres import new_database
from training.data import load_splits
from training.errors import RecipeError, RunError
from training.progress import JsonProgress
from training.recipes import find_recipe
from training.run import Run
from training.search import Plan, Searching, _folds, _open_study, _retry, search
from training.search_record import Trials
from training.search_space import space_of
from training.settings import TrainingSettings

EPOCHS, FOLDS, TRIALS = 2, 2, 4
# 200 images for training in two folds, in batches of 20.
STEPS_PER_EPOCH = 5
OVER = ("learning_rate", "label_smoothing")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    """Return settings that find the colours."""
    colours()
    know_recipes()
    folder = write_colours(tmp_path_factory.mktemp("data"))
    # The images that a search must not see are not there to be seen.
    (folder / "colours" / "test.parquet").unlink()
    return TrainingSettings(data_dir=folder, runs_dir=folder / "runs")


def start(
    root: Path, settings: TrainingSettings, folder: Path, *, after: int = 0
) -> subprocess.Popen[str]:
    """Start a process that searches, and that is killed after so many batches."""
    over = [part for name in OVER for part in ("--over", name)]
    return subprocess.Popen(
        [
            sys.executable, "-m", "tests.integration.training.program", "SIGKILL", str(after),
            "search", TINY.name, "--search", str(folder), "--trials", str(TRIALS),
            "--folds", str(FOLDS), "--epochs", str(EPOCHS), "--heartbeat", "10", *over, "--json",
        ],
        cwd=root,
        env={**os.environ, "ROTULO_DATA_DIR": str(settings.data_dir)},
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def age_heartbeats(folder: Path) -> None:
    """Let an hour pass in the store, so that the killed process is known to be dead."""
    with sqlite3.connect(folder / "study.db") as store:
        store.execute("UPDATE trial_heartbeats SET heartbeat = datetime('now', '-1 hour')")


@dataclass(frozen=True, slots=True)
class Shared:
    """A search that was killed in its second epoch and ended by two processes."""

    folder: Path
    plan: Plan
    settings: TrainingSettings
    before: dict[str, float]
    begun: dict[str, Any]
    here: list[int]
    there: list[int]

    @property
    def killed_fold(self) -> Run:
        """The fold that the killed process was at."""
        return Run.open(self.folder / "trials" / "0000" / "fold-0")

    @property
    def study(self) -> optuna.Study:
        """As the store has it in the end."""
        store = f"sqlite:///{self.folder / 'study.db'}"
        return optuna.load_study(study_name=self.folder.name, storage=store)


@pytest.fixture(scope="module")
def shared(
    root: Path, settings: TrainingSettings, tmp_path_factory: pytest.TempPathFactory
) -> Shared:
    """Return what came of it."""
    folder = tmp_path_factory.mktemp("searches") / "search"
    killed = start(root, settings, folder, after=STEPS_PER_EPOCH + 2)
    killed.communicate(timeout=250)
    assert killed.returncode == -signal.SIGKILL
    (before,) = Run.open(folder / "trials" / "0000" / "fold-0").history()
    age_heartbeats(folder)

    other = start(root, settings, folder)
    assert other.stdout is not None
    begun = json.loads(other.stdout.readline())
    here: list[int] = []
    plan = Plan(
        recipe=TINY.model_copy(update={"fit": TINY.fit.lasting(EPOCHS)}), folds=FOLDS, over=OVER
    )
    searching = Searching(folder, plan, heartbeat=10, told=lambda trial: here.append(trial.number))
    policy = keras.mixed_precision.dtype_policy()
    search(searching, settings, TRIALS, lambda _: JsonProgress())
    keras.mixed_precision.set_dtype_policy(policy)
    output, _ = other.communicate(timeout=250)
    assert other.returncode == 0
    events = [json.loads(line) for line in output.splitlines()]
    there = [event["number"] for event in events if event["event"] == "trial"]
    return Shared(folder, plan, settings, before, begun, here, there)


def test_a_killed_search_goes_on_at_the_last_epoch(shared: Shared) -> None:
    assert shared.begun == {"event": "begin", "epochs": EPOCHS, "done": 1, "images": 100}
    # The epoch before the kill was not done again: its measured time is there.
    assert shared.killed_fold.history()[0] == shared.before
    trials = shared.study.trials
    (failed,) = [trial for trial in trials if trial.state == TrialState.FAIL]
    (retried,) = [t for t in trials if t.system_attrs.get("failed_trial") == failed.number]
    assert retried.params == failed.params
    assert retried.state in {TrialState.COMPLETE, TrialState.PRUNED}
    # The recipe's own settings came first.
    assert failed.params["learning_rate"] == TINY.fit.optimiser.learning_rate


def test_two_processes_share_the_trials(shared: Shared) -> None:
    assert shared.here
    assert shared.there
    assert not set(shared.here) & set(shared.there)
    ended = shared.study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    assert len(ended) in {TRIALS, TRIALS + 1}
    assert {trial.number for trial in ended} == {*shared.here, *shared.there}


def test_the_best_settings_are_a_recipe_to_fit(shared: Shared) -> None:
    tried = Trials.of(shared.study).best
    assert tried is not None
    assert tried.accuracy == pytest.approx(np.mean(tried.folds))
    found = find_recipe(str(shared.folder / "best.json"))
    assert (found.name, found.fit.epochs) == ("colours-tiny-searched", EPOCHS)
    rate = float(f"{tried.chosen['learning_rate']:.4g}")
    assert found.fit.optimiser.learning_rate == rate
    record = json.loads((shared.folder / "search.json").read_text())
    assert len(record["trials"]) == len(shared.study.trials)
    with Image.open(shared.folder / "search.png") as picture:
        assert picture.width > picture.height


def test_no_weights_of_trials_fill_the_disk(shared: Shared) -> None:
    assert not [*shared.folder.rglob("*.weights.h5"), *shared.folder.rglob("checkpoints")]
    assert [*shared.folder.rglob("fold.json")]


def test_a_process_that_others_took_for_dead_leaves_them_its_trial_and_goes_on(
    settings: TrainingSettings, tmp_path: Path
) -> None:
    plan = Plan(recipe=TINY.model_copy(update={"fit": TINY.fit.lasting(1)}), folds=2, over=OVER)
    searching = Searching(tmp_path / "search", plan)
    beginnings: list[str] = []

    def shown(label: str) -> JsonProgress:
        beginnings.append(label)
        if len(beginnings) == 1:
            # What Optuna does in another process that finds no heartbeat.
            study = optuna.load_study(
                study_name="search", storage=f"sqlite:///{searching.folder / 'study.db'}"
            )
            (taken,) = study.trials
            study._storage.set_trial_state_values(taken._trial_id, TrialState.FAIL)
            _retry()(study, taken)
        return JsonProgress()

    policy = keras.mixed_precision.dtype_policy()
    search(searching, settings, 1, shown)
    keras.mixed_precision.set_dtype_policy(policy)
    trials = json.loads((searching.folder / "search.json").read_text())["trials"]
    assert [trial["state"] for trial in trials] == ["fail", "complete"]
    assert [label.partition(",")[0] for label in beginnings][-1] == "trial 1"


def test_another_search_does_not_mix_with_it(shared: Shared) -> None:
    other = Searching(shared.folder, shared.plan.model_copy(update={"seed": 1}))
    with pytest.raises(RunError, match="holds another search"):
        search(other, shared.settings, TRIALS, lambda _: JsonProgress())


def test_each_training_image_is_held_back_once_and_validation_never_seen(
    settings: TrainingSettings,
) -> None:
    train = load_splits("colours", settings).train
    folds = _folds(Plan(recipe=TINY, folds=3), train)
    held = np.concatenate([held for _, held in folds])
    assert sorted(held.tolist()) == list(range(TRAIN - VALIDATION))
    for fitted, back in folds:
        assert not set(fitted.tolist()) & set(back.tolist())
        counts = np.bincount(train.labels[back])
        assert counts.max() - counts.min() <= 1
    with pytest.raises(RecipeError, match="60 folds need as many images of each class"):
        _folds(Plan(recipe=TINY, folds=60), train)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_many_machines_share_a_study_in_postgresql(tmp_path: Path, postgres: str) -> None:
    with new_database(postgres) as address:
        space = space_of(NARROW, 100)
        first = Searching(tmp_path / "here" / "wide", Plan(recipe=NARROW), address)
        second = Searching(tmp_path / "there" / "wide", Plan(recipe=NARROW), address)
        opened, joined = _open_study(first, space), _open_study(second, space)
        # Optuna beats for a trial in `Study.optimize` alone, and says so.
        with pytest.warns(UserWarning, match="Heartbeat"):
            drawn = opened.ask()
        assert drawn.suggest_float("learning_rate", space[0].low, space[0].high, log=True) == (
            space[0].own
        )
        assert [trial.number for trial in joined.trials] == [0]
        other = Searching(tmp_path / "wide", Plan(recipe=NARROW, folds=5), address)
        with pytest.raises(RunError, match="holds another search"):
            _open_study(other, space)
        for study in (opened, joined):
            study._storage.remove_session()
            study._storage._backend.engine.dispose()  # type: ignore[attr-defined]


def test_a_store_that_cannot_be_used_is_told_without_its_address(
    settings: TrainingSettings, tmp_path: Path
) -> None:
    address = "nosql://operator:secret@127.0.0.1/study"
    searching = Searching(tmp_path / "search", Plan(recipe=TINY), address)
    with pytest.raises(RunError, match="store cannot be used") as told:
        search(searching, settings, 1, lambda _: JsonProgress())
    assert "secret" not in str(told.value)
