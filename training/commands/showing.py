"""The commands that show what there is: recipes, data, and what augmentation does."""

from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from training.commands.choosing import ChosenData, Grey, Size
from training.recipes import all_recipes, find_family, find_recipe, reported
from training.settings import TrainingSettings
from training.tables import reported_in_words
from training.terminal import DataSetName, Json, RecipeName, Seed, console, print_json

# Pixels that a small image is enlarged to in a picture.
PICTURE_SIDE = 96


def list_recipes(
    family: Annotated[str | None, typer.Argument(help="Of this family alone.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """The recipes by family, and what others report of them."""
    recipes = find_family(family) if family else all_recipes()
    if as_json:
        print_json([recipe.model_dump(mode="json") for recipe in recipes])
        return
    table = Table()
    for column in ("Family", "Recipe", "Epochs", "Batch", "Reported"):
        table.add_column(column, no_wrap=True)
    table.add_column("What it is")
    for shown, members in groupby(recipes, key=lambda recipe: recipe.family):
        for recipe in members:
            epochs, batch = str(recipe.fit.epochs), str(recipe.fit.batch_size)
            figure = reported_in_words(reported(recipe.name), recipe)
            table.add_row(shown, recipe.name, epochs, batch, figure, recipe.summary)
        table.add_section()
    console.print(table)


def augmentations(  # noqa: PLR0913 - each is a flag
    recipe: RecipeName,
    *,
    out: Annotated[Path, typer.Option(help="The picture, a PNG.")],
    dataset: DataSetName = None,
    size: Size = None,
    grey: Grey = False,
    seed: Seed = 0,
    images: Annotated[int, typer.Option(min=1, max=64, help="How many images to show.")] = 8,
    as_json: Json = False,
) -> None:
    """Draw what a recipe's augmentation does: an image a row, as it is and then by epoch."""
    found = find_recipe(recipe)
    chosen = ChosenData(dataset, size, grey).adjust(found).apply(found)
    from training.data import load_splits
    from training.figures import mosaic_png
    from training.run import RunConfig
    from training.varied import varied
    from training.wording import augmentation_in_words

    train = load_splits(chosen.data, TrainingSettings()).train
    rows = varied(train, RunConfig(recipe=chosen, seed=seed), images)
    side = max(rows[0].shape[1:3])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(mosaic_png(rows, max(1, PICTURE_SIDE // side)))
    if as_json:
        print_json({"picture": str(out)})
    else:
        console.print(f"{augmentation_in_words(chosen.augmentation)}\nWritten: {out}")


def data(
    name: Annotated[str, typer.Argument(help="A data set: a name or a path.")] = "cifar10",
    *,
    size: Size = None,
    grey: Grey = False,
    as_json: Json = False,
) -> None:
    """Fetch a data set if need be, check it, and count what it holds."""
    from training.data import class_counts, load_splits
    from training.datasets import find_data_set
    from training.describing import SIDE, describe

    described = describe(name, size or SIDE, grey=grey)
    splits = load_splits(described, TrainingSettings())
    classes = find_data_set(described).classes
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


def explore(
    name: Annotated[str, typer.Argument(metavar="DATASET", help="A data set: a name or a path.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The folder; RUNS/explored/NAME, where reports look.")
    ] = None,
    size: Size = None,
    grey: Grey = False,
    as_json: Json = False,
) -> None:
    """Look at a data set before a fit: counts, samples, means, duplicates, people's labels."""
    from training.datasets import find_data_set
    from training.describing import SIDE, describe
    from training.explore import exploration_folder
    from training.explore import explore as explore_data

    settings = TrainingSettings()
    described = describe(name, size or SIDE, grey=grey)
    folder = out or exploration_folder(settings, find_data_set(described).name)
    found = explore_data(described, settings, folder)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    table = Table("Class", "Train", "Test", title=f"{found.name}  SHA-256 {found.sha256}")
    for place, label in enumerate(found.classes):
        table.add_row(label, str(found.train[place]), str(found.test[place]) if found.test else "–")
    console.print(table)
    for what, pairs in (
        ("in train", found.within_train),
        ("in test", found.within_test),
        ("of train and test", found.across),
    ):
        if pairs:
            console.print(
                f"Near-duplicates {what}: {pairs.pairs} pairs, {pairs.identical} identical, "
                f"{pairs.other_label} with two labels{'' if pairs.complete else ' (not all seen)'}"
            )
    if found.label_noise:
        console.print(f"People label otherwise: {found.label_noise.rates['random']:.1%} of answers")
    console.print(f"Written: {folder}")
