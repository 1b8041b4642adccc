"""The registry of recipes: one short module per family, each registering what it holds."""

from importlib import import_module
from pkgutil import iter_modules

from training.errors import RecipeError
from training.recipe import Recipe

_registry: dict[str, Recipe] = {}


def register(recipe: Recipe) -> Recipe:
    """Make a recipe known by its name.

    Raises:
        RecipeError: a recipe of that name is registered already.
    """
    if recipe.name in _registry:
        raise RecipeError(f"two recipes are called {recipe.name!r}")
    _registry[recipe.name] = recipe
    return recipe


def all_recipes() -> tuple[Recipe, ...]:
    """Every recipe, by family and name."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return tuple(sorted(_registry.values(), key=lambda recipe: (recipe.family, recipe.name)))


def find_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        RecipeError: there is none; the message lists those that there are.
    """
    recipes = {recipe.name: recipe for recipe in all_recipes()}
    if name not in recipes:
        raise RecipeError(f"there is no recipe {name!r}; there are: {', '.join(recipes)}")
    return recipes[name]
