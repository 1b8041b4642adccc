"""The licence of each package that a deployment installs, and whether we may ship it.

    python -m deploy.licences requirements/serve-cpu.txt

Reads what is installed; a package of the lock that is not installed here (another platform's, or
CUDA's) is named as such. Exit code 1 when a licence is none that the policy knows.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

PERMISSIVE: Final = frozenset(
    {
        "0BSD", "APACHE", "BSD", "CC0", "CNRI-PYTHON", "HPND", "ISC", "MIT", "MIT-CMU", "PSF",
        "PYTHON", "UNLICENSE", "ZLIB",
    }
)  # fmt: skip
"""Families that ask for no more than their text and their names."""

WEAK: Final = frozenset({"MPL", "LGPL"})
"""Families that ask for the source of themselves alone, which we ship unchanged, as wheels."""

NOT_INSTALLED: Final = "not installed here"
UNKNOWN: Final = "unknown"

_PIN: Final = re.compile(r"^([a-z0-9][a-z0-9._-]*)==", re.MULTILINE)
_FAMILIES: Final = re.compile(
    r"\b(0BSD|APACHE|BSD|CC0|CNRI-PYTHON|HPND|ISC|MIT-CMU|MIT|PSF|PYTHON|UNLICENSE|ZLIB|MPL|"
    r"MOZILLA PUBLIC|LGPL|LESSER GENERAL PUBLIC|AGPL|AFFERO|GPL|GENERAL PUBLIC|PROPRIETARY)",
    re.IGNORECASE,
)
_SPELT: Final = {"MOZILLA PUBLIC": "MPL", "LESSER GENERAL PUBLIC": "LGPL"}


@dataclass(frozen=True, slots=True)
class Licensed:
    """A package, what it says of its licence, and whether the policy knows it."""

    package: str
    licence: str
    allowed: bool


def licences_of(lock: Path) -> Iterator[Licensed]:
    """Give each package of a lock with its licence, in the lock's order."""
    for package in _PIN.findall(lock.read_text("utf-8")):
        licence = licence_of(package)
        yield Licensed(package, licence, licence == NOT_INSTALLED or allowed(licence))


def licence_of(package: str) -> str:
    """Return what an installed package says: its expression, else its classifiers, else its text.

    Where it says nothing, the first line of the licence that it brings is its name.
    Source: PEP 639; older packages have only what came before it.
    """
    try:
        installed = distribution(package)
    except PackageNotFoundError:
        return NOT_INSTALLED
    fields = installed.metadata
    classifiers = [
        classifier.rpartition(" :: ")[2]
        for classifier in fields.get_all("Classifier") or ()
        if classifier.startswith("License ::")
    ]
    expression, text = (
        str(fields[name]).strip().partition("\n")[0] if name in fields else ""
        for name in ("License-Expression", "License")
    )
    brought = (
        (installed.read_text(f"licenses/{name}") or "").lstrip().partition("\n")[0]
        for name in fields.get_all("License-File") or ()
    )
    return expression or "; ".join(classifiers) or text or next(brought, "") or UNKNOWN


def allowed(licence: str) -> bool:
    """Return whether every family that a licence names is one that we may ship."""
    named = {_SPELT.get(name.upper(), name.upper()) for name in _FAMILIES.findall(licence)}
    return bool(named) and named <= PERMISSIVE | WEAK


def main(locks: list[str]) -> int:
    """Print package, licence and verdict for each lock; return the exit code."""
    refused = 0
    for lock in locks:
        for found in licences_of(Path(lock)):
            refused += not found.allowed
            verdict = "" if found.allowed else "REFUSED"
            print(f"{found.package:45} {found.licence:70} {verdict}".rstrip())  # noqa: T201
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
