from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from training.optimisers import GroupedNesterov, RateTable, make_optimiser
from training.recipe import Adam, AdamW, NesterovSgd, Optimiser, RmsProp, Sgd

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


def path(subject: keras.optimizers.Optimizer, variables: list[keras.Variable]) -> list[np.ndarray]:
    """Return the values after four steps of gradients that differ from step to step."""
    generator = np.random.default_rng(1)
    for _ in range(4):
        gradients = [generator.normal(size=variable.shape).astype("f4") for variable in variables]
        subject.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients], variables)
    return [variable.numpy() for variable in variables]


def ones() -> list[keras.Variable]:
    return [keras.Variable(np.ones((2, 3), "f4")), keras.Variable(np.ones(3, "f4"))]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Sgd(), keras.optimizers.SGD),
        (Adam(), keras.optimizers.Adam),
        (RmsProp(), keras.optimizers.RMSprop),
    ],
    ids=["sgd", "adam", "rmsprop"],
)
def test_without_a_schedule_they_are_kerass_with_kerass_defaults(
    config: Optimiser, expected: type[keras.optimizers.Optimizer]
) -> None:
    variables, others = ones(), ones()
    subject, _ = make_optimiser(config, [1.0], variables)
    for found, wanted in zip(path(subject, variables), path(expected(), others), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("config", [Adam(), RmsProp()], ids=["adam", "rmsprop"])
def test_a_step_is_one_kernel_for_each_variable(config: Optimiser) -> None:
    """Keras's own writes the same out as nine operations, which take three times as long."""
    variables = ones()
    subject, _ = make_optimiser(config, [1.0], variables)
    gradients = [keras.ops.ones(variable.shape) for variable in variables]
    step = tf.function(lambda: subject.apply(gradients, variables))
    kernels = [node.type for node in step.get_concrete_function().graph.get_operations()]
    assert sum(kernel.startswith("ResourceApply") for kernel in kernels) == len(variables)


def test_adamw_shrinks_weights_and_spares_biases() -> None:
    variables = ones()
    subject, _ = make_optimiser(AdamW(learning_rate=0.1, weight_decay=0.5), [1.0], variables)
    subject.apply([keras.ops.zeros(v.shape) for v in variables], variables)
    np.testing.assert_allclose(variables[0].numpy(), 1 - 0.1 * 0.5, rtol=1e-6)
    np.testing.assert_allclose(variables[1].numpy(), 1)


@pytest.mark.parametrize(
    "config", [NesterovSgd(learning_rate=0.1, momentum=0.0), Sgd(learning_rate=0.1)]
)
def test_a_plateau_lowers_the_rate_of_any_optimiser_down_to_the_floor(config: Optimiser) -> None:
    (variable,) = variables = [keras.Variable(np.zeros((1, 1), "f4"))]
    subject, rates = make_optimiser(config, [1.0, 0.5], variables, floor=0.3)
    moved = []
    for scale in (1.0, 1.0, 0.8, 0.1):
        rates.scale.assign(scale)
        before = float(variable.numpy()[0, 0])
        subject.apply([keras.ops.ones((1, 1))], variables)
        moved.append(before - float(variable.numpy()[0, 0]))
    assert moved == pytest.approx([0.1, 0.05, 0.04, 0.03])


def test_a_table_of_rates_is_built_again_from_its_configuration() -> None:
    table = RateTable(0.1, [1.0, 0.5], 0.2)
    assert RateTable.from_config(table.get_config()).get_config() == table.get_config()
