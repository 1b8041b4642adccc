"""The command that looks for better settings of a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.choosing import ChosenData, Grey, Size
from training.recipes import find_recipe
from training.settings import TrainingSettings
from training.terminal import DataSetName, Epochs, Json, RecipeName, Seed, console, print_json

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from training.progress import BarProgress, JsonProgress


def search(  # noqa: PLR0913 - each is a flag
    recipe: RecipeName,
    *,
    search: Annotated[
        Path | None, typer.Option(help="The search's folder; RUNS/searches/RECIPE without it.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="How many trials the study is to have.")] = 30,
    folds: Annotated[int, typer.Option(min=2, max=10, help="Parts of the training images.")] = 3,
    over: Annotated[
        list[str] | None,
        typer.Option(help="A setting to search, as often as wanted; all that there are if none."),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Another store than SQLite in the folder: postgresql://…, for many machines. "
            "With a password in it, rather ROTULO_SEARCH_STORE."
        ),
    ] = None,
    heartbeat: Annotated[
        int,
        typer.Option(min=1, help="Seconds between signs of life; after three without, it is dead."),
    ] = 30,
    seed: Seed = 0,
    epochs: Epochs = None,
    dataset: DataSetName = None,
    size: Size = None,
    grey: Grey = False,
    as_json: Json = False,
) -> None:
    """Look for better settings by cross-validation on the training images, or go on looking.

    Start the same command several times, and the processes share the work.
    """
    found = find_recipe(recipe)
    adjustment = ChosenData(dataset, size, grey).adjust(found, epochs)
    chosen = adjustment.apply(found)
    from training.search import Plan, Searching
    from training.search import search as search_for
    from training.search_record import BEST, PICTURE

    settings = TrainingSettings()
    folder = search or settings.runs_dir / "searches" / f"{chosen.name}{adjustment.suffix(found)}"
    plan = Plan(recipe=chosen, folds=folds, seed=seed, over=tuple(over or ()))
    if store is None and settings.search_store is not None:
        store = settings.search_store.get_secret_value()
    searching = Searching(folder, plan, store, heartbeat, _tell_json if as_json else _tell)

    def shown(label: str) -> "BarProgress | JsonProgress":
        from training.progress import BarProgress, JsonProgress

        if as_json:
            return JsonProgress()
        console.rule(label)
        return BarProgress(console)

    best = search_for(searching, settings, trials, shown)
    if as_json:
        print_json({"event": "end", "search": str(folder), "best": best and best.model_dump()})
    elif best is None:
        console.print("No trial came to its end.")
    else:
        console.print(f"{best.summary}\nWritten: {folder / BEST}, {folder / PICTURE}")
        console.print(f"To fit it: python -m training fit {folder / BEST}")


def _tell(trial: "FrozenTrial") -> None:
    chosen = ", ".join(f"{name} {value:.4g}" for name, value in trial.params.items())
    value = f"{trial.value:.4f}" if trial.value is not None else "–"
    console.print(f"trial {trial.number} {trial.state.name.lower()}: {value}  ({chosen})")


def _tell_json(trial: "FrozenTrial") -> None:
    print_json(
        {
            "event": "trial",
            "number": trial.number,
            "state": trial.state.name.lower(),
            "accuracy": trial.value,
            "chosen": trial.params,
        }
    )
