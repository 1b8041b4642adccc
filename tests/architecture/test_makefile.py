"""What `make` hands to the programs that it starts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path


def test_what_make_starts_keeps_its_bytecode(root: Path, tool: Callable[[str], Path]) -> None:
    """Else every process that a test starts compiles all that it imports."""
    shown = subprocess.run(
        [tool("make"), "--eval", "shown:; @env", "shown"],
        cwd=root,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "CI": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "CI=true" in shown.stdout.splitlines()
    assert "PYTHONDONTWRITEBYTECODE" not in shown.stdout
