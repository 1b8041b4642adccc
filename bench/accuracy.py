"""What each recipe reaches beside what others report of it, from finished run folders.

    python -m bench.accuracy RUNS

RUNS holds run folders. Runs that differ by their seed alone are one row. Nothing is fitted or
measured here: validation figures are those of `calibration.json`, test figures those that
`python -m training evaluate` recorded. The table goes to `bench/accuracy.md`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import typer
from rich.console import Console

from training.evaluate import recorded_evaluation
from training.fit import build_model, count
from training.recipe import Recipe
from training.recipes import Reported, all_recipes, reported
from training.run import Run

RESULTS = Path(__file__).with_name("accuracy.md")
# Points that are worth a sentence: several times the spread of 5,000 images and of seeds.
CONTRADICTS = 0.03

# Why ours differ, by the beginning of a recipe's name, where more than the schedule does; written
# after looking at the runs.
REASONS: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Row:
    """Runs of one recipe that differ by their seed: accuracies in 0..1, seconds of each."""

    recipe: Recipe
    fitted_on: str
    began_with: str | None
    machine: str
    parameters: int
    validation: tuple[float, ...]
    test: tuple[float, ...]
    epochs: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def runs(self) -> int:
        """How many seeds there are."""
        return len(self.epochs)


def main(
    runs: Annotated[Path, typer.Argument(help="A folder of run folders.", exists=True)],
    *,
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS,
) -> None:
    """Gather and write the table."""
    rows = tuple(gather(runs))
    out.write_text(page(rows), encoding="utf-8")
    Console().print(f"Written: {out}, {len(rows)} rows")


def gather(folder: Path) -> Iterator[Row]:
    """The finished runs below a folder, by family, recipe and schedule."""
    found = [Run.open(path.parent) for path in sorted(folder.glob("*/recipe.json"))]
    # Also makes what others report of them known.
    known = {recipe.name for recipe in all_recipes()}
    finished = [run for run in found if run.finished and run.config.recipe.name in known]
    for _, same in groupby(sorted(finished, key=_identity), key=_identity):
        yield _row(list(same))


def _identity(run: Run) -> tuple[str, ...]:
    config, recipe = run.config, run.config.recipe
    machine = str(run.read("environment.json")["device"])
    began_with = config.beginning.recipe if config.beginning else ""
    return (recipe.family, recipe.name, config.fitted_on, began_with,
            recipe.model_dump_json(), machine)  # fmt: skip


def _row(runs: list[Run]) -> Row:
    config = runs[0].config
    evaluations = [recorded_evaluation(run) for run in runs]
    return Row(
        recipe=config.recipe,
        fitted_on=config.fitted_on,
        began_with=config.beginning.recipe if config.beginning else None,
        machine=str(runs[0].read("environment.json")["device"]),
        parameters=_parameters(runs[0]),
        validation=tuple(
            float(run.read("calibration.json")["accuracy"])
            for run in runs
            if (run.folder / "calibration.json").is_file()
        ),
        test=tuple(found.accuracy for found in evaluations if found),
        epochs=tuple(len(run.history()) for run in runs),
        seconds=tuple(sum(epoch["seconds"] for epoch in run.history()) for run in runs),
    )


def _parameters(run: Run) -> int:
    """As the run recorded them, or counted anew for a run of an earlier version."""
    if (run.folder / "model.json").is_file():
        return int(run.read("model.json")["parameters"])
    return count(build_model(run.config.recipe))


def page(rows: tuple[Row, ...]) -> str:
    """The document: a table, and a sentence for each contradiction."""
    machines = sorted({row.machine for row in rows})
    lines = [
        "# What each recipe reaches",
        "",
        (
            "Written by `python -m bench.accuracy RUNS` from finished run folders; the machines "
            "were shared with other work, so times say little. Validation is the 5,000 images that "
            "were held back and chose epochs and temperatures; test was measured once a run, by "
            "`python -m training evaluate`. Ours are mean ± standard deviation over n seeds. "
            "`5 of 50` epochs is a schedule shortened in proportion (`--epochs`), whose figures "
            "are not those of the whole recipe; fewer in brackets is an early stop."
        ),
        "",
        "| Recipe | Reported | Validation | Test | n | Parameters | Epochs | Time | Machine |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_line(row, machines) for row in rows),
        "",
        *(f"- Machine {number}: {name}." for number, name in enumerate(machines, start=1)),
    ]
    sentences = [sentence for row in rows for sentence in contradictions(row)]
    if sentences:
        lines += ["", "## Where ours contradicts what is reported", ""]
        lines += [f"- {sentence}" for sentence in sentences]
    return "\n".join(lines) + "\n"


def _line(row: Row, machines: list[str]) -> str:
    cells = (
        _name(row),
        _reported(reported(row.recipe.name), row.recipe),
        _mean(row.validation),
        _mean(row.test),
        str(row.runs),
        f"{row.parameters:,}",
        _epochs(row),
        f"{mean(row.seconds) / 60:.1f} min" if any(row.epochs) else "–",
        str(machines.index(row.machine) + 1),
    )
    return f"| {' | '.join(cells)} |"


def _name(row: Row) -> str:
    said = [f"`{row.recipe.name}`"]
    if row.began_with:
        said.append(f"after `{row.began_with}`")
    if row.fitted_on == "all":
        said.append("all images")
    return ", ".join(said)


def _reported(found: Reported | None, recipe: Recipe) -> str:
    if found is None or found.accuracy is None:
        return "–"
    data = f" of {found.data}" if found.data != recipe.data else ""
    return f"{_mean((found.accuracy,))} {found.split}{data} ({found.source})"


def _mean(shares: tuple[float, ...]) -> str:
    if not shares:
        return "–"
    spread = f" ± {100 * stdev(shares):.2f}" if len(shares) > 1 else ""
    return f"{100 * mean(shares):.2f}{spread} %"


def _epochs(row: Row) -> str:
    fit = row.recipe.fit
    if fit.head and not fit.epochs:
        return "head alone"
    planned = f" of {fit.planned_epochs}" if fit.planned_epochs else ""
    stopped = "" if min(row.epochs) == fit.epochs else f" ({mean(row.epochs):.0f} done)"
    return f"{fit.epochs}{planned}{stopped}"


def contradictions(row: Row) -> Iterable[str]:
    """A sentence if ours is far from what is reported of the same split of the same data.

    Fewer epochs than planned that reach less contradict nothing.
    """
    found = reported(row.recipe.name)
    if found is None or found.accuracy is None or found.data != row.recipe.data:
        return
    ours = row.test if found.split == "test" else row.validation
    if not ours or abs(mean(ours) - found.accuracy) < CONTRADICTS:
        return
    shortened = row.recipe.fit.planned_epochs or 0
    if row.recipe.fit.epochs < shortened and mean(ours) < found.accuracy:
        return
    difference, theirs = 100 * (mean(ours) - found.accuracy), _mean((found.accuracy,))
    yield (
        f"`{row.recipe.name}`: {_mean(ours)} on {found.split} here, {theirs} by the "
        f"{found.source}, {abs(difference):.1f} points "
        f"{'more' if difference > 0 else 'less'}. {_why(row)}"
    )


def _why(row: Row) -> str:
    reasons = [reason for start, reason in REASONS.items() if row.recipe.name.startswith(start)]
    fit = row.recipe.fit
    if fit.planned_epochs:
        reasons.append(f"Ours had {fit.epochs} of {fit.planned_epochs} epochs.")
    return " ".join(reasons) or "What is reported does not say enough to tell why."


if __name__ == "__main__":
    typer.run(main)
