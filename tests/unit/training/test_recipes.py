from __future__ import annotations

import pytest

from training.errors import RecipeError
from training.recipes import all_recipes, find_recipe, register


def test_the_recipes_are_listed_by_family_and_name() -> None:
    listed = [(recipe.family, recipe.name) for recipe in all_recipes()]
    assert listed == sorted(listed)
    assert {"airbench94", "resnet20", "tiny"} <= {name for _, name in listed}


def test_a_recipe_is_found_by_its_name() -> None:
    assert find_recipe("resnet20").family == "resnet"


def test_two_recipes_of_one_name_are_refused() -> None:
    with pytest.raises(RecipeError, match="two recipes are called 'tiny'"):
        register(find_recipe("tiny"))


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'alexnet'.*airbench94"):
        find_recipe("alexnet")
