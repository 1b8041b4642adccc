"""What a person chose on the command line, as an adjustment of a recipe."""

from dataclasses import dataclass
from typing import Annotated

import typer

from training.adjusting import Adjustment
from training.recipe import OwnData, Recipe

Size = Annotated[
    int | None,
    typer.Option(min=8, max=1024, help="Side in pixels of one's own images; the recipe's if none."),
]
Grey = Annotated[bool, typer.Option("--grey", help="Look at one's own images without colour.")]


@dataclass(frozen=True, slots=True)
class ChosenData:
    """The data set that was asked for, and how pictures of one's own become pixels."""

    named: str | None = None
    size: int | None = None
    grey: bool = False

    def read_for(self, recipe: Recipe) -> str | OwnData | None:
        """The data set to put in the recipe's place; None for the recipe's own.

        Raises:
            DataError: it is neither registered nor a path with pictures that can be used.
        """
        if self.named is None:
            return None
        from training.describing import describe, native_side

        return describe(self.named, self.size or native_side(recipe), grey=self.grey)

    def adjust(
        self, recipe: Recipe, epochs: int | None = None, *, from_scratch: bool = False
    ) -> Adjustment:
        """The changes to a recipe, pictures read and checked.

        Raises:
            DataError: as for `read_for`.
        """
        return Adjustment(epochs, self.read_for(recipe), from_scratch)
