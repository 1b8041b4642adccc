"""A fit that is spread over several devices."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.colours import write_colours
from tests.unmeasured import unmeasured
from training.run import Run


@pytest.mark.timeout(900)
@pytest.mark.parametrize("step", ["own", "adam"])
def test_a_fit_on_two_devices_learns_and_ends_as_a_run_like_any_other(
    tmp_path: Path, root: Path, step: str
) -> None:
    data, folder = write_colours(tmp_path / "data"), tmp_path / "run"
    program = [sys.executable, "-m", "tests.integration.training.mirrored"]
    finished = subprocess.run(
        [*program, str(data), str(folder), step],
        cwd=root,
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    events = [json.loads(line) for line in finished.stdout.splitlines()]
    assert [event["event"] for event in events] == ["begin", *["epoch"] * 4]
    run = Run.open(folder)
    losses = [epoch["val_loss"] for epoch in run.history()]
    assert losses[-1] < losses[0]
    assert run.finished
    assert run.read("calibration.json")["accuracy"] > 0.5
