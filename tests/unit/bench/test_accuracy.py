from __future__ import annotations

import shutil
from pathlib import Path

import typer
from typer.testing import CliRunner

from bench.accuracy import contradictions, gather, main, merged, page
from training.recipe import Recipe
from training.recipes import find_recipe
from training.run import Run, RunConfig

app = typer.Typer()
app.command()(main)
MLP = find_recipe("mlp-sgd-relu-1")


def write_finished(
    folder: Path, recipe: Recipe, *, seed: int, validation: float, test: float | None = None
) -> None:
    """Write a run folder as a fit leaves it, without its weights' content."""
    run = Run.start(
        folder / f"{recipe.name}-{recipe.fit.epochs}-{seed}", RunConfig(recipe=recipe, seed=seed)
    )
    run.write("environment.json", {"device": "CPU (abacus, 2 cores)"})
    run.write("model.json", {"parameters": 1_578_506, "total": 1_578_506})
    run.write("calibration.json", {"temperature": 1.0, "accuracy": validation})
    run.write_history([{"epoch": epoch, "seconds": 60.0} for epoch in range(1, 4)])
    run.weights.touch()
    if test is not None:
        run.write("evaluation.json", evaluation(test))


def evaluation(accuracy: float) -> dict[str, object]:
    return {
        "subject": "model.weights.h5",
        "sha256": "0" * 64,
        "conditions": "Keras",
        "n": 10_000,
        "accuracy": accuracy,
        "accuracy_interval": [accuracy, accuracy],
        "top5": 0.9,
        "negative_log_likelihood": 1.0,
        "brier": 0.5,
        "temperature": 1.0,
        "ece_before": 0.1,
        "ece_after": 0.1,
        "per_class": [],
        "confusion": [],
    }


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    return recipe.model_copy(update={"fit": recipe.fit.lasting(epochs)})


def test_seeds_are_one_row_and_schedules_are_not(tmp_path: Path) -> None:
    for seed, accuracy in enumerate((0.50, 0.54)):
        write_finished(tmp_path, shortened(MLP, 3), seed=seed, validation=accuracy, test=accuracy)
    write_finished(tmp_path, shortened(MLP, 5), seed=0, validation=0.56)
    Run.start(tmp_path / "unfinished", RunConfig(recipe=find_recipe("resnet20")))
    three, five = gather(tmp_path)
    assert [len(row.results) for row in (three, five)] == [2, 1]
    table = page((three, five))
    assert (
        "| `mlp-sgd-relu-1` | 54.14 % validation (study) | 52.00 ± 2.83 % | 52.00 ± 2.83 % | 2 | "
        "1,578,506 | 3 of 50 | 3.0 min | 1 |"
    ) in table
    assert "| 56.00 % | – | 1 | 1,578,506 | 5 of 50 (3 done) | 3.0 min | 1 |" in table
    assert "- Machine 1: CPU (abacus, 2 cores)." in table
    assert "contradicts" not in table


def test_of_shortened_schedules_the_longest_stays_whatever_the_machine(tmp_path: Path) -> None:
    for epochs in (3, 5):
        write_finished(tmp_path, shortened(MLP, epochs), seed=0, validation=0.5)
    write_finished(tmp_path, find_recipe("mlp-sgd-relu-2"), seed=0, validation=0.5)
    three, five, whole = gather(tmp_path)
    elsewhere = three.model_copy(update={"machine": "CPU (quipu)"})
    assert merged((elsewhere, three), (five, whole)) == (five, whole)
    assert merged((elsewhere,), ()) == (elsewhere,)


def test_what_contradicts_the_study_gets_a_sentence(tmp_path: Path) -> None:
    write_finished(tmp_path / "whole", MLP, seed=0, validation=0.40)
    (row,) = gather(tmp_path / "whole")
    (sentence,) = contradictions(row)
    assert "40.00 % on validation here, 54.14 % by the study, 14.1 points less" in sentence
    assert sentence in page((row,))


def test_a_shortened_schedule_contradicts_only_by_reaching_more(tmp_path: Path) -> None:
    write_finished(tmp_path / "less", shortened(MLP, 3), seed=0, validation=0.40)
    write_finished(tmp_path / "more", shortened(MLP, 3), seed=0, validation=0.60)
    (less,), (more,) = gather(tmp_path / "less"), gather(tmp_path / "more")
    assert list(contradictions(less)) == []
    (sentence,) = contradictions(more)
    assert "5.9 points more. Ours had 3 of 50 epochs." in sentence


def test_figures_of_other_data_or_of_another_split_contradict_nothing(tmp_path: Path) -> None:
    write_finished(tmp_path, find_recipe("densenet-c05"), seed=0, validation=0.9)
    write_finished(tmp_path, find_recipe("cnn-4"), seed=0, validation=0.1)
    rows = tuple(gather(tmp_path))
    assert [list(contradictions(row)) for row in rows] == [[], []]
    assert "69.09 % validation of fer2013 (study)" in page(rows)


def test_the_command_puts_runs_beside_those_that_are_gone(tmp_path: Path) -> None:
    results = tmp_path / "accuracy.json"

    def written(runs: Path) -> list[str]:
        done = CliRunner().invoke(app, [str(runs), "--results", str(results)])
        assert done.exit_code == 0, done.output
        text = (tmp_path / "accuracy.md").read_text("utf-8")
        assert text.startswith("# What each recipe reaches")
        return [line for line in text.splitlines() if line.startswith("| `")]

    write_finished(tmp_path / "first", MLP, seed=0, validation=0.50)
    assert len(written(tmp_path / "first")) == 1
    write_finished(tmp_path / "second", MLP, seed=1, validation=0.54)
    write_finished(tmp_path / "second", shortened(MLP, 5), seed=0, validation=0.40)
    five, whole = written(tmp_path / "second")
    assert "| 40.00 % | – | 1 |" in five
    assert "| 52.00 ± 2.83 % | – | 2 |" in whole
    assert written(tmp_path / "second") == [five, whole]


def test_a_run_takes_the_place_of_the_one_with_its_seed(tmp_path: Path) -> None:
    for name, accuracy in (("before", 0.50), ("after", 0.60)):
        write_finished(tmp_path / name, MLP, seed=0, validation=accuracy)
    before, after = (gather(tmp_path / name) for name in ("before", "after"))
    (row,) = merged(before, after)
    assert row.validation == (0.60,)


def test_a_run_that_began_with_another_is_a_row_that_says_so(tmp_path: Path) -> None:
    write_finished(tmp_path, MLP, seed=0, validation=0.5)
    source = Run.open(tmp_path / f"{MLP.name}-50-0")
    config = source.config.model_copy(update={"beginning": source.as_beginning()})
    shutil.copytree(source.folder, tmp_path / "after")
    (tmp_path / "after/recipe.json").write_text(config.model_dump_json())
    names = [line.split("|")[1].strip() for line in page(tuple(gather(tmp_path))).splitlines()
             if line.startswith("| `")]  # fmt: skip
    assert sorted(names) == ["`mlp-sgd-relu-1`", "`mlp-sgd-relu-1`, after `mlp-sgd-relu-1`"]


def test_a_run_that_fitted_a_head_alone_has_no_epochs(tmp_path: Path) -> None:
    frozen = find_recipe("efficientnet-lite0-frozen")
    write_finished(tmp_path, frozen, seed=0, validation=0.9)
    (run,) = tmp_path.iterdir()
    Run.open(run).write_history([])
    (line,) = (line for line in page(tuple(gather(tmp_path))).splitlines() if "frozen" in line)
    assert "| 90.00 % | – | 1 | 1,578,506 | head alone | – | 1 |" in line
