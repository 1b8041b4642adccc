"""The static checks are tests too: one command runs them all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(sys.executable).parent


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(TOOLS / command[0]), *command[1:]],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("ruff", "check", "--no-cache"), id="ruff"),
        pytest.param(("ruff", "format", "--check", "--no-cache"), id="format"),
        pytest.param(("mypy",), id="mypy"),
        pytest.param(("lint-imports", "--no-cache"), id="import-directions"),
    ],
)
def test_a_static_check_has_nothing_to_say(root: Path, command: tuple[str, ...]) -> None:
    finished = run(root, *command)
    assert finished.returncode == 0, finished.stdout + finished.stderr


FORBIDDEN_AT_START = (
    *("keras", "matplotlib", "pyarrow", "sklearn", "tensorflow", "tf2onnx"),
    *("alembic", "sqlalchemy"),  # for those who keep corrections
)


def test_importing_the_service_loads_nothing_of_training_nor_what_few_need(root: Path) -> None:
    program = "import sys, service.app; print(*{name.partition('.')[0] for name in sys.modules})"
    finished = run(root, Path(sys.executable).name, "-c", program)
    assert finished.returncode == 0, finished.stderr
    loaded = set(finished.stdout.split())
    assert "service" in loaded
    assert loaded.isdisjoint({*FORBIDDEN_AT_START, "training", "export"})
