"""Keras optimizers that follow a table of rates: Keras's own, and Nesterov momentum with groups."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from training.optimisation import Adam, AdamW, NesterovSgd, Optimiser, RmsProp, Sgd


@keras.saving.register_keras_serializable(package="rotulo")
class RateTable(keras.optimizers.schedules.LearningRateSchedule):
    """A rate for each step: `peak_rate` times the step's factor times `scale`.

    Beyond its end the table stays at its last factor. `scale` is a variable that starts at 1, for
    plateaus to lower; factor and scale together never go below `floor`.
    """

    def __init__(self, peak_rate: float, factors: list[float], floor: float = 0.0) -> None:
        self.peak_rate = peak_rate
        self.factors = factors
        self.floor = floor
        self.scale = keras.Variable(1.0, trainable=False, dtype="float32", name="rate_scale")

    def factor(self, step: tf.Tensor) -> tf.Tensor:
        """The factor of a step, as a float32 scalar."""
        table = ops.convert_to_tensor(self.factors, dtype="float32")
        place = ops.minimum(ops.cast(step, "int32"), len(self.factors) - 1)
        return ops.maximum(ops.take(table, place) * self.scale, self.floor)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The rate of a step, as a float32 scalar."""
        return self.peak_rate * self.factor(step)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to build this table again."""
        return {"peak_rate": self.peak_rate, "factors": self.factors, "floor": self.floor}


def make_optimiser(
    config: Optimiser, factors: list[float], variables: list[keras.Variable], floor: float = 0.0
) -> tuple[keras.optimizers.Optimizer, RateTable]:
    """The optimizer of a recipe, built for these variables, and the table that it follows."""
    if isinstance(config, NesterovSgd):
        optimiser = GroupedNesterov(
            peak_rate=config.learning_rate,
            factors=factors,
            momentum=config.momentum,
            weight_decay_per_step=config.weight_decay,
            bias_factor=config.bias_factor,
            decay_biases=config.decay_biases,
            floor=floor,
        )
        rates = optimiser.rates
    else:
        rates = RateTable(config.learning_rate, factors, floor)
        optimiser = _of_keras(config, rates)
        if isinstance(config, AdamW):
            spared = [variable for variable in variables if len(variable.shape) == 1]
            optimiser.exclude_from_weight_decay(var_list=spared)
    optimiser.build(variables)
    return optimiser, rates


def _of_keras(config: Sgd | Adam | AdamW | RmsProp, rates: RateTable) -> keras.optimizers.Optimizer:
    match config:
        case AdamW(weight_decay=decay):
            return keras.optimizers.AdamW(rates, weight_decay=decay)
        case Adam():
            return OneKernelAdam(rates)
        case RmsProp():
            return OneKernelRmsProp(rates)
        case Sgd(momentum=momentum):
            return keras.optimizers.SGD(rates, momentum=momentum)


class _OneKernel(keras.optimizers.Optimizer):
    """A step of Keras's as TensorFlow's kernel for it: one pass over each variable.

    Keras 3 writes the same step out as several passes, each with an array of its own; so it stays
    where a fit is spread over several devices, whose variables have no one handle for a kernel.
    """

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Move one variable by one step."""
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            super().update_step(gradient, variable, learning_rate)
            return
        gradient, rate = (tf.cast(each, variable.dtype) for each in (gradient, learning_rate))
        self._apply_kernel(gradient, variable, rate, self._get_variable_index(variable))

    def _apply_kernel(
        self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor, place: int
    ) -> None:
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="rotulo")
class OneKernelAdam(_OneKernel, keras.optimizers.Adam):
    """Keras's `Adam`, one kernel a variable."""

    def _apply_kernel(
        self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor, place: int
    ) -> None:
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


@keras.saving.register_keras_serializable(package="rotulo")
class OneKernelRmsProp(_OneKernel, keras.optimizers.RMSprop):
    """Keras's `RMSprop`, one kernel a variable.

    The kernel keeps a momentum for each variable, which without momentum is its last change.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        """Create what the kernel keeps for each variable."""
        if self.built:
            return
        super().build(variables)
        if not self.momentum:
            self._momentums = self.add_optimizer_variables(variables, "momentum")

    def _apply_kernel(
        self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor, place: int
    ) -> None:
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=self._velocities[place].value.handle,
            mom=self._momentums[place].value.handle,
            lr=rate,
            rho=self.rho,
            momentum=self.momentum,
            epsilon=self.epsilon,
            grad=gradient,
        )


@keras.saving.register_keras_serializable(package="rotulo")
class GroupedNesterov(keras.optimizers.Optimizer):
    """Stochastic gradient descent with Nesterov momentum, a group for biases, decoupled decay.

    With d = gradient * rate + weight * weight_decay * (rate / peak rate), the velocity becomes
    v = momentum * v + d and the weight loses d + momentum * v (Sutskever 2013). Variables of one
    dimension (biases, and the shifts of batch norms) use the rate times `bias_factor` and the same
    decay, or none (Jordan 2024, section 3.4). The schedule is a `RateTable`.
    """

    def __init__(  # noqa: PLR0913 - Keras rebuilds it from these
        self,
        *,
        peak_rate: float,
        factors: list[float],
        momentum: float,
        weight_decay_per_step: float,
        bias_factor: float = 1.0,
        decay_biases: bool = True,
        floor: float = 0.0,
        name: str = "grouped_nesterov",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=peak_rate, name=name, **kwargs)
        self.peak_rate = peak_rate
        self.rates = RateTable(peak_rate, factors, floor)
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
        factor = ops.cast(self.rates.factor(self.iterations), variable.dtype)
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
            "factors": self.rates.factors,
            "momentum": self.momentum,
            "weight_decay_per_step": self.weight_decay_per_step,
            "bias_factor": self.bias_factor,
            "decay_biases": self.decay_biases,
            "floor": self.rates.floor,
            "name": self.name,
        }
