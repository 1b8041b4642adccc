"""What an operator decides about execution providers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Provider = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]
Accelerator = Literal["cuda", "tensorrt", "openvino"]
Precision = Literal["auto", "f32", "bf16", "f16"]

ONE_OWNER: Final = frozenset({"cuda", "tensorrt"})
"""Providers of which one thread owns the device: its buffers and graphs are for one batch at a
time, and a second caller would only wait while the batches got smaller."""


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """How the providers are asked for.

    ``max_batch`` is the largest batch that a device has buffers for, ``parallel_runs`` how many
    threads call ``run`` at one time, ``lone_threads`` how many work on an image while the CPU runs
    no other (1 for no second session), ``gpu_memory_bytes`` the most that one model's arena takes
    of the GPU (0 sets no bound), ``tensorrt_cache`` where engines are kept between starts. ``auto``
    is tried in this order before the CPU; TensorRT builds engines for minutes, so it must be named.
    """

    auto: tuple[Accelerator, ...] = ("cuda", "openvino")

    max_batch: int = 32
    parallel_runs: int = 1
    lone_threads: int = 1
    gpu_device: int = 0
    gpu_memory_bytes: int = 0
    cuda_graphs: bool = True
    tensorrt_cache: Path | None = None
    tensorrt_fp16: bool = False
    openvino_precision: Precision = "auto"


def runs_at_once(provider: str, workers: int) -> int:
    """Return how many batches may run at one time on a provider, of so many threads."""
    return 1 if provider in ONE_OWNER else workers
