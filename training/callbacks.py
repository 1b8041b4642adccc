"""What happens between the steps of a fit: slow weights, checkpoints, history, progress."""

import time
from typing import Any, Protocol

import keras
import tensorflow as tf

from training.following import History, best_epoch, has_ended, rate_scale
from training.optimisers import RateTable
from training.recipe import Fit, Lookahead
from training.run import Run


class SlowWeights(keras.callbacks.Callback):
    """Lookahead (see `recipe.Lookahead`): the model's weights return to a slow average.

    Args:
        lookahead: how often and how firmly.
        model: whose floating-point variables are averaged, moving statistics included.
        total_steps: of the whole fit.
        steps: those done so far in the whole fit, kept in the checkpoint.
    """

    def __init__(
        self, lookahead: Lookahead, model: keras.Model, total_steps: int, steps: tf.Variable
    ) -> None:
        super().__init__()
        self.lookahead = lookahead
        self.total_steps = total_steps
        self.steps = steps
        self.fast = [weight.value for weight in model.weights if "float" in weight.dtype]
        self.slow = [tf.Variable(weight, trainable=False) for weight in self.fast]
        self._return = tf.function(self._pull)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Every few steps, move slow towards fast, and put fast there; at the end, all the way."""
        del batch, logs
        step = int(self.steps.assign_add(1))
        if step == self.total_steps:
            self._return(tf.constant(0.0))
        elif step % self.lookahead.every == 0:
            share = step / self.total_steps
            self._return(tf.constant(1 - self.lookahead.strength * share**3, tf.float32))

    def _pull(self, share: tf.Tensor) -> None:
        """Slow += (fast - slow) * share; fast = slow."""
        for slow, fast in zip(self.slow, self.fast, strict=True):
            slow.assign_add((fast - slow) * share)
            fast.assign(slow)


class BestWeights:
    """A copy of all of a model's weights, for the epoch that is best so far."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self.copies = [tf.Variable(weight, trainable=False) for weight in model.weights]

    def take(self) -> None:
        """Copy the model's weights."""
        for copy, weight in zip(self.copies, self._model.weights, strict=True):
            copy.assign(weight.value)

    def give_back(self) -> None:
        """Put the copies into the model."""
        for copy, weight in zip(self.copies, self._model.weights, strict=True):
            weight.assign(copy)


class FollowValidation(keras.callbacks.Callback):
    """Keeps the best weights, lowers the rate and ends the fit, as the recipe has it.

    It comes before `KeepState`, whose checkpoint holds the best weights. All else follows from the
    history (see `following`).

    Args:
        fit: what to do when.
        rates: whose scale a plateau lowers.
        best: where the best weights go; None if the last ones are kept.
        history: of the epochs before.
    """

    def __init__(
        self, fit: Fit, rates: RateTable, best: BestWeights | None, history: History
    ) -> None:
        super().__init__()
        self.fit = fit
        self.rates = rates
        self.best = best
        self.history = list(history)
        self._lower_rate()

    @property
    def ended(self) -> bool:
        """Whether the fit ends here, whatever epochs are left."""
        return has_ended(self.fit.early_stopping, self.history)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at what the epoch gave."""
        del epoch
        self.history.append({name: float(value) for name, value in (logs or {}).items()})
        monitor = self.fit.keep_best
        if self.best and monitor and best_epoch(monitor, self.history) == len(self.history):
            self.best.take()
        self._lower_rate()
        self.model.stop_training = self.ended

    def finish(self) -> None:
        """Put the best weights into the model, if any epoch was one of the best."""
        if self.best and self.fit.keep_best and best_epoch(self.fit.keep_best, self.history):
            self.best.give_back()

    def _lower_rate(self) -> None:
        self.rates.scale.assign(rate_scale(self.fit.plateau, self.history))


class KeepState(keras.callbacks.Callback):
    """After each epoch, writes a checkpoint and the history, so that a killed run goes on."""

    def __init__(self, run: Run, manager: tf.train.CheckpointManager, epochs: tf.Variable) -> None:
        super().__init__()
        self.run = run
        self.manager = manager
        self.epochs = epochs
        self.history = run.history()[: int(epochs)]
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note when the epoch began."""
        del epoch, logs
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the history first: the checkpoint says how much of it counts."""
        seconds = time.perf_counter() - self._started
        measured = {name: float(value) for name, value in (logs or {}).items()}
        self.history.append({"epoch": epoch + 1, "seconds": round(seconds, 2), **measured})
        self.run.write_history(self.history)
        self.epochs.assign(epoch + 1)
        self.manager.save()


class Progress(Protocol):
    """Who wants to know how a fit goes."""

    def begin(self, *, epochs: int, done: int, images: int) -> None:
        """A fit of `epochs` of `images` each starts, `done` of which are there already."""

    def step(self, *, images: int, loss: float, accuracy: float) -> None:
        """One more batch of `images`; loss and accuracy are means over the epoch so far."""

    def epoch(self, measured: dict[str, float]) -> None:
        """An epoch ended."""


class TellProgress(keras.callbacks.Callback):
    """Passes Keras's numbers on."""

    def __init__(self, progress: Progress, batch_size: int) -> None:
        super().__init__()
        self.progress = progress
        self.batch_size = batch_size

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """One batch."""
        del batch
        logs = logs or {}
        self.progress.step(
            images=self.batch_size,
            loss=float(logs.get("loss", 0.0)),
            accuracy=float(logs.get("accuracy", 0.0)),
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """One epoch."""
        measured = {name: float(value) for name, value in (logs or {}).items()}
        self.progress.epoch({"epoch": epoch + 1, **measured})
