"""Look for inputs that break decoding or the splitting of forms: ``make fuzz``.

Both are fuzzed at once, each by a process of its own, with atheris (libFuzzer). What is found, and
the corpus that grows, lie in a folder outside of the repository.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.fuzzing import seeds

ROOT: Final = Path(__file__).resolve().parents[2]
SEEDS: Final = {"decoding": seeds.pictures, "forms": seeds.forms}
LIMITS: Final = ("-timeout=20", "-rss_limit_mb=1024", "-max_len=65536")
"""Of one input: seconds (an image takes milliseconds), and the process's memory."""
_EXECUTED: Final = re.compile(r"^stat::number_of_executed_units: +(\d+)$", re.MULTILINE)
_PEAK: Final = re.compile(r"^stat::peak_rss_mb: +(\d+)$", re.MULTILINE)


class Fuzzer:
    """One target's process, with its corpus, its log and what broke it."""

    def __init__(self, name: str, folder: Path, seconds: int) -> None:
        self.name = name
        self._broken = folder / name / "broken"
        self._log = folder / name / "log"
        corpus, start, words = (folder / name / part for part in ("corpus", "seeds", "words"))
        for made in (self._broken, corpus):
            made.mkdir(parents=True, exist_ok=True)
        seeds.write(start, SEEDS[name]())
        seeds.write_words(words)
        self._known = set(self._broken.iterdir())
        command = [
            sys.executable, "-m", "tests.fuzzing.target", name, str(corpus), str(start), *LIMITS,
            f"-max_total_time={seconds}", f"-artifact_prefix={self._broken}/",
            "-print_final_stats=1", *([f"-dict={words}"] if name == "forms" else []),
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def told(self) -> tuple[str, bool]:
        """Wait for the end; return what is to be told of it, and whether nothing was found."""
        status = self._process.wait()
        log = self._log.read_text("utf-8", errors="replace")
        executed, peak = (
            found.group(1) if (found := pattern.search(log)) else "?"
            for pattern in (_EXECUTED, _PEAK)
        )
        lines = [f"{self.name}: {executed} inputs, peak {peak} MiB, exit {status}; {self._log}"]
        lines += [f"  python -m tests.fuzzing.target {self.name} {new}" for new in self._new()]
        return "\n".join(lines), status == 0

    def stop(self) -> None:
        """End the process, if it has not ended."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def _new(self) -> Iterable[Path]:
        return sorted(set(self._broken.iterdir()) - self._known)


def main() -> int:
    """Fuzz each target for so many seconds; return 1 when one of them broke."""
    parser = argparse.ArgumentParser(description="Fuzz decoding and the splitting of forms.")
    parser.add_argument("targets", nargs="*", default=[], metavar="decoding|forms")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    folder = options.folder.resolve()
    if folder.is_relative_to(ROOT):
        parser.error("what strangers could send has no place in the repository")
    fuzzers = [Fuzzer(name, folder, options.seconds) for name in options.targets or SEEDS]
    try:
        told = [fuzzer.told() for fuzzer in fuzzers]
    finally:
        for fuzzer in fuzzers:
            fuzzer.stop()
    sys.stdout.write("\n".join(line for line, _ in told) + "\n")
    return 0 if all(fine for _, fine in told) else 1


if __name__ == "__main__":
    sys.exit(main())
