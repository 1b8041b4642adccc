"""Random numbers for a step of a run: the same ones whenever they are asked for."""

from collections.abc import Sequence
from enum import IntEnum

import tensorflow as tf


class Stream(IntEnum):
    """Streams of random numbers that must not meet, drawn from one seed."""

    FLIPS = 1
    CROPS = 2
    MOVEMENTS = 3
    SQUARES = 4
    PARTNERS = 5
    SHARES = 6
    BOXES = 7
    OPERATIONS = 8
    MAGNITUDES = 9
    OTHERS = 10
    FOCUS = 11


def uniform(
    shape: Sequence[int | tf.Tensor],
    seed: int,
    stream: Stream,
    step: tf.Tensor,
    low: float = 0.0,
    high: float = 1.0,
) -> tf.Tensor:
    """Numbers from `low` to below `high`: float32 of `shape`."""
    return tf.random.stateless_uniform(shape, [seed + stream, step], low, high)
