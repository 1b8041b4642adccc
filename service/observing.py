"""What a batcher tells whoever watches it."""

from __future__ import annotations

from typing import Protocol


class BatchObserver(Protocol):
    """What wants to know how the batcher fares; called on the event loop, and must not raise."""

    def batch_ran(self, size: int, seconds: float) -> None:
        """Learn that a batch of so many images gave logits after so many seconds in the model."""

    def batch_failed(self, size: int) -> None:
        """Learn that a batch of so many images failed; one of several images is then run again."""


class Unobserved:
    """The observer for whoever wants none."""

    def batch_ran(self, size: int, seconds: float) -> None:
        """Ignore it."""

    def batch_failed(self, size: int) -> None:
        """Ignore it."""
