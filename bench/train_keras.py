"""Steps of a recipe's net as `fit` takes them, for `bench.train`.

    python -m bench.train_keras RECIPE SECONDS [BATCH]

Random images, as many as some batches need. It prints a line of JSON: images/s from one batch in
memory and from the recipe's pipeline, the share of time that steps waited for the pipeline, and
what this is.
"""

import json
import sys
import time
from collections.abc import Iterator
from itertools import repeat
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf

from training import device
from training.batches import training_batches
from training.data import Split
from training.fit import build_model, compile_model, count
from training.optimisers import make_optimiser
from training.recipes import find_recipe
from training.run import RunConfig
from training.schedules import factors

BATCHES: Final = 8
WARM_UP: Final = 3
CLASSES: Final = 10
SIDE: Final = 32
# More epochs than any measurement gets through.
EPOCHS: Final = 1_000_000

Batch = tuple[tf.Tensor, tf.Tensor]


def main() -> None:
    """Measure one net."""
    recipe = find_recipe(sys.argv[1])
    seconds = float(sys.argv[2])
    if len(sys.argv) > 3:  # noqa: PLR2004 - as the usage says
        size = int(sys.argv[3])
        recipe = recipe.model_copy(
            update={"fit": recipe.fit.model_copy(update={"batch_size": size})}
        )
    device.prepare()
    policy = device.detect_precision()
    keras.mixed_precision.set_dtype_policy(policy)
    keras.utils.set_random_seed(0)
    size = recipe.fit.batch_size
    split = _random_split(BATCHES * size)
    model = build_model(recipe)
    if hasattr(model, "adapt_to"):
        model.adapt_to(split.images)
    optimiser, _ = make_optimiser(
        recipe.fit.optimiser, factors(recipe.fit.schedule, 1000), model.trainable_variables
    )
    compile_model(model, optimiser, recipe)
    fed = iter(training_batches(split, RunConfig(recipe=recipe), 0, EPOCHS))
    in_memory, _ = _measure(model, repeat(next(fed)), size, seconds)
    piped, waiting = _measure(model, fed, size, seconds)
    answer: dict[str, Any] = {
        "images_per_second": in_memory,
        "fed_images_per_second": piped,
        "waiting": waiting,
        "batch": size,
        "parameters": count(model),
        "precision": policy,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }
    sys.stdout.write(json.dumps(answer) + "\n")


def _measure(
    model: keras.Model, batches: Iterator[Batch], size: int, seconds: float
) -> tuple[float, float]:
    """Images a second, and the share of time in which a step waited for its batch."""
    for _ in range(WARM_UP):
        model.train_on_batch(*next(batches))
    steps, waited, began = 0, 0.0, time.perf_counter()
    while not steps or time.perf_counter() - began < seconds:
        asked = time.perf_counter()
        images, targets = next(batches)
        waited += time.perf_counter() - asked
        # It gives numbers, so that the step is over when it returns.
        model.train_on_batch(images, targets)
        steps += 1
    took = time.perf_counter() - began
    return steps * size / took, waited / took


def _random_split(images: int) -> Split:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (images, SIDE, SIDE, 3), np.uint8)
    return Split(pixels, generator.integers(0, CLASSES, images))


if __name__ == "__main__":
    main()
