from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.cores import usable_cores


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="ascii")
    return root


def test_without_any_quota_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path, affinity=6) == 6
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("200000 100000", 2), ("150000 100000", 1), ("20000 100000", 1), ("max 100000", 8)],
)
def test_a_quota_of_cgroup_v2_counts_in_whole_cores(tmp_path: Path, limit: str, cores: int) -> None:
    write(tmp_path, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": limit})
    assert usable_cores(tmp_path, affinity=8) == cores


def test_the_narrowest_group_above_counts(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/pods/one/rotulo",
        "sys/fs/cgroup/pods/one/rotulo/cpu.max": "max 100000",
        "sys/fs/cgroup/pods/one/cpu.max": "300000 100000",
        "sys/fs/cgroup/pods/cpu.max": "500000 100000",
    }
    assert usable_cores(write(tmp_path, files), affinity=8) == 3


def test_the_affinity_counts_where_it_is_narrower(tmp_path: Path) -> None:
    write(tmp_path, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "400000 100000"})
    assert usable_cores(tmp_path, affinity=2) == 2


def test_a_path_of_the_host_s_falls_back_to_the_mount(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/docker/0123456789abcdef",
        "sys/fs/cgroup/cpu.max": "200000 100000",
    }
    assert usable_cores(write(tmp_path, files), affinity=8) == 2


@pytest.mark.parametrize(("quota", "cores"), [("250000", 2), ("-1", 8)])
def test_a_quota_of_cgroup_v1_counts(tmp_path: Path, quota: str, cores: int) -> None:
    files = {
        "proc/self/cgroup": "11:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/",
        "sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us": quota,
        "sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us": "100000",
    }
    assert usable_cores(write(tmp_path, files), affinity=8) == cores
