"""The service makes no request to anyone, whatever its libraries would like to tell theirs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def kept_by(program: str, home: Path, **variables: str) -> list[str]:
    """Return the files that ONNX Runtime leaves of its telemetry: a device's id and a queue."""
    # ONNX Runtime keeps quiet of itself where it sees continuous integration.
    silencing = {"ORT_DISABLE_TELEMETRY", "CI"}
    clean = {k: v for k, v in os.environ.items() if k not in silencing}
    homes = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=ROOT, env=clean | homes | variables, check=True, timeout=240)
    return [path.name for path in home.rglob("*") if path.is_file()]


def test_onnx_runtime_starts_without_its_telemetry(tmp_path: Path) -> None:
    assert "deviceid" not in kept_by("import service.classifier", tmp_path)


def test_the_device_s_id_is_what_telemetry_would_leave(tmp_path: Path) -> None:
    """Without this the test above could not fail."""
    program = "import service.classifier"
    assert "deviceid" in kept_by(program, tmp_path, ORT_DISABLE_TELEMETRY="0")
