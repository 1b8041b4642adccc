"""The command line of training: `python -m training data | list | fit | evaluate | report`.

Exit codes: 0 done, 1 it could not be done and one line says why, 2 the command was not understood,
130 interrupted (a fit goes on when it is asked for again).
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from training.errors import TrainingError
from training.recipe import Recipe
from training.recipes import all_recipes, find_recipe
from training.settings import TrainingSettings

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
console = Console()

Method = Literal["energy", "neighbours", "relative"]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
RunFolder = Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")]


@app.command("list")
def list_recipes(*, as_json: Json = False) -> None:
    """The recipes by family."""
    recipes = all_recipes()
    if as_json:
        print_json([recipe.model_dump(mode="json") for recipe in recipes])
        return
    table = Table("Family", "Recipe", "Epochs", "Batch", "What it is")
    for recipe in recipes:
        epochs, batch = str(recipe.fit.epochs), str(recipe.fit.batch_size)
        table.add_row(recipe.family, recipe.name, epochs, batch, recipe.summary)
    console.print(table)


@app.command()
def data(
    name: Annotated[str, typer.Argument(help="A data set.")] = "cifar10", *, as_json: Json = False
) -> None:
    """Fetch a data set if need be, check it, and count what it holds."""
    from training.data import class_counts, load_splits
    from training.datasets import find_data_set

    splits = load_splits(name, TrainingSettings())
    classes = find_data_set(name).classes
    counts = {
        label.id: {"train": train, "validation": validation}
        for label, train, validation in zip(
            classes,
            class_counts(splits.train, len(classes)),
            class_counts(splits.validation, len(classes)),
            strict=True,
        )
    }
    if as_json:
        print_json({"name": name, "sha256": splits.sha256, "classes": counts})
        return
    table = Table("Class", "Train", "Validation", title=f"{name}  SHA-256 {splits.sha256}")
    for label, count in counts.items():
        table.add_row(label, str(count["train"]), str(count["validation"]))
    console.print(table)


@app.command()
def fit(
    recipe: Annotated[str, typer.Argument(help="A recipe's name; `list` shows them.")],
    *,
    run: Annotated[Path | None, typer.Option(help="The run folder.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Fit for fewer or more epochs than the recipe says.")
    ] = None,
    on: Annotated[
        str, typer.Option(help="`train`, or `all` for the last fit of a settled recipe.")
    ] = "train",
    as_json: Json = False,
) -> None:
    """Fit a recipe, or go on where it was stopped."""
    if on not in {"train", "all"}:
        raise typer.BadParameter("--on takes `train` or `all`")
    chosen = _with_epochs(find_recipe(recipe), epochs)
    from training.fit import fit as fit_run
    from training.progress import BarProgress, JsonProgress
    from training.run import Run, RunConfig

    fitted_on: Literal["train", "all"] = "all" if on == "all" else "train"
    settings = TrainingSettings()
    folder = run or settings.runs_dir / f"{chosen.name}-{fitted_on}-{seed}"
    opened = Run.start(folder, RunConfig(recipe=chosen, seed=seed, fitted_on=fitted_on))
    with JsonProgress() if as_json else BarProgress(console) as progress:
        fit_run(opened, settings, progress)
    if as_json:
        print_json({"event": "end", "run": str(folder)})
    else:
        console.print(f"Finished: {folder}")


@app.command()
def familiarity(
    run: RunFolder,
    *,
    method: Annotated[Method, typer.Option(help="How.")] = "neighbours",
    as_json: Json = False,
) -> None:
    """Teach a finished run to tell pictures of other things; what it is exported with."""
    from training.familiarity import RECORD_FILE, write_familiarity
    from training.fit import splits_of
    from training.run import Run

    opened = Run.open(run)
    write_familiarity(opened, splits_of(opened, TrainingSettings()), method)
    record = opened.read(RECORD_FILE)
    if as_json:
        print_json(record)
    else:
        console.print(
            f"{method}: accepts from {record['accept']:.4g}, reviews from "
            f"{record['review']:.4g}; written to {opened.folder}"
        )


@app.command()
def evaluate(
    run: RunFolder,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Look at test although another file was measured.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure a finished run's Keras model on the test split, once.

    `python -m export` measures the file that ships in the same way.
    """
    from training.evaluate import evaluate as evaluate_run
    from training.evaluate import file_digest
    from training.fit import load_model
    from training.run import Run
    from training.views import logits_of

    opened = Run.open(run)
    model = load_model(opened)
    views = opened.config.recipe.views
    evaluation = evaluate_run(
        opened,
        TrainingSettings(),
        lambda images: logits_of(model, views, images),
        subject=opened.weights.name,
        sha256=file_digest(opened.weights),
        conditions=f"Keras, float32, views: {views}",
        temperature=_temperature(opened.folder),
        again=again,
    )
    if as_json:
        print_json(evaluation.model_dump(mode="json"))
        return
    low, high = evaluation.accuracy_interval
    console.print(
        f"{evaluation.subject}: accuracy {evaluation.accuracy:.4f} "
        f"(95 %: {low:.4f} to {high:.4f}), ECE {evaluation.ece_after:.4f}, n = {evaluation.n}"
    )


@app.command()
def report(
    run: RunFolder,
    *,
    out: Annotated[Path | None, typer.Option(help="The page; RUN/report.html without it.")] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="The bundle NAME/VERSION that the run became.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one self-contained page in the six phases of CRISP-DM, in Spanish."""
    from training.report import read_manifest, write_report
    from training.run import Run

    opened = Run.open(run)
    page = out or opened.folder / "report.html"
    manifest = read_manifest(bundle) if bundle else None
    write_report(opened, TrainingSettings(), page, manifest=manifest)
    if as_json:
        print_json({"report": str(page)})
    else:
        console.print(f"Written: {page}")


def print_json(content: object) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False) + "\n")


def main() -> None:
    """Run the command line; an error that has a name ends as one line and exit code 1."""
    try:
        app()
    except TrainingError as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}", soft_wrap=True)
        sys.exit(1)


def _with_epochs(recipe: Recipe, epochs: int | None) -> Recipe:
    if epochs is None:
        return recipe
    return recipe.model_copy(update={"fit": recipe.fit.model_copy(update={"epochs": epochs})})


def _temperature(folder: Path) -> float:
    """The run's temperature, or 1 for a run without validation images."""
    path = folder / "calibration.json"
    return float(json.loads(path.read_text())["temperature"]) if path.is_file() else 1.0


if __name__ == "__main__":
    main()
