"""The tracked files of the checkout, as the architecture tests read them."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

PACKAGES = ("service", "training", "export", "deploy")
"""What is installed; `bench` and `tests` are not."""


@dataclass(frozen=True)
class Module:
    """A Python file of ours; `path` is relative to the checkout."""

    path: Path
    text: str

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of its syntax tree."""
        return tuple(ast.walk(ast.parse(self.text)))

    @property
    def names(self) -> set[str]:
        """Every name, attribute and imported name that it mentions."""
        found: set[str] = set()
        for node in self.nodes:
            match node:
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                    found.add(name.rpartition(".")[2])
        return found


def files(root: Path, *patterns: str) -> list[Path]:
    """Return the files that git tracks or would track, relative to the checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return sorted(Path(name) for name in listed.split("\0") if name and (root / name).is_file())


def modules(root: Path, *folders: str) -> list[Module]:
    """Return the Python files under some folders; everything when none is named."""
    patterns = [f"{folder}/**.py" for folder in folders] or ["*.py"]
    return [_module(root, path) for path in files(root, *patterns)]


@cache
def _module(root: Path, path: Path) -> Module:
    """Read a file once, so that it is parsed once for all tests."""
    return Module(path, (root / path).read_text("utf-8"))
