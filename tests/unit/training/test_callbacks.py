from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from training.callbacks import SlowWeights, TellProgress
from training.recipe import Lookahead

STEPS, EVERY, STRENGTH = 10, 3, 0.8


def reference(path: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return where the weight is after each step, which adds the path's next number to it.

    Zhang 2019, algorithm 1, with Jordan's pull that grows with the cube of the share of steps.
    """
    fast = slow = np.float32(0)
    places = []
    for step, change in enumerate(path, start=1):
        fast = fast + change
        if step == STEPS:
            fast = slow
        elif step % EVERY == 0:
            slow = slow + (fast - slow) * np.float32(1 - STRENGTH * (step / STEPS) ** 3)
            fast = slow
        places.append(fast)
    return np.array(places, np.float32)


def model_of_one_weight() -> keras.Model:
    images = keras.Input((1,))
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    return keras.Model(images, layer(images))


def follow(path: NDArray[np.float32]) -> NDArray[np.float32]:
    model, steps = model_of_one_weight(), tf.Variable(0, dtype=tf.int64)
    subject = SlowWeights(Lookahead(every=EVERY, strength=STRENGTH), model, STEPS, steps)
    places = []
    for number, change in enumerate(path):
        model.weights[0].assign_add([[change]])
        subject.on_train_batch_end(number)
        places.append(float(model.weights[0].numpy()[0, 0]))
    assert int(steps) == len(path)
    return np.array(places, np.float32)


def test_fast_weights_return_to_the_slow_ones_as_in_the_paper() -> None:
    path = np.random.default_rng(0).normal(size=STEPS).astype("f4")
    np.testing.assert_allclose(follow(path), reference(path), atol=1e-6)


def test_between_the_returns_the_fast_weights_go_where_they_like() -> None:
    assert follow(np.ones(2, "f4")).tolist() == [1, 2]


def test_whole_numbers_are_no_weights_to_average() -> None:
    class Counting(keras.layers.Layer):
        def build(self, input_shape: tuple[int | None, ...]) -> None:
            self.count = self.add_weight(name="count", dtype="int32", shape=(), trainable=False)
            self.factor = self.add_weight(name="factor", shape=())

        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            return inputs * self.factor

    images = keras.Input((1,))
    model = keras.Model(images, Counting()(images))
    assert len(model.weights) == 2
    subject = SlowWeights(Lookahead(), model, 10, tf.Variable(0, dtype=tf.int64))
    assert len(subject.fast) == 1


class Listener:
    """A progress that remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, float]]] = []

    def begin(self, *, epochs: int, done: int, images: int) -> None:
        self.told.append(("begin", {"epochs": epochs, "done": done, "images": images}))

    def step(self, *, images: int, loss: float, accuracy: float) -> None:
        self.told.append(("step", {"images": images, "loss": loss, "accuracy": accuracy}))

    def epoch(self, measured: dict[str, float]) -> None:
        self.told.append(("epoch", measured))


@pytest.mark.parametrize("logs", [None, {"loss": 1.5, "accuracy": 0.25}])
def test_progress_is_told_each_batch_and_each_epoch(logs: dict[str, float] | None) -> None:
    listener = Listener()
    subject = TellProgress(listener, batch_size=20)
    subject.on_train_batch_end(0, logs)
    subject.on_epoch_end(4, logs)
    expected = logs or {"loss": 0.0, "accuracy": 0.0}
    assert listener.told == [
        ("step", {"images": 20, **expected}),
        ("epoch", {"epoch": 5, **(logs or {})}),
    ]
