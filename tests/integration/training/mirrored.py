"""Fits the narrow recipe on two devices: `python -m tests.integration.training.mirrored DATA RUN`.

The devices are halves of this machine's processor, since TensorFlow must know of them before its
first operation; what runs is what runs on two GPUs, but for the kernels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tensorflow as tf

from tests.colours import NARROW, colours
from training.fit import fit
from training.progress import JsonProgress
from training.run import Run, RunConfig
from training.settings import TrainingSettings

if __name__ == "__main__":
    data, folder = map(Path, sys.argv[1:])
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    colours()
    run = Run.start(folder, RunConfig(recipe=NARROW))
    fit(run, TrainingSettings(data_dir=data), JsonProgress(), strategy=strategy)
