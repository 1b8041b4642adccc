from __future__ import annotations

from pathlib import Path

import pytest

from training.device import cpu_flags, describe, detect_precision, precision

AMX = frozenset({"avx2", "avx512f", "amx_bf16", "amx_tile"})
AVX512 = frozenset({"avx2", "avx512f", "avx512_bf16"})
PLAIN = frozenset({"avx2", "avx512f", "avx512_vnni"})


@pytest.mark.parametrize(
    ("flags", "capabilities", "expected"),
    [
        pytest.param(AMX, [], "mixed_bfloat16", id="cpu-with-amx"),
        pytest.param(AVX512, [], "mixed_bfloat16", id="cpu-with-avx512-bf16"),
        pytest.param(PLAIN, [], "float32", id="cpu-without"),
        pytest.param(frozenset(), [], "float32", id="unknown-cpu"),
        pytest.param(PLAIN, [(8, 0)], "mixed_bfloat16", id="ampere"),
        pytest.param(PLAIN, [(9, 0), (12, 0)], "mixed_bfloat16", id="newer"),
        pytest.param(AMX, [(7, 5)], "float32", id="turing-beside-amx"),
        pytest.param(PLAIN, [(9, 0), (7, 0)], "float32", id="the-oldest-decides"),
        pytest.param(AMX, [(0, 0)], "float32", id="gpu-that-does-not-tell"),
    ],
)
def test_precision_follows_the_hardware(
    flags: frozenset[str], capabilities: list[tuple[int, int]], expected: str
) -> None:
    assert precision(flags, capabilities) == expected


def test_the_processors_features_are_read_from_linux(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 amx_bf16\n\nprocessor\t: 1\n")
    assert cpu_flags(cpuinfo) == {"fpu", "avx2", "amx_bf16"}


def test_a_system_that_tells_nothing_has_no_known_features(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path / "absent") == frozenset()
    (tmp_path / "cpuinfo").write_text("processor\t: 0\n")
    assert cpu_flags(tmp_path / "cpuinfo") == frozenset()


def test_this_machine_can_be_described() -> None:
    described = describe()
    assert described.keys() == {"device", "tensorflow", "keras"}
    assert all(described.values())
    assert detect_precision() in {"float32", "mixed_bfloat16"}
