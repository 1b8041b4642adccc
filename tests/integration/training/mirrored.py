"""Fits the narrow recipe on two devices.

    python -m tests.integration.training.mirrored DATA RUN STEP

STEP is `own` for the recipe's own optimiser, or `adam`.

The devices are halves of this machine's processor, since TensorFlow must know of them before its
first operation; what runs is what runs on two GPUs, but for the kernels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tensorflow as tf

from tests.colours import NARROW, colours
from training.fit import fit
from training.optimisation import Adam
from training.progress import JsonProgress
from training.run import Run, RunConfig
from training.settings import TrainingSettings

if __name__ == "__main__":
    data, folder, step = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    colours()
    by_adam = NARROW.fit.model_copy(update={"optimiser": Adam(learning_rate=0.003)})
    recipe = NARROW.model_copy(update={"fit": by_adam}) if step == "adam" else NARROW
    run = Run.start(folder, RunConfig(recipe=recipe))
    fit(run, TrainingSettings(data_dir=data), JsonProgress(), strategy=strategy)
