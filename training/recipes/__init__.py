"""The registry of recipes: one short module per family, each registering what it holds."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Literal

from pydantic import ValidationError

from training.errors import RecipeError
from training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Reported:
    """What others report of a recipe, for ours to stand beside.

    `accuracy` is in 0..1, on `split` of `data`; None where they print none. `parameters` are those
    that gradients change.
    """

    accuracy: float | None = None
    source: str = "study"
    split: Literal["validation", "test"] = "validation"
    data: str = "cifar10"
    parameters: int | None = None


_registry: dict[str, Recipe] = {}
_reported: dict[str, Reported] = {}


def register(recipe: Recipe, reported: Reported | None = None) -> Recipe:
    """Make a recipe known by its name, and what others report of it.

    Raises:
        RecipeError: a recipe of that name is registered already.
    """
    if recipe.name in _registry:
        raise RecipeError(f"two recipes are called {recipe.name!r}")
    _registry[recipe.name] = recipe
    if reported:
        _reported[recipe.name] = reported
    return recipe


def all_recipes() -> tuple[Recipe, ...]:
    """Every recipe, by family and name."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return tuple(sorted(_registry.values(), key=lambda recipe: (recipe.family, recipe.name)))


def find_recipe(name: str) -> Recipe:
    """The recipe of that name, or the frozen one in a file of that name that ends in `.json`.

    Raises:
        RecipeError: there is none, and the message lists those that there are; or the file holds
            none.
    """
    if name.endswith(".json"):
        return _read_recipe(Path(name))
    recipes = {recipe.name: recipe for recipe in all_recipes()}
    if name not in recipes:
        raise RecipeError(f"there is no recipe {name!r}; there are: {', '.join(recipes)}")
    return recipes[name]


def _read_recipe(path: Path) -> Recipe:
    all_recipes()
    try:
        return Recipe.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RecipeError(f"{path} is no frozen recipe that can be read: {error}") from error


def find_family(name: str) -> tuple[Recipe, ...]:
    """The recipes of a family, by name.

    Raises:
        RecipeError: there is none; the message lists the families that there are.
    """
    recipes = all_recipes()
    found = tuple(recipe for recipe in recipes if recipe.family == name)
    if not found:
        families = ", ".join(sorted({recipe.family for recipe in recipes}))
        raise RecipeError(f"there is no family {name!r}; there are: {families}")
    return found


def reported(name: str) -> Reported | None:
    """What others report of the recipe of that name."""
    return _reported.get(name)
