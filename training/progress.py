"""How a fit is shown: a bar for people, a line of JSON an event for programs."""

import json
import sys
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class BarProgress:
    """A bar over the whole fit with epoch, loss, accuracy, images a second and time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TextColumn("{task.fields[rate]:.0f} images/s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, *, epochs: int, done: int, images: int) -> None:
        """Show an empty bar, or one that is filled as far as the run got before."""
        self._task = self._bar.add_task(
            "fit",
            total=epochs * images,
            completed=done * images,
            epoch=done + 1,
            epochs=epochs,
            figures="",
            rate=0.0,
        )

    def step(self, *, images: int, loss: float, accuracy: float) -> None:
        """Move on by a batch."""
        rate = self._bar.tasks[-1].speed or 0.0
        # A pass in which nothing is fitted has no such figures.
        figures = f"loss {loss:.3f}  accuracy {accuracy:.3f}" if loss or accuracy else ""
        self._bar.update(self._task, advance=images, figures=figures, rate=rate)

    def epoch(self, measured: dict[str, float]) -> None:
        """Leave a line with the epoch's figures."""
        figures = "  ".join(f"{name} {value:.4f}" for name, value in _rest(measured).items())
        self._console.print(f"epoch {measured['epoch']:.0f}  {figures}")
        epochs = self._bar.tasks[-1].fields["epochs"]
        self._bar.update(self._task, epoch=min(int(measured["epoch"]) + 1, epochs))


class JsonProgress:
    """A line of JSON at the start and after each epoch."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is open."""

    def begin(self, *, epochs: int, done: int, images: int) -> None:
        """Tell what is about to be fitted."""
        self._tell({"event": "begin", "epochs": epochs, "done": done, "images": images})

    def step(self, *, images: int, loss: float, accuracy: float) -> None:
        """Batches are too many to tell."""

    def epoch(self, measured: dict[str, float]) -> None:
        """Tell what an epoch gave."""
        self._tell({"event": "epoch", **measured})

    def _tell(self, event: dict[str, object]) -> None:
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()


def _rest(measured: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in measured.items() if name != "epoch"}
