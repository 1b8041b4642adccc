"""Start a server with all its processes, watch what they take, and end every one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

START_SECONDS: Final = 180.0
END_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.02
SAMPLE_SECONDS: Final = 0.1
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class ServerFailed(Exception):
    """A server that ended, or did not answer in time; says what it wrote last."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers: its first process, and how long it took until it answered."""

    pid: int
    ready_seconds: float


@dataclass(frozen=True, slots=True)
class Process:
    """One line of ``/proc/PID/stat`` (proc(5)): whose child, which session, its CPU seconds."""

    pid: int
    parent: int
    session: int
    started: int
    cpu_seconds: float


@contextmanager
def running(
    command: Sequence[str], *, answers: Callable[[], bool], env: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Start a command and wait until it ``answers``; on leaving, no process of it is left.

    Raises:
        ServerFailed: it ended first, or never answered.
    """
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=None if env is None else {**os.environ, **env},
            start_new_session=True,
        )
        try:
            while not answers():
                if process.poll() is not None or time.perf_counter() - began > START_SECONDS:
                    log.seek(0)
                    said = log.read()[-2000:].decode(errors="replace")
                    raise ServerFailed(f"{command[:4]} does not answer:\n{said}")
                time.sleep(POLL_SECONDS)
            yield Running(process.pid, time.perf_counter() - began)
        finally:
            _end(process)


def tree(pid: int) -> list[Process]:
    """Return a process, what descends from it, and all else in its session."""
    every = list(_processes())
    found = {pid}
    grown = True
    while grown:
        more = {one.pid for one in every if one.parent in found or one.session == pid} - found
        found |= more
        grown = bool(more)
    return [one for one in every if one.pid in found]


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process and all that belong to it."""
    pages = 0
    for one in tree(pid):
        try:
            pages += int(Path(f"/proc/{one.pid}/statm").read_text().split()[1])
        except OSError:  # ended meanwhile
            continue
    return pages * _PAGE


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and all that belong to it have taken."""
    return sum(one.cpu_seconds for one in tree(pid))


class PeakMemory:
    """Samples the resident memory of a server while a block runs."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            self.bytes = max(self.bytes, resident_bytes(self._pid))
            if self._stop.wait(SAMPLE_SECONDS):
                return


def _processes() -> Iterator[Process]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            line = (folder / "stat").read_text()
        except OSError:  # ended meanwhile
            continue
        # The name in brackets may hold blanks; the fields behind it begin with the third.
        fields = line.rpartition(")")[2].split()
        if fields[0] == "Z":  # ended, and not yet waited for
            continue
        seconds = (int(fields[11]) + int(fields[12])) / _TICKS
        yield Process(int(folder.name), int(fields[1]), int(fields[3]), int(fields[19]), seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the first process to end; after that kill whatever is left of its tree."""
    known = {(one.pid, one.started) for one in tree(process.pid)}
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        known |= {(one.pid, one.started) for one in tree(process.pid)}
        process.kill()
        process.wait()
    deadline = time.monotonic() + END_SECONDS / 4
    while left := [one for one in _processes() if (one.pid, one.started) in known]:
        if time.monotonic() > deadline:
            for one in left:
                os.kill(one.pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
