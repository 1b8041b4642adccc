from __future__ import annotations

import pytest

from tests.colours import NARROW, TINY
from training.errors import RecipeError
from training.models import BUILDERS
from training.recipe import Adam, Airbench, TinyCnn
from training.recipes import all_recipes, find_recipe
from training.search_space import put_all, space_of
from training.widths import widened

CHOSEN = {
    "learning_rate": 0.0123456,
    "weight_decay": 2e-4,
    "batch_size": 40.0,
    "label_smoothing": 0.1,
    "width": 1.5,
}


def test_what_is_chosen_is_in_the_recipe() -> None:
    space = space_of(TINY, images=100)
    assert {dimension.name for dimension in space} == CHOSEN.keys()
    found = put_all(TINY, space, CHOSEN)
    assert found.fit.optimiser == TINY.fit.optimiser.model_copy(
        update={"learning_rate": 0.01235, "weight_decay": 2e-4}
    )
    assert (found.fit.batch_size, found.fit.label_smoothing) == (40, 0.1)
    assert found.model == TinyCnn(width=6)
    assert found.fit.epochs == TINY.fit.epochs
    # As `fit` will read it from a file.
    assert type(found).model_validate_json(found.model_dump_json()) == found


def test_the_recipes_own_settings_are_among_those_that_are_tried() -> None:
    for recipe in all_recipes():
        if not recipe.fit.epochs:
            continue
        space = space_of(recipe, images=30_000)
        assert put_all(recipe, space, {one.name: one.own for one in space}).model == recipe.model
        for one in space:
            assert one.own in one.choices or one.low < one.own < one.high, (recipe.name, one.name)


def test_only_what_is_asked_for_and_what_there_is() -> None:
    (only,) = space_of(TINY, 100, ("learning_rate",))
    assert (only.low, only.high) == pytest.approx((0.005, 0.5))
    adam = TINY.model_copy(update={"fit": TINY.fit.model_copy(update={"optimiser": Adam()})})
    with pytest.raises(RecipeError, match="has no 'weight_decay' to search over; it has learning"):
        space_of(adam, 100, ("weight_decay",))
    with pytest.raises(RecipeError, match="a fold fits on 10 images"):
        space_of(TINY, 10)
    with pytest.raises(RecipeError, match="has no epochs"):
        space_of(find_recipe("transfer"), 100)
    batches = next(one for one in space_of(TINY, 30) if one.name == "batch_size")
    assert batches.choices == (10.0, 20.0)


def test_networks_are_widened_where_their_width_is_for_choosing() -> None:
    assert widened(NARROW.model, 1.5) == Airbench(widths=(12, 12, 12))
    wide = dict.fromkeys(BUILDERS, 0)
    for recipe in all_recipes():
        if widened(recipe.model, 0.5) is not None:
            wide[recipe.model.kind] += 1
            assert widened(recipe.model, 1.0) == recipe.model
    fixed = {kind for kind, count in wide.items() if not count}
    assert fixed == {"backbone", "coatnet", "efficientnet-lite"}
