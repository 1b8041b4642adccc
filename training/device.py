"""The machine that a run is fitted on: precision, memory growth, and how many devices share it."""

from contextlib import suppress
from pathlib import Path

import keras
import tensorflow as tf

from training.processor import processor

# The first GPU generation with bfloat16 tensor cores is Ampere.
BFLOAT16_CAPABILITY = (8, 0)
BFLOAT16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})


def precision(cpu_flags: frozenset[str], capabilities: list[tuple[int, int]]) -> str:
    """The Keras policy for a machine: `mixed_bfloat16` where the hardware has it, or `float32`.

    Args:
        cpu_flags: the processor's features, as Linux names them.
        capabilities: the compute capability of each visible GPU; empty without any.
    """
    slowest = min(capabilities, default=None)
    bfloat16 = slowest >= BFLOAT16_CAPABILITY if slowest else bool(BFLOAT16_FLAGS & cpu_flags)
    return "mixed_bfloat16" if bfloat16 else "float32"


def detect_precision() -> str:
    """The Keras policy that this machine is fast with."""
    return precision(
        cpu_flags(), [_capability(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    )


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The processor's features; empty where the system does not tell."""
    if not cpuinfo.is_file():
        return frozenset()
    for line in cpuinfo.read_text().splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def prepare() -> tf.distribute.Strategy:
    """Let GPU memory grow as needed, and spread over every visible GPU when there are several.

    Without a GPU one operation runs at a time, on all cores: two at once take the caches from each
    other (10 % slower for airbench94 on two cores).
    """
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus and not tf.config.threading.get_inter_op_parallelism_threads():
        # A program that has used TensorFlow before goes on with the threads it has.
        with suppress(RuntimeError):
            tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, enable=True)
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()


def describe() -> dict[str, str]:
    """What a run was fitted on: the devices and the versions that decide its numbers."""
    gpus = [_name(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return {
        "device": ", ".join(gpus) or f"CPU ({processor()})",
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def _name(gpu: tf.config.PhysicalDevice) -> str:
    return str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))


def _capability(gpu: tf.config.PhysicalDevice) -> tuple[int, int]:
    details = tf.config.experimental.get_device_details(gpu)
    major, minor = details.get("compute_capability", (0, 0))
    return int(major), int(minor)
