"""The command line of training: `python -m training COMMAND`.

`data`, `explore`, `list` and `augmentations` show what there is, `fit` and `grid` fit, `search`
looks for better settings, and `evaluate`, `compare` and `report` tell what came out.

Exit codes: 0 done, 1 it could not be done and one line says why, 2 the command was not understood,
130 interrupted (a fit or a search goes on when it is asked for again).
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from training.commands.fitting import average, fit, grid, pair
from training.commands.measuring import compare, evaluate, report
from training.commands.searching import search
from training.commands.showing import augmentations, data, explore, list_recipes
from training.errors import TrainingError
from training.settings import TrainingSettings
from training.terminal import Json, Others, RunFolder, console, print_json

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

Method = Literal["energy", "neighbours", "relative", "outliers"]

app.command("list")(list_recipes)
for command in (
    data, explore, augmentations, fit, grid, average, pair, search, evaluate, compare, report,
):  # fmt: skip
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
    others: Others = None,
    as_json: Json = False,
) -> None:
    """Teach a finished run to tell pictures of other things; what it is exported with.

    The method `outliers` needs --others, unless the run was fitted with such pictures.
    """
    if others and method != "outliers":
        raise typer.BadParameter("--others goes with --method outliers")
    from training.familiarity import RECORD_FILE
    from training.labelled import input_of
    from training.others import read_all_others
    from training.run import Run
    from training.teaching import write_familiarity

    opened = Run.open(run)
    if method == "outliers" and not others and opened.config.others is None:
        raise typer.BadParameter("--method outliers goes with --others")
    spec = input_of(opened)
    pictures = read_all_others(others, spec) if others else None
    other = Run.open(sibling) if sibling else None
    write_familiarity(opened, TrainingSettings(), method, sibling=other, others=pictures)
    record = opened.read(RECORD_FILE)
    if as_json:
        print_json(record)
        return
    console.print(
        f"{method}: accepts from {record['accept']:.4g}, reviews from "
        f"{record['review']:.4g}; written to {opened.folder}"
    )
    if "others" in record:
        console.print(
            f"Of {record['others']} pictures of other things {record['others_accepted']:.1%} are "
            "accepted by what was not shown them.",
            soft_wrap=True,
        )


def main() -> None:
    """Run the command line; an error that has a name ends as one line and exit code 1."""
    try:
        app()
    except TrainingError as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}", soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
