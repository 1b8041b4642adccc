from __future__ import annotations

from pathlib import Path

from service.processor import FLAGS, cpu_flags


def test_flags_are_those_of_linux_and_none_where_it_does_not_say(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nflags\t: fpu avx2 amx_bf16 amx_tiles\n")
    assert {flag for flag, there in cpu_flags(cpuinfo).items() if there} == {"avx2", "amx_bf16"}
    assert cpu_flags(tmp_path / "absent") == dict.fromkeys(FLAGS, False)
