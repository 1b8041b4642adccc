"""From what a person names to a data set: a registered name, or a path that is looked into."""

from pathlib import Path

from service.contract import Filter, InputSpec, Resize
from training.data import split_digest, split_of
from training.datasets import find_data_set, registered
from training.errors import DataError
from training.own_data import OwnData
from training.own_images import read_half
from training.recipe import EfficientNetLite, Recipe
from training.slugs import slug

# For networks that take any size, on pictures of unknown origin.
SIDE = 224
VALIDATION_SHARE = 0.2


def describe(named: str, side: int, *, grey: bool = False) -> str | OwnData:
    """The name of a registered data set as it is, or what is at that path, read and checked.

    Args:
        named: a registered name, a folder or a Parquet file.
        side: height and width in pixels that pictures get.
        grey: whether they get one channel in place of three.

    Raises:
        DataError: it is neither, or what is there cannot be used.
    """
    path = Path(named)
    if registered(named) or not path.exists():
        return find_data_set(named).name
    name = slug(path.resolve().stem if path.is_file() else path.resolve().name)
    if not name:
        raise DataError(path, "has a name without a letter from a to z", "Rename it.")
    spec = InputSpec(
        height=side,
        width=side,
        channels=1 if grey else 3,
        resize=Resize.STRETCH,
        filter=Filter.BILINEAR,
    )
    classes, train = read_half(path.resolve(), "train", spec)
    _, test = read_half(path.resolve(), "test", spec)
    fitted, held = split_of(train), split_of(test)
    return OwnData(
        name=name,
        path=str(path.resolve()),
        input=spec,
        classes=classes,
        train_size=len(fitted),
        test_size=len(held),
        validation_size=round(VALIDATION_SHARE * len(fitted)),
        train_sha256=split_digest(fitted),
        test_sha256=split_digest(held) if len(held) else None,
    )


def native_side(recipe: Recipe) -> int:
    """The height and width at which a recipe looks at pictures that have no size of their own."""
    if isinstance(recipe.model, EfficientNetLite):
        return recipe.model.resolution
    if isinstance(recipe.data, str) and registered(recipe.data):
        return find_data_set(recipe.data).shape[0]
    return SIDE
