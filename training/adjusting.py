"""What the command line may change in a recipe; the run folder and its name tell that it did."""

from dataclasses import dataclass

from training.errors import RecipeError
from training.recipe import Backbone, OwnData, Recipe


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Other epochs, other data, or no ImageNet weights; None and False change nothing."""

    epochs: int | None = None
    data: str | OwnData | None = None
    from_scratch: bool = False

    def apply(self, recipe: Recipe) -> Recipe:
        """The recipe with these changes.

        Raises:
            RecipeError: it has no ImageNet weights to do without.
        """
        changes: dict[str, object] = {}
        if self.epochs is not None:
            changes["fit"] = recipe.fit.lasting(self.epochs)
        if self.data is not None:
            changes["data"] = self.data
        if self.from_scratch:
            changes["model"] = _without_weights(recipe)
        return recipe.model_copy(update=changes)

    def suffix(self, recipe: Recipe) -> str:
        """What the name of a run folder says of these changes to `recipe`; empty without any."""
        parts = []
        if self.epochs not in {None, recipe.fit.epochs}:
            parts.append(f"-{self.epochs}-epochs")
        if self.data not in {None, recipe.data}:
            parts.append(f"-{self.apply(recipe).data_name}")
        if self.from_scratch:
            parts.append("-from-scratch")
        return "".join(parts)


def _without_weights(recipe: Recipe) -> Backbone:
    if not isinstance(recipe.model, Backbone):
        raise RecipeError(f"{recipe.name} has no weights of keras.applications to do without")
    # Random weights that never learn would be of no use.
    return recipe.model.model_copy(update={"weights": "none", "frozen": False})
