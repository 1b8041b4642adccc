"""What the processor can do, as Linux tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CPUINFO: Final = Path("/proc/cpuinfo")
FLAGS: Final = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx_vnni",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
)
"""What makes a CPU fast at convolutions, by Linux's names."""


def cpu_flags(cpuinfo: Path = CPUINFO) -> dict[str, bool]:
    """Return which of ``FLAGS`` the CPU has; none where the system does not say."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        lines = []
    found = next((set(line.split()) for line in lines if line.startswith("flags")), set[str]())
    return {flag: flag in found for flag in FLAGS}
