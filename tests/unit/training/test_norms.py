from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.runs import large_split, many_colours, recipe_of
from training.fit import build_model
from training.layers import ShiftedNormActivation
from training.norms import norms_of, restate_norms
from training.recipe import Airbench, ResNet

pytestmark = pytest.mark.usefixtures("keras_policy", "colours_of_cifar_size")


@pytest.fixture
def colours_of_cifar_size() -> None:
    many_colours()


IMAGES = large_split(60, seed=3).images


@pytest.mark.parametrize("network", [Airbench(widths=(8, 8, 8)), ResNet(depth=8)])
def test_a_norm_gets_the_statistics_of_what_comes_to_it(network: Airbench | ResNet) -> None:
    keras.utils.set_random_seed(0)
    model = build_model(recipe_of(network))
    if isinstance(network, Airbench):
        model.adapt_to(IMAGES)
    first = norms_of(model)[0]
    momentum = first.momentum
    first.moving_mean.assign(first.moving_mean + 50)
    restate_norms(model, IMAGES, batch_size=60, seed=0)
    coming = keras.Model(model.input, first.input)(IMAGES).numpy()
    np.testing.assert_allclose(first.moving_mean, coming.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        first.moving_variance, coming.var(axis=(0, 1, 2)), rtol=1e-2, atol=1e-3
    )
    assert first.momentum == momentum


def test_several_batches_count_alike() -> None:
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, ShiftedNormActivation("relu")(inputs))
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 3)).astype(np.uint8)
    restate_norms(model, images, batch_size=10, seed=1)
    (norm,) = norms_of(model)
    np.testing.assert_allclose(norm.moving_mean, images.mean(axis=(0, 1, 2)), rtol=1e-4)


def test_norms_that_are_frozen_keep_what_they_know() -> None:
    inputs = keras.Input((4, 4, 3))
    norm = keras.layers.BatchNormalization()
    model = keras.Model(inputs, norm(inputs))
    norm.trainable = False
    assert norms_of(model) == []
    restate_norms(model, np.full((4, 4, 4, 3), 200, np.uint8), batch_size=4, seed=0)
    np.testing.assert_array_equal(norm.moving_mean, np.zeros(3))


def test_norms_of_a_network_within_are_found() -> None:
    inner_inputs = keras.Input((4, 4, 3))
    inner = keras.Model(inner_inputs, keras.layers.BatchNormalization()(inner_inputs))
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(inner(inputs)))
    assert len(norms_of(model)) == 2
