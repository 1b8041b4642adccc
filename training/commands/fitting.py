"""The commands that fit: one recipe, or a family of them."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from training.commands.choosing import ChosenData, Grey, Size
from training.recipes import find_family, find_recipe
from training.settings import TrainingSettings
from training.tables import grid_table
from training.terminal import (
    DataSetName,
    Epochs,
    FromScratch,
    Json,
    Others,
    RecipeName,
    Seed,
    console,
    print_json,
)


def fit(  # noqa: PLR0913 - each is a flag
    recipe: RecipeName,
    *,
    run: Annotated[Path | None, typer.Option(help="The run folder.")] = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    dataset: DataSetName = None,
    size: Size = None,
    grey: Grey = False,
    from_scratch: FromScratch = False,
    on: Annotated[
        str, typer.Option(help="`train`, or `all` for the last fit of a settled recipe.")
    ] = "train",
    begin_with: Annotated[
        Path | None,
        typer.Option(
            help="A finished run of the same network, at any size of image, whose weights to "
            "begin with."
        ),
    ] = None,
    others: Others = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write RUN/tensorboard, to watch it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fit a recipe, or go on where it was stopped."""
    if on not in {"train", "all"}:
        raise typer.BadParameter("--on takes `train` or `all`")
    found = find_recipe(recipe)
    adjustment = ChosenData(dataset, size, grey).adjust(found, epochs, from_scratch=from_scratch)
    chosen = adjustment.apply(found)
    from training.fit import fit as fit_run
    from training.labelled import input_of
    from training.others import read_all_others
    from training.progress import BarProgress, JsonProgress
    from training.run import Run, RunConfig
    from training.starting import start

    fitted_on: Literal["train", "all"] = "all" if on == "all" else "train"
    settings = TrainingSettings()
    name = f"{chosen.name}-{fitted_on}-{seed}{adjustment.suffix(found)}"
    folder = run or settings.runs_dir / name
    config = RunConfig(recipe=chosen, seed=seed, fitted_on=fitted_on)
    source = Run.open(begin_with) if begin_with else None
    pictures = read_all_others(others, input_of(Run(folder, config))) if others else None
    opened = start(folder, config, source, pictures)
    watchers = []
    if tensorboard:
        from training.tensorboard import tensorboard_of

        watchers.append(tensorboard_of(opened))
    with JsonProgress() if as_json else BarProgress(console) as progress:
        fit_run(opened, settings, progress, watchers=watchers)
    if chosen.fit.head and fitted_on == "train":
        from training.teaching import write_familiarity

        write_familiarity(opened, settings, "neighbours")
    if as_json:
        print_json({"event": "end", "run": str(folder)})
    else:
        console.print(f"Finished: {folder}")


def grid(  # noqa: PLR0913 - each is a flag
    family: Annotated[str, typer.Argument(help="A family of recipes; `list` shows them.")],
    *,
    seed: Seed = 0,
    epochs: Epochs = None,
    dataset: DataSetName = None,
    size: Size = None,
    grey: Grey = False,
    from_scratch: FromScratch = False,
    as_json: Json = False,
) -> None:
    """Fit all recipes of a family, one after another; asked again, go on where it was stopped."""
    data, recipes = ChosenData(dataset, size, grey), find_family(family)
    chosen = [
        (recipe, data.adjust(recipe, epochs, from_scratch=from_scratch)) for recipe in recipes
    ]
    from training.grid import fit_all
    from training.progress import BarProgress, JsonProgress
    from training.run import RunConfig

    settings = TrainingSettings()
    runs = [
        (
            settings.runs_dir / f"{recipe.name}-train-{seed}{adjustment.suffix(recipe)}",
            RunConfig(recipe=adjustment.apply(recipe), seed=seed),
        )
        for recipe, adjustment in chosen
    ]

    def shown(name: str) -> BarProgress | JsonProgress:
        if as_json:
            return JsonProgress()
        console.rule(name)
        return BarProgress(console)

    rows = []
    for row in fit_all(runs, settings, shown):
        rows.append(row)
        if as_json:
            print_json({"event": "fitted", **asdict(row)})
    if not as_json:
        console.print(grid_table(rows))
    if any(row.problem for row in rows):
        raise typer.Exit(1)


def pair(  # noqa: PLR0913 - each is a flag
    first: Annotated[Path, typer.Argument(help="A finished run; it tells the familiar.")],
    second: Annotated[Path, typer.Argument(help="A finished run on the same data.")],
    *,
    run: Annotated[Path, typer.Option(help="The run folder of the pair.")],
    share: Annotated[float, typer.Option(help="Of the first, above 0 and below 1.")] = 0.5,
    views: Annotated[
        Literal["single", "flip", "flip-shift"],
        typer.Option(help="Variants of an image whose logits are averaged."),
    ] = "single",
    sibling: Annotated[
        Path | None,
        typer.Option(
            help="For a second run fitted on all images: a run of its recipe fitted on `train`, "
            "whose temperature it takes."
        ),
    ] = None,
    halved: Annotated[
        bool,
        typer.Option("--halved", help="Round the weights to float16, for a smaller bundle."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Put two finished runs together as one network; nothing is fitted."""
    if not 0 < share < 1:
        raise typer.BadParameter("--share lies between 0 and 1")
    from training.pairing import pair as pair_runs
    from training.run import Run

    paired = pair_runs(
        Run.open(first),
        Run.open(second),
        run,
        TrainingSettings(),
        share=share,
        views=views,
        sibling=Run.open(sibling) if sibling else None,
        halved=halved,
    )
    if as_json:
        print_json({"run": str(paired.folder), "recipe": paired.config.recipe.name})
    else:
        console.print(f"Paired: {paired.folder}")


def average(
    runs: Annotated[list[Path], typer.Argument(help="Finished runs of one network.")],
    *,
    run: Annotated[Path, typer.Option(help="The run folder of their mean.")],
    as_json: Json = False,
) -> None:
    """Average the weights of runs that began with the same ones; nothing is fitted."""
    from training.averaging import average as average_runs
    from training.run import Run

    mean = average_runs([Run.open(folder) for folder in runs], run, TrainingSettings())
    if as_json:
        print_json({"run": str(mean.folder), "recipe": mean.config.recipe.name})
    else:
        console.print(f"Averaged: {mean.folder}")
