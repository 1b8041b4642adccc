"""How many processor cores this process may really use.

``os.cpu_count`` is the host's; a container is held back by its affinity and by the quota of its
control group, and threads beyond those only wait for each other.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

_CGROUP_MOUNT = "sys/fs/cgroup"


def usable_cores(root: Path = Path("/"), *, affinity: int | None = None) -> int:
    """Return the smaller of the affinity and the CPU quota in whole cores, at least one.

    A quota of 1.5 cores counts as one: a thread more would be throttled, and the slowest thread is
    the latency that a client sees. ``root`` is the file system and ``affinity`` a number of cores;
    both are there to be replaced in tests.
    """
    allowed = len(os.sched_getaffinity(0)) if affinity is None else affinity
    quotas = [*_quotas_v2(root), *_quotas_v1(root)]
    return max(1, min([allowed, *(int(quota) for quota in quotas)]))


def _quotas_v2(root: Path) -> list[float]:
    """Return the quotas, in cores, of this process's group and of those above it (cgroup v2)."""
    mount = root / _CGROUP_MOUNT
    quotas = []
    for folder in _with_parents(mount, _group(root, "")):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        quotas += _in_cores(quota, period)
    return quotas


def _quotas_v1(root: Path) -> list[float]:
    """Return the same from cgroup v1, where the cpu controller has a tree of its own."""
    mount = root / _CGROUP_MOUNT / "cpu"
    quotas = []
    for folder in _with_parents(mount, _group(root, "cpu")):
        quota, period = (_read(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        quotas += _in_cores(quota, period)
    return quotas


def _group(root: Path, controller: str) -> PurePosixPath:
    """Return this process's group from lines of ``id:controllers:path``; v2 names no controller."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return PurePosixPath(path.lstrip("/"))
    return PurePosixPath()


def _with_parents(mount: Path, group: PurePosixPath) -> list[Path]:
    """Return the group's folder and all above it up to the mount.

    In a container the path may be the host's and not exist here; the group then is the mount.
    """
    return [mount / part for part in (group, *group.parents)]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _in_cores(quota: str, period: str) -> list[float]:
    """Return quota divided by period; nothing where no limit is set (empty, ``max`` or ``-1``)."""
    if not (quota.isdigit() and period.isdigit()):
        return []
    return [int(quota) / int(period)]
