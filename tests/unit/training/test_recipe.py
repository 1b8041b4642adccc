from __future__ import annotations

import pytest
from pydantic import ValidationError

from training.recipe import Airbench, Augmentation, Recipe, ResNet
from training.recipes import all_recipes
from training.run import RunConfig


@pytest.mark.parametrize("recipe", all_recipes(), ids=lambda recipe: recipe.name)
def test_a_recipe_survives_its_json(recipe: Recipe) -> None:
    config = RunConfig(recipe=recipe, seed=7, fitted_on="all")
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(all_recipes()[0], "name", "another")  # noqa: B010 - mypy knows that it is frozen


def test_a_misspelt_field_is_refused_instead_of_ignored() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Augmentation.model_validate({"translation": 2})


@pytest.mark.parametrize("name", ["", "Airbench", "a b", "-a", "../a"])
def test_a_name_that_is_no_plain_folder_name_is_refused(name: str) -> None:
    content = all_recipes()[0].model_dump() | {"name": name}
    with pytest.raises(ValidationError, match="name"):
        Recipe.model_validate(content)


def test_the_kind_of_a_model_decides_which_fields_it_has() -> None:
    content = all_recipes()[0].model_dump()
    assert isinstance(Recipe.model_validate(content | {"model": {"kind": "resnet"}}).model, ResNet)
    with pytest.raises(ValidationError, match="depth"):
        Recipe.model_validate(content | {"model": {"kind": "airbench", "depth": 20}})
    with pytest.raises(ValidationError, match="vgg"):
        Recipe.model_validate(content | {"model": {"kind": "vgg"}})


def test_the_papers_network_is_the_default() -> None:
    assert Airbench().widths == (64, 256, 256)
    assert Airbench().head_scale == pytest.approx(1 / 9)
