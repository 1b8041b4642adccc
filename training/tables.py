"""Tables for the person at the terminal."""

from typing import TYPE_CHECKING

from rich.table import Table

from training.recipe import Recipe
from training.recipes import Reported

if TYPE_CHECKING:
    from training.grid import Row


def reported_in_words(reported: Reported | None, recipe: Recipe) -> str:
    """What others report of a recipe, with what they measured it on where that is not obvious."""
    if reported is None or reported.accuracy is None:
        return "–"
    data = f", {reported.data}" if reported.data != recipe.data else ""
    return f"{reported.accuracy:.4f} {reported.split}{data}"


def grid_table(rows: "list[Row]") -> Table:
    """What became of each recipe of a family."""
    table = Table("Recipe", "Epochs", "Kept", "Seconds", "Validation", "Reported", "Problem")
    for row in rows:
        if row.problem:
            table.add_row(row.recipe, "–", "–", "–", "–", "–", row.problem)
            continue
        table.add_row(
            row.recipe,
            str(row.epochs),
            str(row.kept),
            f"{row.seconds:.0f}",
            f"{row.accuracy:.4f}",
            "–" if row.reported is None else f"{row.reported:.4f}",
            "",
        )
    return table
