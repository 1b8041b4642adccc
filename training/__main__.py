"""The command line of training: `python -m training COMMAND`.

`data`, `explore`, `list` and `augmentations` show what there is, `fit` and `grid` fit, `evaluate`
and `report` tell what came out.

Exit codes: 0 done, 1 it could not be done and one line says why, 2 the command was not understood,
130 interrupted (a fit goes on when it is asked for again).
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from training.commands.fitting import fit, grid, pair
from training.commands.showing import augmentations, data, explore, list_recipes
from training.errors import TrainingError
from training.settings import TrainingSettings
from training.terminal import Json, RunFolder, console, print_json

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

Method = Literal["energy", "neighbours", "relative"]

app.command("list")(list_recipes)
for command in (data, explore, augmentations, fit, grid, pair):
    app.command()(command)


@app.command()
def familiarity(
    run: RunFolder,
    *,
    method: Annotated[Method, typer.Option(help="How.")] = "neighbours",
    sibling: Annotated[
        Path | None,
        typer.Option(help="For a run fitted on all images: one like it fitted on `train`."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Teach a finished run to tell pictures of other things; what it is exported with."""
    from training.familiarity import RECORD_FILE, write_familiarity
    from training.run import Run

    opened = Run.open(run)
    other = Run.open(sibling) if sibling else None
    write_familiarity(opened, TrainingSettings(), method, sibling=other)
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


def main() -> None:
    """Run the command line; an error that has a name ends as one line and exit code 1."""
    try:
        app()
    except TrainingError as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}", soft_wrap=True)
        sys.exit(1)


def _temperature(folder: Path) -> float:
    """The run's temperature, or 1 for a run without validation images."""
    path = folder / "calibration.json"
    return float(json.loads(path.read_text())["temperature"]) if path.is_file() else 1.0


if __name__ == "__main__":
    main()
