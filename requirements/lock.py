"""Write the lock files beside this script, or check that they are fresh.

A lock pins every package with its hashes for every platform, and names no index: it is
read by whatever index the machine is configured for. Each one carries the digest of the
tables of `pyproject.toml` from which it was made, so that a stale one is found offline.

    make lock               what pyproject.toml asks for, keeping the versions that still fit
    make lock UPGRADE=1     the newest versions that fit
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
PROJECT: Final = FOLDER.parent / "pyproject.toml"
OLDEST_PYTHON: Final = "3.11"

BUILD: Final = "build.txt"
"""What an editable install builds with; the other locks agree with its versions."""

DEPLOYED: Final = ("postgres", "redis", "signing", "sigstore", "tracing")
"""What a deployment may switch on by a setting, and so must be in the image."""

EXTRAS: Final = MappingProxyType(
    {
        "serve-cpu.txt": ("cpu", *DEPLOYED),
        "serve-cuda.txt": ("cuda", *DEPLOYED),
        "dev.txt": (
            "cpu",
            *DEPLOYED,
            "client",
            "ray",
            "training",
            "training-tensorboard",
            "export",
            "dev",
        ),
    },
)
"""The extras that each lock covers."""

PEERS: Final = ("peer-bentoml", "peer-dask", "peer-litserve", "peer-mosec", "peer-naive")

GROUPS: Final = MappingProxyType(
    {f"{group}.txt": group for group in ("sbom", "audit", "kserve", "fuzz", *PEERS)},
)
"""Locks of programs with an environment of their own, by their group of dependencies."""

BARE: Final = frozenset({"kserve.txt"})
"""Locks without what their packages depend on: these are read, and never imported."""

_DIGEST_LINE: Final = re.compile(r"^# pyproject: sha256:([0-9a-f]{64})$", re.MULTILINE)
_PIN: Final = re.compile(r"^[a-z0-9][a-z0-9._-]*==[^\s;]+( ; [^\\]+?)? \\$")
_HASH: Final = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def dependency_digest(project: Path = PROJECT) -> str:
    """Return the SHA-256 (hex) of all that decides what the locks hold."""
    tables = tomllib.loads(project.read_text(encoding="utf-8"))
    deciding = {
        "build": tables["build-system"]["requires"],
        "python": tables["project"]["requires-python"],
        "dependencies": tables["project"]["dependencies"],
        "extras": tables["project"]["optional-dependencies"],
        "groups": tables["dependency-groups"],
        "uv": tables["tool"]["uv"],
        "locks": {name: list(extras) for name, extras in EXTRAS.items()},
    }
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def write_locks(*, upgrade: bool) -> None:
    """Resolve every lock anew with uv; needs an index to ask."""
    tables = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    _compile(BUILD, ["-"], upgrade=upgrade, stdin="\n".join(tables["build-system"]["requires"]))
    for name, extras in EXTRAS.items():
        chosen = [f"--extra={extra}" for extra in extras]
        _compile(name, [PROJECT.name, *chosen, f"--constraint={FOLDER / BUILD}"], upgrade=upgrade)
    for name, group in GROUPS.items():
        _compile(name, ["-"], upgrade=upgrade, stdin="\n".join(tables["dependency-groups"][group]))


def _compile(name: str, sources: list[str], *, upgrade: bool, stdin: str | None = None) -> None:
    lock = FOLDER / name
    alone = ["--no-deps"] if name in BARE else []
    command = [
        str(Path(sys.executable).with_name("uv")), "--no-config", "pip", "compile", *sources,
        *alone, "--universal", f"--python-version={OLDEST_PYTHON}", "--fork-strategy=fewest",
        "--generate-hashes",
        "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links",
        "--quiet", f"--output-file={lock}", *(["--upgrade"] if upgrade else []),
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=PROJECT.parent, input=stdin, text=True)
    header = f"# Written by `make lock`; do not edit.\n# pyproject: sha256:{dependency_digest()}\n"
    lock.write_text(header + lock.read_text(encoding="utf-8"), encoding="utf-8")


def faults(lock: Path, digest: str) -> list[str]:
    """Return what is wrong with a lock file: staleness, a line that is no hashed pin."""
    if not lock.is_file():
        return [f"{lock.name}: missing"]
    text = lock.read_text(encoding="utf-8")
    found = _DIGEST_LINE.search(text)
    stale = found is None or found.group(1) != digest
    wrong = [f"{lock.name}: older than pyproject.toml; run `make lock`"] if stale else []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        pinned = _PIN.match(line) and _HASH.match(after)
        if not (pinned or _HASH.match(line)):
            wrong.append(f"{lock.name}: not a pin with its hash: {line}")
    return wrong


def main() -> int:
    """Write or check, as the flags say; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the lock files, or check them.")
    parser.add_argument("--check", action="store_true", help="only say whether they are fresh")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    options = parser.parse_args()
    if not options.check:
        write_locks(upgrade=options.upgrade)
    digest = dependency_digest()
    wrong = [fault for name in (BUILD, *EXTRAS, *GROUPS) for fault in faults(FOLDER / name, digest)]
    sys.stderr.writelines(f"{fault}\n" for fault in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
