"""Every recipe is built and learns for a step; none is fitted to its end here."""

from __future__ import annotations

from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.reduced import SHAPE, reduced
from training.augmentation import augment
from training.datasets import find_data_set
from training.errors import RecipeError
from training.fit import count
from training.mixing import mix
from training.models import build
from training.optimisers import make_optimiser
from training.recipe import Recipe
from training.recipes import (
    Reported,
    all_recipes,
    find_family,
    find_recipe,
    register,
    reported,
)
from training.schedules import factors

SCENES = ((224, 224, 3), 6)
PRINTED = [
    (recipe.name, found.parameters)
    for recipe in all_recipes()
    if (found := reported(recipe.name)) and found.parameters
]
# These are fitted by tests of their own, or differ from vgg16-* in a backbone of many layers alone.
FITTED_ELSEWHERE = {"airbench94", "efficientnet-lite0", "transfer", "transfer-fine-tuned"}
BUILT_ONLY = {"resnet50-base", "resnet50-improved", "backbone-224"}


def shape_and_classes(recipe: Recipe) -> tuple[tuple[int, int, int], int]:
    if recipe.data == "intel-scenes":
        return SCENES
    data_set = find_data_set(recipe.data)
    return data_set.shape, len(data_set.classes)


def test_the_recipes_are_listed_by_family_and_name() -> None:
    listed = [(recipe.family, recipe.name) for recipe in all_recipes()]
    assert listed == sorted(listed)
    assert {"airbench94", "resnet20", "tiny"} <= {name for _, name in listed}


def test_the_families_of_the_study_are_whole() -> None:
    sizes = {family: len(find_family(family)) for family in ("mlp", "mlp-dropout", "mlp-early")}
    assert sizes == {"mlp": 27, "mlp-dropout": 9, "mlp-early": 9}
    names = {recipe.name for recipe in all_recipes()}
    assert names >= {
        *("cnn-base", "cnn-improved", "cnn-4", "alexnet", "rexnet", "coatnet-0"),
        *("resnet50-base", "resnet50-improved", "vgg16-base", "vgg16-improved"),
        *("densenet-c03", "densenet-c05", "densenet-c07", "resnet-v1-104", "resnet-v2-155"),
        *("dense-224", "conv-224", "residual-224", "backbone-224"),
        *("resnet20", "resnet56", "vgg16-bn", "wrn-16-8", "wrn-28-10"),
        *("efficientnet-lite0", "efficientnet-lite0-frozen"),
    }


def test_the_recipes_of_the_shipped_pair_are_those_that_it_was_fitted_by() -> None:
    """As its members.json has them; docs/training.md gives the commands."""
    lite, airbench = map(find_recipe, ("efficientnet-lite0", "airbench94"))
    assert (lite.fit.epochs, lite.augmentation.zoom, lite.augmentation.translate) == (6, 0.15, 4)
    assert (airbench.fit.epochs, airbench.augmentation.flip) == (12, "alternating")


def test_the_study_prints_the_figures_that_stand_beside_ours() -> None:
    best = max(find_family("mlp"), key=lambda recipe: _accuracy(recipe.name))
    assert (best.name, _accuracy(best.name)) == ("mlp-rmsprop-relu-2", 0.6630)
    assert reported("mlp-rmsprop-sigmoid-1") == Reported(None, parameters=1_578_506)
    assert reported("tiny") is None


def _accuracy(name: str) -> float:
    found = reported(name)
    return found.accuracy or 0.0 if found else 0.0


def test_a_recipe_is_found_by_its_name() -> None:
    assert find_recipe("resnet20").family == "resnet"


def test_two_recipes_of_one_name_are_refused() -> None:
    with pytest.raises(RecipeError, match="two recipes are called 'tiny'"):
        register(find_recipe("tiny"))


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'alexnet3000'.*airbench94"):
        find_recipe("alexnet3000")
    with pytest.raises(RecipeError, match=r"no family 'transformers'.*densenet.*mlp"):
        find_family("transformers")


@pytest.mark.parametrize(
    "name",
    ["cnn-base", "cnn-improved", "resnet56", "wrn-16-8", "wrn-28-10", "backbone-224"],
)
def test_a_network_has_the_parameters_that_are_printed_of_it(name: str) -> None:
    recipe = find_recipe(name)
    assert count(build(recipe.model, *shape_and_classes(recipe))) == dict(PRINTED)[name]


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_dense_networks_have_the_parameters_of_their_layers(layers: int) -> None:
    names = [name for name, _ in PRINTED if name.startswith("mlp") and name.endswith(str(layers))]
    (expected,) = {dict(PRINTED)[name] for name in names}
    (hidden,) = {find_recipe(name).model.model_dump()["hidden"] for name in names}
    widths = (3072, *hidden, 10)
    assert sum((a + 1) * b for a, b in pairwise(widths)) == expected
    assert count(build(find_recipe(names[0]).model, SHAPE, 10)) == expected


@pytest.mark.parametrize("name", ["resnet50-base", "resnet50-improved"])
def test_over_a_frozen_backbone_the_dense_layers_alone_learn(name: str) -> None:
    model = build(find_recipe(name).model, SHAPE, 10)
    assert count(model) == (2048 + 1) * 256 + (256 + 1) * 10


def test_the_layers_of_the_scene_networks_are_those_that_the_study_prints() -> None:
    dense = build(find_recipe("dense-224").model, *SCENES)
    found = [layer.count_params() for layer in dense.layers if layer.count_params()]
    assert found == [37_632_250, 62_750, 62_750, 1_506]
    convolutional = build(find_recipe("conv-224").model, *SCENES)
    first = next(layer for layer in convolutional.layers if isinstance(layer, keras.layers.Dense))
    assert first.count_params() == 1_568_250


@pytest.mark.parametrize(
    "recipe",
    [recipe for recipe in all_recipes() if recipe.name not in FITTED_ELSEWHERE | BUILT_ONLY],
    ids=lambda recipe: recipe.name,
)
def test_a_recipe_learns_from_a_step_on_its_varied_images(recipe: Recipe) -> None:
    """Narrowed, without a graph, on two images; a backbone's first weights are random here."""
    keras.utils.set_random_seed(0)
    model = build(reduced(recipe.model), SHAPE, 10)
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (2, *SHAPE), np.uint8))
    step = tf.constant(0, tf.int64)
    varied = augment(
        images,
        tf.range(2, dtype=tf.int64),
        augmentation=recipe.augmentation,
        seed=0,
        epoch=step,
        step=step,
    )
    varied, targets = mix(
        varied, tf.one_hot([3, 7], 10), recipe.augmentation.mix, seed=0, step=step
    )
    optimiser, _ = make_optimiser(
        recipe.fit.optimiser, factors(recipe.fit.schedule, 10)[5:], model.trainable_variables
    )
    before = [variable.numpy() for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        logits = model(varied, training=True)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)(targets, logits)
        loss += sum(model.losses)
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    optimiser.apply(gradients)
    assert np.isfinite(loss)
    moved = [
        (variable.numpy() != old).any()
        for variable, old in zip(model.trainable_variables, before, strict=True)
    ]
    assert sum(moved) >= len(moved) / 2
    assert all(np.isfinite(variable.numpy()).all() for variable in model.trainable_variables)
