from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from training.errors import RunError
from training.familiarity import METHODS, FittedMethod, Reference, fit_reference, with_features
from training.models import build
from training.recipe import TinyCnn

CENTRES = np.eye(3, 12, dtype=np.float32) * 9
NO_LOGITS = tf.zeros((1, 3))


def near_centres(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features [count, 12] of three classes, each around a corner."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, count)
    noise = draw.normal(0, 1, (count, 12))
    return (CENTRES[labels] + noise).astype(np.float32), labels


def score(reference: Reference, features: NDArray[np.float32]) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = reference.score(tf.constant(features), NO_LOGITS).numpy()
    return scores


@pytest.mark.parametrize("method", ["neighbours", "relative"])
def test_what_lies_where_no_class_does_is_less_familiar(method: FittedMethod) -> None:
    reference = fit_reference(method, *near_centres(3000, seed=0))
    known = score(reference, near_centres(500, seed=1)[0])
    strange = np.random.default_rng(2).normal(0, 1, (500, 12)).astype(np.float32)
    strange[:, 6] += 9
    assert np.quantile(known, 0.05) > np.quantile(score(reference, strange), 0.95)


def test_energy_is_the_logarithm_of_the_sum_of_exponentials() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [200.0, -200.0, 0.0]], np.float32)
    reference = fit_reference("energy", *near_centres(10, seed=0))
    scores = reference.score(tf.zeros((2, 12)), tf.constant(logits)).numpy()
    np.testing.assert_allclose(scores, [np.log(np.exp(logits[0]).sum()), 200.0], rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_score_is_one_finite_number_an_image_and_the_same_again(method: FittedMethod) -> None:
    features, labels = near_centres(400, seed=0)
    first, second = (fit_reference(method, features, labels, seed=5) for _ in range(2))
    scores = score(first, features[:7])
    assert scores.shape == ((1,) if method == "energy" else (7,))
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores, score(second, features[:7]))


@pytest.mark.parametrize("method", ["neighbours", "relative"])
def test_a_direction_in_which_nothing_varies_breaks_nothing(method: FittedMethod) -> None:
    features, labels = near_centres(400, seed=0)
    features[:, 11] = 0
    assert np.isfinite(score(fit_reference(method, features, labels), features)).all()


def test_features_stand_behind_the_logits() -> None:
    model = build(TinyCnn(width=4), (8, 8, 3), 5)
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    both = with_features(model)(images).numpy()
    np.testing.assert_allclose(both[:, :5], model(images).numpy(), rtol=1e-6)
    features = keras.Model(model.input, model.get_layer("features").output)
    np.testing.assert_allclose(both[:, 5:], features(images).numpy(), rtol=1e-6)


def test_a_model_without_features_is_told_so() -> None:
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(RunError, match="no layer 'features'"):
        with_features(plain)
