from __future__ import annotations

import keras
import numpy as np
import pytest

from training.models import build
from training.recipe import Airbench, Model, ResNet, TinyCnn

SHAPE, CLASSES = (32, 32, 3), 10


def trainable(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)


@pytest.mark.parametrize(
    "config", [Airbench(), ResNet(), TinyCnn()], ids=lambda config: str(config.kind)
)
def test_a_model_takes_bytes_and_gives_a_float32_logit_for_each_class(config: Model) -> None:
    model = build(config, SHAPE, CLASSES)
    images = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), np.uint8)
    logits = model(images)
    assert model.input.dtype == "uint8"
    assert (logits.shape, logits.dtype.name) == ((3, CLASSES), "float32")
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("kind", [Airbench(), ResNet(), TinyCnn()], ids=lambda c: str(c.kind))
def test_logits_are_float32_under_mixed_precision_too(kind: Model, keras_policy: None) -> None:
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    model = build(kind, SHAPE, CLASSES)
    assert model(np.zeros((2, *SHAPE), np.uint8)).dtype.name == "float32"


def test_resnet20_has_the_parameters_of_the_paper() -> None:
    """0.27 M in table 6 of He 2015; with shortcuts of option A and norms, exactly so many."""
    convolutions = 9 * (3 * 16 + 6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64)
    norms = 2 * (7 * 16 + 6 * 32 + 6 * 64)
    head = 64 * CLASSES + CLASSES
    assert convolutions + norms + head == 269_722
    assert trainable(build(ResNet(depth=20), SHAPE, CLASSES)) == 269_722


def test_airbench94_has_the_parameters_of_its_layers() -> None:
    whitening_bias = 24
    convolutions = 9 * (24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256)
    shifts = 2 * (64 + 256 + 256)
    head = 256 * CLASSES
    expected = whitening_bias + convolutions + shifts + head
    assert expected == 1_971_352
    model = build(Airbench(), SHAPE, CLASSES)
    assert trainable(model) == expected
    model.learn_whitening_bias(learns=False)
    assert trainable(model) == expected - whitening_bias


@pytest.mark.parametrize("depth", [1, 2, 18, 21])
def test_a_depth_that_is_not_6n_plus_2_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match=f"depth {depth} is not 6n"):
        build(ResNet(depth=depth), SHAPE, CLASSES)


def test_airbench_takes_standardisation_and_whitening_from_the_images() -> None:
    images = np.random.default_rng(0).integers(0, 200, (60, *SHAPE), np.uint8)
    model = build(Airbench(widths=(8, 8, 8)), SHAPE, CLASSES)
    model.adapt_to(images)
    whitened = keras.Model(model.input, model.get_layer("whitening").output)(images)
    responses = np.asarray(whitened).reshape(-1, 24)[:, :12]
    second_moment = responses.T @ responses / len(responses)
    np.testing.assert_allclose(second_moment, np.eye(12), atol=5e-3)


def test_the_same_global_seed_gives_the_same_weights() -> None:
    def weights() -> list[np.ndarray]:
        keras.utils.set_random_seed(3)
        return list(build(Airbench(widths=(8, 8, 8)), SHAPE, CLASSES).get_weights())

    for first, second in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(first, second)
