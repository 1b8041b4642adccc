from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.processes import PeakMemory, ServerFailed, cpu_seconds, resident_bytes, running, tree

# A server in two processes, of which the second ignores SIGTERM and outlives the first.
STUBBORN = """
import os, signal, sys, time
child = os.fork()
if child == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    held = bytearray(50_000_000)
    open(sys.argv[1], "w").write(str(os.getpid()))
while True:
    time.sleep(1)
"""


def test_nothing_of_a_server_outlives_it_and_all_of_it_is_counted(tmp_path: Path) -> None:
    said = tmp_path / "pid"

    def answers() -> bool:
        return said.exists() and said.read_text() != ""

    with running([sys.executable, "-c", STUBBORN, str(said)], answers=answers) as server:
        child = int(said.read_text())
        assert {server.pid, child} == {one.pid for one in tree(server.pid)}
        with PeakMemory(server.pid) as peak:
            assert resident_bytes(server.pid) > 50_000_000
        assert peak.bytes > 50_000_000
        assert cpu_seconds(server.pid) >= 0
        assert server.ready_seconds > 0
    assert tree(server.pid) + tree(child) == []


def test_a_server_that_ends_says_what_it_wrote() -> None:
    with (
        pytest.raises(ServerFailed, match="no such model"),
        running([sys.executable, "-c", "raise SystemExit('no such model')"], answers=bool),
    ):
        pass
