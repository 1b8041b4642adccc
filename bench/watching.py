"""What a command said and what it took: memory and processor time, its children's too."""

import resource
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Watched:
    """One command: its standard output, the most MiB it held at once, and processor seconds."""

    told: str
    peak_mib: float
    cpu_seconds: float


def watched(command: Sequence[str]) -> Watched:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    peaks = [0.0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            peaks.append(sum(_proportional_mib(number) for number in _family(process.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    told, _ = process.communicate()
    ended.set()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Watched(told, max(peaks), spent)


def _family(parent: int) -> list[int]:
    found = [parent]
    for path in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in _read(path).split():
            found += _family(int(child))
    return found


def _proportional_mib(process: int) -> float:
    """Memory of a process, each page that it shares counted by its share (Pss)."""
    fields = _read(Path(f"/proc/{process}/smaps_rollup")).partition("\nPss:")[2].split()
    return int(fields[0]) / 1024 if fields else 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError:  # it has just ended
        return ""
