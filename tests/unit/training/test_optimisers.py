from __future__ import annotations

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from training.optimisers import GroupedNesterov

RATE, MOMENTUM, DECAY, BIAS_FACTOR = 0.1, 0.85, 0.01, 64.0
FACTORS = [0.2, 1.0, 0.6, 0.3]


def reference(
    weight: NDArray[np.float64], gradients: list[NDArray[np.float64]], *, bias: bool, decays: bool
) -> NDArray[np.float64]:
    """Return the weight after the steps that the optimiser's docstring describes."""
    velocity = np.zeros_like(weight)
    for step, gradient in enumerate(gradients):
        factor = FACTORS[min(step, len(FACTORS) - 1)]
        rate = RATE * factor * (BIAS_FACTOR if bias else 1.0)
        change = gradient * rate + weight * (DECAY * factor if decays else 0.0)
        velocity = MOMENTUM * velocity + change
        weight = weight - (change + MOMENTUM * velocity)
    return weight


def optimiser(*, decay_biases: bool = True) -> GroupedNesterov:
    return GroupedNesterov(
        peak_rate=RATE,
        factors=FACTORS,
        momentum=MOMENTUM,
        weight_decay_per_step=DECAY,
        bias_factor=BIAS_FACTOR,
        decay_biases=decay_biases,
    )


@pytest.mark.parametrize("decay_biases", [True, False])
def test_steps_follow_the_formula_for_weights_and_for_biases(decay_biases: bool) -> None:  # noqa: FBT001
    """Six steps: beyond its end, the schedule stays at its last factor."""
    generator = np.random.default_rng(0)
    kernel, bias = generator.normal(size=(3, 4)), generator.normal(size=4)
    variables = [keras.Variable(kernel.astype("f4")), keras.Variable(bias.astype("f4"))]
    gradients = [(generator.normal(size=(3, 4)), generator.normal(size=4)) for _ in range(6)]
    subject = optimiser(decay_biases=decay_biases)
    subject.build(variables)
    for pair in gradients:
        subject.apply([keras.ops.convert_to_tensor(g.astype("f4")) for g in pair])
    expected_kernel = reference(kernel, [pair[0] for pair in gradients], bias=False, decays=True)
    expected_bias = reference(bias, [pair[1] for pair in gradients], bias=True, decays=decay_biases)
    np.testing.assert_allclose(variables[0].numpy(), expected_kernel, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(variables[1].numpy(), expected_bias, rtol=1e-5, atol=1e-4)


def test_a_variable_that_is_left_out_stays_and_the_others_move() -> None:
    """So a bias can be frozen in the middle of a fit."""
    moved, left = keras.Variable(np.ones((2, 2), "f4")), keras.Variable(np.ones(2, "f4"))
    subject = optimiser()
    subject.build([moved, left])
    subject.apply([keras.ops.ones((2, 2))], [moved])
    assert left.numpy().tolist() == [1, 1]
    assert (moved.numpy() < 1).all()


def test_keras_can_build_it_again_from_its_configuration() -> None:
    subject = optimiser(decay_biases=False)
    again = GroupedNesterov.from_config(subject.get_config())
    assert again.get_config() == subject.get_config()
