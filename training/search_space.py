"""What a search may change in a recipe, and within which bounds: around the recipe's own settings.

A dimension is a setting by name. What a trial draws for it is a plain number, which the study's
store keeps, and `put` writes it into the recipe.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from optuna.trial import Trial

from training.errors import RecipeError
from training.recipe import Recipe
from training.widths import widened

# How many times smaller or larger than the recipe's own a rate may be.
REACH: Final = 10.0
# Where a recipe that can decay does not.
USUAL_DECAY: Final = 1e-4
SMOOTHINGS: Final = (0.0, 0.05, 0.1, 0.2)
WIDTHS: Final = (0.5, 0.75, 1.0, 1.5)
DIGITS: Final = 4

Chosen = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Dimension:
    """One setting: `own` is the recipe's.

    It is drawn from `choices`, or where there are none from `low` to `high` on a scale of
    logarithms.
    """

    name: str
    own: float
    put: Callable[[Recipe, float], Recipe]
    choices: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 0.0

    def draw(self, trial: Trial) -> float:
        """A value for the trial."""
        if self.choices:
            return float(trial.suggest_categorical(self.name, self.choices))
        return trial.suggest_float(self.name, self.low, self.high, log=True)


def space_of(recipe: Recipe, images: int, over: tuple[str, ...] = ()) -> tuple[Dimension, ...]:
    """The dimensions of a recipe.

    Args:
        recipe: fitted by epochs.
        images: that a fold fits on; no batch is larger.
        over: the names of those that are wanted; all that the recipe has, without any.

    Raises:
        RecipeError: the recipe has nothing to search, or lacks one that is wanted.
    """
    if not recipe.fit.epochs:
        raise RecipeError(f"{recipe.name} has no epochs: its settings are cross-validated in a fit")
    found = {
        dimension.name: dimension
        for dimension in (
            _learning_rate(recipe),
            _weight_decay(recipe),
            _batch_size(recipe, images),
            _smoothing(recipe),
            _width(recipe),
        )
        if dimension is not None
    }
    missing = sorted(set(over) - set(found))
    if missing:
        raise RecipeError(
            f"{recipe.name} has no {missing[0]!r} to search over; it has {', '.join(found)}"
        )
    return tuple(found[name] for name in over or found)


def put_all(recipe: Recipe, space: tuple[Dimension, ...], chosen: Chosen) -> Recipe:
    """The recipe with what was chosen for each dimension."""
    for dimension in space:
        recipe = dimension.put(recipe, chosen[dimension.name])
    return recipe


def _learning_rate(recipe: Recipe) -> Dimension:
    own = recipe.fit.optimiser.learning_rate
    return Dimension(
        "learning_rate", own, _into_optimiser("learning_rate"), low=own / REACH, high=own * REACH
    )


def _weight_decay(recipe: Recipe) -> Dimension | None:
    own = getattr(recipe.fit.optimiser, "weight_decay", None)
    if own is None:
        return None
    middle = own or USUAL_DECAY
    return Dimension(
        "weight_decay",
        middle,
        _into_optimiser("weight_decay"),
        low=middle / REACH,
        high=middle * REACH,
    )


def _batch_size(recipe: Recipe, images: int) -> Dimension:
    own = recipe.fit.batch_size
    if own > images:
        raise RecipeError(f"{recipe.name} has batches of {own}, and a fold fits on {images} images")
    sizes = sorted({max(1, own // 2), own, 2 * own})
    choices = tuple(float(size) for size in sizes if size <= images)
    return Dimension("batch_size", own, _into_fit("batch_size", int), choices)


def _smoothing(recipe: Recipe) -> Dimension:
    own = recipe.fit.label_smoothing
    return Dimension(
        "label_smoothing",
        own,
        _into_fit("label_smoothing", float),
        tuple(sorted({*SMOOTHINGS, own})),
    )


def _width(recipe: Recipe) -> Dimension | None:
    if widened(recipe.model, 1.0) is None:
        return None

    def put(changed: Recipe, factor: float) -> Recipe:
        return changed.model_copy(update={"model": widened(recipe.model, factor)})

    return Dimension("width", 1.0, put, WIDTHS)


def _into_optimiser(name: str) -> Callable[[Recipe, float], Recipe]:
    def put(recipe: Recipe, value: float) -> Recipe:
        rounded = float(f"{value:.{DIGITS}g}")
        optimiser = recipe.fit.optimiser.model_copy(update={name: rounded})
        return recipe.model_copy(
            update={"fit": recipe.fit.model_copy(update={"optimiser": optimiser})}
        )

    return put


def _into_fit(name: str, kind: type[int] | type[float]) -> Callable[[Recipe, float], Recipe]:
    def put(recipe: Recipe, value: float) -> Recipe:
        return recipe.model_copy(update={"fit": recipe.fit.model_copy(update={name: kind(value)})})

    return put
