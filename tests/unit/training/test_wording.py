from __future__ import annotations

import re

import pytest

from training.recipe import Augmentation, Recipe, TinyCnn
from training.recipes import all_recipes, find_recipe
from training.wording import (
    augmentation_in_words,
    fit_in_words,
    views_in_words,
)
from training.wording_models import model_in_words


@pytest.mark.parametrize("recipe", all_recipes(), ids=lambda recipe: recipe.name)
def test_every_recipe_can_be_told_in_whole_sentences(recipe: Recipe) -> None:
    sentences = [
        model_in_words(recipe.model),
        augmentation_in_words(recipe.augmentation),
        views_in_words(recipe.views),
        *fit_in_words(recipe.fit),
    ]
    assert all(re.fullmatch(r"[A-Z\d].*[^.]\.", sentence) for sentence in sentences)
    epochs = f"{recipe.fit.epochs} épocas en lotes de {recipe.fit.batch_size} imágenes."
    assert (epochs in sentences) == (recipe.fit.epochs > 0)


def test_a_head_that_is_computed_is_told_and_no_epochs_are() -> None:
    fit = find_recipe("transfer").fit
    assert fit.epochs == 0
    (told,) = fit_in_words(fit)
    assert "validación cruzada" in told
    assert "épocas" not in told


def test_what_a_recipe_does_not_do_is_not_told() -> None:
    plain, rich = (
        " ".join(fit_in_words(find_recipe(name).fit)) for name in ("resnet20", "airbench94")
    )
    for word in ("Lookahead", "suavizadas", "blanqueo"):
        assert word in rich
        assert word not in plain


def test_decay_that_spares_the_biases_is_told() -> None:
    fit = find_recipe("resnet20").fit
    spared = fit.optimiser.model_copy(update={"decay_biases": False})
    assert "los sesgos no decaen" in " ".join(
        fit_in_words(fit.model_copy(update={"optimiser": spared}))
    )
    assert "los sesgos no decaen" not in " ".join(fit_in_words(fit))


def test_images_that_do_not_vary_are_said_not_to() -> None:
    words = augmentation_in_words(Augmentation())
    assert "sin reflejos" in words
    assert "sin desplazamientos" in words


def test_the_small_network_names_its_filters() -> None:
    assert "(6 y 12 filtros)" in model_in_words(TinyCnn(width=6))
