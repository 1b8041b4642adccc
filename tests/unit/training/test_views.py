from __future__ import annotations

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from training.recipe import Views
from training.views import BATCH, averaged_logits, logits_of

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 8, 8, 3), np.uint8)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Return a model that sees where things are: logits from every pixel."""
    keras.utils.set_random_seed(0)
    images = keras.Input((8, 8, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(images)
    return keras.Model(images, keras.layers.Dense(4)(keras.layers.Flatten()(x)))


def logits(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(model(np.ascontiguousarray(images)))


def test_a_single_view_is_the_models_own_answer(model: keras.Model) -> None:
    np.testing.assert_allclose(averaged_logits(model, "single", IMAGES), logits(model, IMAGES))


def test_flip_is_the_mean_of_an_image_and_its_mirror(model: keras.Model) -> None:
    expected = (logits(model, IMAGES) + logits(model, IMAGES[:, :, ::-1])) / 2
    np.testing.assert_allclose(averaged_logits(model, "flip", IMAGES), expected, atol=1e-5)


def test_shifts_weigh_together_as_much_as_the_unshifted_views(model: keras.Model) -> None:
    """As the paper's evaluation has them: each shift by a pixel, over reflected edges."""

    def both_sides(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        both = logits(model, images) + logits(model, images[:, :, ::-1])
        return np.asarray(both / 2, "f4")

    padded = np.pad(IMAGES, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    up, down = padded[:, :8, :8], padded[:, 2:, 2:]
    shifted = (both_sides(up) + both_sides(down)) / 2
    expected = (both_sides(IMAGES) + shifted) / 2
    np.testing.assert_allclose(averaged_logits(model, "flip-shift", IMAGES), expected, atol=1e-5)


@pytest.mark.parametrize("views", ["single", "flip"])
def test_batches_of_any_number_give_each_image_its_logits(model: keras.Model, views: Views) -> None:
    many = np.concatenate([IMAGES] * (BATCH // len(IMAGES) + 1))
    found = logits_of(model, views, many)
    assert found.shape == (len(many), 4)
    assert len(many) > BATCH
    np.testing.assert_allclose(found[-6:], averaged_logits(model, views, IMAGES), atol=1e-5)


def test_six_variants_of_a_batch_are_within_what_tensorflow_can_index() -> None:
    widest = 96 * (192 // 2) ** 2  # numbers in EfficientNet-Lite0's widest layer, an image
    assert BATCH * 6 * widest < 2**31
