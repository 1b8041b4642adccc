"""A run that was killed and interrupted, against one that was left in peace."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.colours import write_colours
from tests.unmeasured import unmeasured
from training.fit import load_model
from training.run import Run

STEPS_PER_EPOCH = 10


@dataclass(frozen=True)
class Runner:
    """Fits the narrow recipe in processes of their own."""

    root: Path
    data: Path

    def start(
        self, folder: Path, *, stop: str = "SIGKILL", after: int = 0
    ) -> subprocess.Popen[str]:
        program = [sys.executable, "-m", "tests.integration.training.program", stop, str(after)]
        arguments = ["fit", "colours-airbench", "--run", str(folder), "--seed", "5", "--json"]
        return subprocess.Popen(
            [*program, *arguments],
            cwd=self.root,
            env=unmeasured() | {"ROTULO_DATA_DIR": str(self.data)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def outcome(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code and the events of a process that has ended."""
    out, error = process.communicate()
    assert "Traceback" not in error, error
    return process.returncode, [json.loads(line) for line in out.splitlines()]


def weights(run: Run) -> dict[str, NDArray[np.float32]]:
    return {weight.path: np.asarray(weight) for weight in load_model(run).weights}


def measured(run: Run) -> list[dict[str, float]]:
    """Return the history without what depends on the clock."""
    return [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in run.history()]


@pytest.mark.timeout(900)
def test_a_run_that_was_killed_and_interrupted_ends_as_an_unbroken_one(
    tmp_path: Path, root: Path
) -> None:
    """Killed within the second of four epochs, interrupted within the third, bit for bit.

    Between epochs two and three the whitening bias stops learning, and Lookahead's slow weights
    differ from the fast ones at each end of an epoch.
    """
    runner = Runner(root, write_colours(tmp_path / "data"))
    peaceful, broken = tmp_path / "peaceful", tmp_path / "broken"

    code, events = outcome(runner.start(peaceful))
    assert code == 0
    assert [event["event"] for event in events] == ["begin", *["epoch"] * 4, "end"]

    code, events = outcome(runner.start(broken, after=STEPS_PER_EPOCH + 4))
    assert code == -signal.SIGKILL
    assert [event["event"] for event in events] == ["begin", "epoch"]
    assert not Run.open(broken).finished

    code, events = outcome(runner.start(broken, stop="SIGINT", after=STEPS_PER_EPOCH + 5))
    assert code == 130
    assert events[0] == {"event": "begin", "epochs": 4, "done": 1, "images": 200}
    assert [event.get("epoch") for event in events[1:]] == [2]

    code, events = outcome(runner.start(broken))
    assert code == 0
    assert events[0]["done"] == 2
    assert [event.get("epoch") for event in events[1:-1]] == [3, 4]

    first, second = Run.open(peaceful), Run.open(broken)
    assert measured(first) == measured(second)
    expected, found = weights(first), weights(second)
    assert expected.keys() == found.keys()
    assert len(expected) > 10
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    for record in ("calibration.json", "data.json", "recipe.json"):
        assert first.read(record) == second.read(record)
