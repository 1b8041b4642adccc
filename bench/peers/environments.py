"""Each server's own environment, built on demand from its lock in ``requirements/``."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.goals import OURS

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / ".peers"
_STAMP: Final = "compiled.sha256"


def lock_of(name: str) -> Path:
    """Return the lock of an environment; ours is what serves on the CPU, and no more."""
    return ROOT / "requirements" / ("serve-cpu.txt" if name == OURS else f"peer-{name}.txt")


def environment(name: str) -> Path:
    """Return the folder of a server's programs; built first where it is missing or its lock is new.

    Raises:
        subprocess.CalledProcessError: a package could not be installed; the command printed why.
    """
    folder, lock = FOLDER / name, lock_of(name)
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = folder / _STAMP
    if not stamp.is_file() or stamp.read_text("ascii") != digest:
        uv = str(Path(sys.executable).with_name("uv"))
        python = folder / "bin" / "python"
        subprocess.run([uv, "venv", "--quiet", "--clear", str(folder)], check=True)
        command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--no-deps"]
        command += ["--python", str(python), "--require-hashes", "-r", str(lock)]
        subprocess.run(command, check=True)
        stamp.write_text(digest, "ascii")
    return folder / "bin"


def locked_version(name: str, package: str) -> str:
    """Return the version of a package in a peer's lock."""
    for line in lock_of(name).read_text("utf-8").splitlines():
        if line.startswith(f"{package}=="):
            return line.removeprefix(f"{package}==").split()[0]
    raise LookupError(f"{lock_of(name)} does not hold {package}")


def our_version() -> str:
    """Return Rótulo's own."""
    return version("rotulo")
