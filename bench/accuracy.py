"""What each recipe reaches beside what others report of it, from finished run folders.

    python -m bench.accuracy RUNS

RUNS holds run folders. Runs that differ by their seed alone are one row. Nothing is fitted or
measured here: validation figures are those of `calibration.json`, test figures those that
`python -m training evaluate` recorded. What is found is put beside what `bench/accuracy.json` has
of runs that were elsewhere or are gone; a run with the same seed takes the place of the one before,
and the longest of several shortened schedules that of the others.
The table goes to `bench/accuracy.md`.
"""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict, TypeAdapter
from rich.console import Console

from training.evaluate import recorded_evaluation
from training.fit import build_model, count
from training.recipes import Reported, all_recipes, reported
from training.run import Run

RESULTS = Path(__file__).with_name("accuracy.json")
# Points that are worth a sentence: several times the spread of 5,000 images and of seeds.
CONTRADICTS = 0.03

# Why ours differ, by the beginning of a recipe's name, where more than the schedule does; written
# after looking at the runs.
REASONS: dict[str, str] = {
    "cnn-base": (
        "It learns its training images by heart: ours was right on 97.7 % of them at the end, "
        "and best on validation after 12 of 25 epochs (65.0 %). What the study held back is not "
        "known here."
    ),
    "mlp-sgd-relu-3": (
        "It learns its training images by heart too: right on 81.0 % of them at the end, and best "
        "on validation after 38 of 50 epochs (54.7 %)."
    ),
}


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Result(_Kept):
    """What the run with one seed came to: accuracies in 0..1, epochs done, seconds."""

    seed: int
    validation: float | None
    test: float | None
    epochs: int
    seconds: float


class Row(_Kept):
    """Runs of one recipe that differ by their seed.

    `recipe_sha256` is of the whole recipe, so that two versions of one name are two rows; it is
    empty for runs that were written down without it. A recipe that is `former` has changed since,
    or is gone.
    """

    recipe: str
    recipe_sha256: str
    family: str
    data: str
    epochs: int
    planned_epochs: int | None
    fitted_on: str
    began_with: str | None
    machine: str
    parameters: int
    results: tuple[Result, ...]
    former: bool = False

    @property
    def identity(self) -> tuple[str, ...]:
        """What two rows must share to be one."""
        return (self.family, self.recipe, self.fitted_on, self.began_with or "",
                f"{self.epochs:05}", self.recipe_sha256, self.machine)  # fmt: skip

    @property
    def subject(self) -> tuple[str, str, str | None]:
        """What rows share that differ by their schedule, or by where they were fitted."""
        return (self.recipe, self.fitted_on, self.began_with)

    @property
    def validation(self) -> tuple[float, ...]:
        """The accuracy of each seed on validation, where there is one."""
        return tuple(one.validation for one in self.results if one.validation is not None)

    @property
    def test(self) -> tuple[float, ...]:
        """The accuracy of each seed on test, where it was measured."""
        return tuple(one.test for one in self.results if one.test is not None)

    def with_results_of(self, other: "Row") -> "Row":
        """Both rows' results; of the same seed, the other's."""
        found = {one.seed: one for one in (*self.results, *other.results)}
        return self.model_copy(update={"results": tuple(found[seed] for seed in sorted(found))})


ROWS = TypeAdapter(tuple[Row, ...])


def main(
    runs: Annotated[Path, typer.Argument(help="A folder of run folders.", exists=True)],
    *,
    results: Annotated[Path, typer.Option(help="Where the rows are kept.")] = RESULTS,
) -> None:
    """Gather, put beside what is kept, and write the table beside that file."""
    kept = ROWS.validate_json(results.read_bytes()) if results.is_file() else ()
    rows = merged(kept, gather(runs))
    results.write_bytes(ROWS.dump_json(rows, indent=1) + b"\n")
    out = results.with_suffix(".md")
    out.write_text(page(rows), encoding="utf-8")
    Console().print(f"Written: {out}, {len(rows)} rows")


def merged(kept: Iterable[Row], found: Iterable[Row]) -> tuple[Row, ...]:
    """All rows, by family, recipe and schedule; of the same seed what was found last.

    Of a recipe's shortened schedules only the longest stays.
    """
    rows: dict[tuple[str, ...], Row] = {}
    for row in (*kept, *found):
        known = rows.get(row.identity)
        rows[row.identity] = known.with_results_of(row) if known else row
    shortened = [row for row in rows.values() if row.planned_epochs]
    longest: dict[tuple[str, str, str | None], int] = {}
    for row in shortened:
        longest[row.subject] = max(row.epochs, longest.get(row.subject, 0))
    for row in shortened:
        if row.epochs < longest[row.subject]:
            del rows[row.identity]
    return tuple(rows[identity] for identity in sorted(rows))


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
    config, recipe = runs[0].config, runs[0].config.recipe
    return Row(
        recipe=recipe.name,
        recipe_sha256=hashlib.sha256(recipe.model_dump_json().encode()).hexdigest(),
        family=recipe.family,
        data=recipe.data_name,
        epochs=recipe.fit.epochs,
        planned_epochs=recipe.fit.planned_epochs,
        fitted_on=config.fitted_on,
        began_with=config.beginning.recipe if config.beginning else None,
        machine=str(runs[0].read("environment.json")["device"]),
        parameters=_parameters(runs[0]),
        results=tuple(_result(run) for run in runs),
    )


def _result(run: Run) -> Result:
    evaluation, epochs = recorded_evaluation(run), run.history()
    calibrated = (run.folder / "calibration.json").is_file()
    return Result(
        seed=run.config.seed,
        validation=float(run.read("calibration.json")["accuracy"]) if calibrated else None,
        test=evaluation.accuracy if evaluation else None,
        epochs=len(epochs),
        seconds=sum(epoch["seconds"] for epoch in epochs),
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
            "are not those of the whole recipe; fewer in brackets is an early stop. A recipe as it "
            "was has changed since, or is gone."
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
    seconds = mean(one.seconds for one in row.results)
    cells = (
        _name(row),
        _reported(reported(row.recipe), row.data),
        _mean(row.validation),
        _mean(row.test),
        str(len(row.results)),
        f"{row.parameters:,}",
        _epochs(row),
        f"{seconds / 60:.1f} min" if row.epochs else "–",
        str(machines.index(row.machine) + 1),
    )
    return f"| {' | '.join(cells)} |"


def _name(row: Row) -> str:
    said = [f"`{row.recipe}`"]
    if row.began_with:
        said.append(f"after `{row.began_with}`")
    if row.fitted_on == "all":
        said.append("all images")
    if row.former:
        said.append("as it was")
    return ", ".join(said)


def _reported(found: Reported | None, data: str) -> str:
    if found is None or found.accuracy is None:
        return "–"
    other = f" of {found.data}" if found.data != data else ""
    return f"{_mean((found.accuracy,))} {found.split}{other} ({found.source})"


def _mean(shares: tuple[float, ...]) -> str:
    if not shares:
        return "–"
    spread = f" ± {100 * stdev(shares):.2f}" if len(shares) > 1 else ""
    return f"{100 * mean(shares):.2f}{spread} %"


def _epochs(row: Row) -> str:
    if not row.epochs:
        return "head alone"
    done = [one.epochs for one in row.results]
    planned = f" of {row.planned_epochs}" if row.planned_epochs else ""
    stopped = "" if min(done) == row.epochs else f" ({mean(done):.0f} done)"
    return f"{row.epochs}{planned}{stopped}"


def contradictions(row: Row) -> Iterable[str]:
    """A sentence if ours is far from what is reported of the same split of the same data.

    Fewer epochs than planned that reach less contradict nothing.
    """
    found = reported(row.recipe)
    if found is None or found.accuracy is None or found.data != row.data:
        return
    ours = row.test if found.split == "test" else row.validation
    if not ours or abs(mean(ours) - found.accuracy) < CONTRADICTS:
        return
    if row.epochs < (row.planned_epochs or 0) and mean(ours) < found.accuracy:
        return
    difference, theirs = 100 * (mean(ours) - found.accuracy), _mean((found.accuracy,))
    yield (
        f"`{row.recipe}`: {_mean(ours)} on {found.split} here, {theirs} by the "
        f"{found.source}, {abs(difference):.1f} points "
        f"{'more' if difference > 0 else 'less'}. {_why(row)}"
    )


def _why(row: Row) -> str:
    reasons = [reason for start, reason in REASONS.items() if row.recipe.startswith(start)]
    if row.planned_epochs:
        reasons.append(f"Ours had {row.epochs} of {row.planned_epochs} epochs.")
    return " ".join(reasons) or "What is reported does not say enough to tell why."


if __name__ == "__main__":
    typer.run(main)
