"""Nesterov momentum with groups, as a Keras optimizer."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="rotulo")
class GroupedNesterov(keras.optimizers.Optimizer):
    """Stochastic gradient descent with Nesterov momentum, a group for biases, decoupled decay.

    With d = gradient * rate + weight * weight_decay * (rate / peak rate), the velocity becomes
    v = momentum * v + d and the weight loses d + momentum * v (Sutskever 2013). Variables of one
    dimension (biases, and the shifts of batch norms) use the rate times `bias_factor` and the same
    decay, or none (Jordan 2024, section 3.4). The schedule is a table of factors, one a step.
    """

    def __init__(
        self,
        *,
        peak_rate: float,
        factors: list[float],
        momentum: float,
        weight_decay_per_step: float,
        bias_factor: float = 1.0,
        decay_biases: bool = True,
        name: str = "grouped_nesterov",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=peak_rate, name=name, **kwargs)
        self.peak_rate = peak_rate
        self.factors = factors
        self.momentum = momentum
        self.weight_decay_per_step = weight_decay_per_step
        self.bias_factor = bias_factor
        self.decay_biases = decay_biases

    def build(self, variables: list[keras.Variable]) -> None:
        """Create a velocity for each variable."""
        if self.built:
            return
        super().build(variables)
        self.velocities = [
            self.add_variable_from_reference(variable, name="velocity") for variable in variables
        ]

    def update_step(
        self,
        gradient: tf.Tensor,
        variable: keras.Variable,
        learning_rate: tf.Tensor,
    ) -> None:
        """Move one variable by one step."""
        velocity = self.velocities[self._get_variable_index(variable)]
        table = ops.convert_to_tensor(self.factors, dtype=variable.dtype)
        step = ops.minimum(ops.cast(self.iterations, "int32"), len(self.factors) - 1)
        factor = ops.take(table, step)
        rate = ops.cast(learning_rate, variable.dtype) * factor
        bias = len(variable.shape) == 1
        if bias:
            rate = rate * self.bias_factor
        change = ops.cast(gradient, variable.dtype) * rate
        if self.decay_biases or not bias:
            change = change + variable * (self.weight_decay_per_step * factor)
        self.assign(velocity, velocity * self.momentum + change)
        self.assign_sub(variable, change + velocity * self.momentum)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to build this optimizer again."""
        return {
            "peak_rate": self.peak_rate,
            "factors": self.factors,
            "momentum": self.momentum,
            "weight_decay_per_step": self.weight_decay_per_step,
            "bias_factor": self.bias_factor,
            "decay_biases": self.decay_biases,
            "name": self.name,
        }
