from __future__ import annotations

import io
import json

from rich.console import Console

from training.progress import BarProgress, JsonProgress


def test_programs_get_a_line_of_json_for_the_start_and_each_epoch() -> None:
    stream = io.StringIO()
    with JsonProgress(stream) as progress:
        progress.begin(epochs=2, done=1, images=200)
        progress.step(images=20, loss=1.0, accuracy=0.5)
        progress.epoch({"epoch": 2, "loss": 0.5})
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {"event": "begin", "epochs": 2, "done": 1, "images": 200},
        {"event": "epoch", "epoch": 2, "loss": 0.5},
    ]


def test_people_see_epoch_loss_accuracy_speed_and_time_left() -> None:
    console = Console(file=io.StringIO(), width=160, force_terminal=True, color_system=None)
    with BarProgress(console) as progress:
        progress.begin(epochs=3, done=1, images=100)
        progress.step(images=50, loss=1.25, accuracy=0.5)
        progress.epoch({"epoch": 2, "loss": 1.25, "val_accuracy": 0.75})
        progress.epoch({"epoch": 3, "loss": 1.0, "val_accuracy": 0.875})
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    for expected in ("loss 1.250", "accuracy 0.500", "images/s", "val_accuracy 0.8750"):
        assert expected in shown
    assert "epoch 4/3" not in shown
