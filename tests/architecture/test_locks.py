"""The lock files say what `pyproject.toml` asks for, and name no index."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def lock(root: Path) -> ModuleType:
    """Return the script that writes the locks; it lies beside them, in no package."""
    spec = importlib.util.spec_from_file_location("lock", root / "requirements" / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_locks_are_fresh_and_hashed(lock: ModuleType, root: Path) -> None:
    locks = sorted((root / "requirements").glob("*.txt"))
    assert {path.name for path in locks} == {lock.BUILD, *lock.EXTRAS, *lock.GROUPS}
    digest = lock.dependency_digest()
    assert [fault for path in locks for fault in lock.faults(path, digest)] == []


def test_a_changed_dependency_makes_the_locks_stale(
    lock: ModuleType, root: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "pyproject.toml"
    text = (root / "pyproject.toml").read_text("utf-8")
    changed.write_text(text.replace('"pillow>=13"', '"pillow>=12"'), "utf-8")
    faults = lock.faults(root / "requirements" / "serve-cpu.txt", lock.dependency_digest(changed))
    assert faults == ["serve-cpu.txt: older than pyproject.toml; run `make lock`"]


@pytest.mark.parametrize(
    "line",
    [
        "pillow==13.0.0",
        "pillow>=13 \\",
        "--find-links somewhere",
        "pillow @ https://example.org/pillow.whl \\",
        "    # via rotulo",
    ],
)
def test_a_line_that_is_no_hashed_pin_is_named(
    lock: ModuleType, root: Path, tmp_path: Path, line: str
) -> None:
    copy = tmp_path / "serve-cpu.txt"
    copy.write_text((root / "requirements" / copy.name).read_text("utf-8") + line + "\n", "utf-8")
    faults = lock.faults(copy, lock.dependency_digest())
    assert f"serve-cpu.txt: not a pin with its hash: {line}" in faults


def test_serving_locks_hold_no_tensorflow_and_one_onnx_runtime(
    lock: ModuleType, root: Path
) -> None:
    for name, runtime in {
        "serve-cpu.txt": "onnxruntime",
        "serve-cuda.txt": "onnxruntime-gpu",
    }.items():
        assert name in lock.EXTRAS
        pins = (root / "requirements" / name).read_text("utf-8").splitlines()
        packages = {line.partition("==")[0] for line in pins if "==" in line}
        assert {p for p in packages if p.startswith(("tensorflow", "keras"))} == set()
        assert {p for p in packages if p.startswith("onnxruntime")} == {runtime}
