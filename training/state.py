"""The state of a fit that a checkpoint holds: all that a killed run needs to go on unchanged."""

import keras
import tensorflow as tf

from training.callbacks import BestWeights, SlowWeights
from training.optimisers import make_optimiser
from training.run import Run
from training.schedules import factors


class State:
    """What changes while a model is fitted, and the checkpoint of it.

    Args:
        model: with its first weights, not yet compiled.
        run: whose recipe is followed, and where the checkpoint lies.
        total_steps: of the whole fit.
    """

    def __init__(self, model: keras.Model, run: Run, total_steps: int) -> None:
        fit = run.config.recipe.fit
        self.optimiser, self.rates = make_optimiser(
            fit.optimiser,
            factors(fit.schedule, total_steps),
            model.trainable_variables,
            fit.plateau.floor if fit.plateau else 0.0,
        )
        self.epochs = tf.Variable(0, dtype=tf.int64)
        steps = tf.Variable(0, dtype=tf.int64)
        self.slow = SlowWeights(fit.lookahead, model, total_steps, steps) if fit.lookahead else None
        self.best = BestWeights(model) if fit.keep_best else None
        self._checkpoint = tf.train.Checkpoint(
            weights=[weight.value for weight in model.weights],
            optimiser=[variable.value for variable in self.optimiser.variables],
            slow=self.slow.slow if self.slow else [],
            best=self.best.copies if self.best else [],
            seeds=[seed.value for seed in _seeds(model)],
            epochs=self.epochs,
            steps=steps,
        )
        self.manager = tf.train.CheckpointManager(
            self._checkpoint, str(run.checkpoints), max_to_keep=1
        )

    def restore(self) -> int:
        """Take on the last checkpoint if there is one; how many epochs are done."""
        if self.manager.latest_checkpoint:
            self._checkpoint.restore(self.manager.latest_checkpoint).assert_consumed()
        return int(self.epochs)


def _seeds(model: keras.Model) -> list[keras.Variable]:
    """The states of the random numbers that layers such as dropout draw from."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]
