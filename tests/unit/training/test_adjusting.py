from __future__ import annotations

import pytest

from training.adjusting import Adjustment
from training.errors import RecipeError
from training.recipe import Backbone
from training.recipes import find_recipe

NOTHING = Adjustment()


def test_nothing_changes_nothing() -> None:
    recipe = find_recipe("cnn-improved")
    assert NOTHING.apply(recipe) == recipe
    assert NOTHING.suffix(recipe) == ""
    assert Adjustment(epochs=50).apply(recipe) == recipe
    assert Adjustment(epochs=50).suffix(recipe) == ""


def test_what_counts_epochs_follows_in_proportion() -> None:
    recipe = find_recipe("cnn-improved")
    shorter = Adjustment(epochs=20).apply(recipe).fit
    assert (shorter.epochs, shorter.planned_epochs) == (20, 50)
    assert shorter.early_stopping
    assert shorter.early_stopping.patience == 2
    plateau = Adjustment(epochs=2).apply(find_recipe("densenet-c05")).fit.plateau
    assert plateau
    assert plateau.patience == 1
    bias = Adjustment(epochs=8).apply(find_recipe("airbench94")).fit.whitening_bias_epochs
    assert bias == 2


def test_the_plan_stays_that_of_the_recipe() -> None:
    twice = find_recipe("cnn-base").fit.lasting(10).lasting(5)
    assert (twice.epochs, twice.planned_epochs) == (5, 25)


def test_from_scratch_starts_from_random_weights_that_learn() -> None:
    model = Adjustment(from_scratch=True).apply(find_recipe("resnet50-base")).model
    assert isinstance(model, Backbone)
    assert (model.weights, model.frozen) == ("none", False)


def test_a_recipe_without_published_weights_has_none_to_do_without() -> None:
    with pytest.raises(RecipeError, match="cnn-base has no weights"):
        Adjustment(from_scratch=True).apply(find_recipe("cnn-base"))


def test_the_name_of_a_folder_tells_what_was_changed() -> None:
    recipe = find_recipe("vgg16-base")
    changed = Adjustment(epochs=5, data="cifar10", from_scratch=True)
    assert changed.suffix(recipe) == "-5-epochs-from-scratch"
    assert changed.apply(recipe).data == "cifar10"
