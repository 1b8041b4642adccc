"""What is let in: images and bytes in flight are bounded, and every place is given back.

The bound on bytes is taken as they arrive, so that many slow uploads cannot fill the memory
before one of them is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from service.errors import Overloaded, PayloadTooLarge


class Admission:
    """Counts what is in flight; belongs to one event loop."""

    def __init__(
        self, *, max_images: int, max_bytes: int, retry_after: Callable[[], float]
    ) -> None:
        """Take the bounds, and how long (seconds) a refused client should wait."""
        self.max_images = max_images
        self.max_bytes = max_bytes
        self.images = 0
        self.bytes = 0
        self._retry_after = retry_after

    @property
    def room(self) -> int:
        """Return how many places are free."""
        return self.max_images - self.images

    def image(self) -> Place:
        """Return the place of one image, to be held in a ``with``."""
        return Place(self)

    def upload(self, max_bytes: int) -> Upload:
        """Return room for the bytes of one upload of at most ``max_bytes``.

        To be held in a ``with`` from the first byte to the answer.
        """
        return Upload(self, max_bytes)

    def take_place(self) -> None:
        """Take the place of one image.

        Raises:
            Overloaded: all places are taken.
        """
        if self.room < 1:
            raise Overloaded(self._retry_after())
        self.images += 1

    def take_bytes(self, count: int) -> None:
        """Take room for so many bytes.

        Raises:
            Overloaded: there is no room.
        """
        if self.bytes + count > self.max_bytes:
            raise Overloaded(self._retry_after())
        self.bytes += count


class Place:
    """The place of one image among those in flight.

    Raises:
        Overloaded: all places are taken, on entering.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def __enter__(self) -> None:
        self._admission.take_place()

    def __exit__(self, *_: object) -> None:
        self._admission.images -= 1


class Upload:
    """The room that one upload takes: what it announced, or what came if that is more."""

    def __init__(self, admission: Admission, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held = 0
        self._admission = admission

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._admission.bytes -= self.held

    def hold(self, total: int) -> None:
        """Make sure of room for ``total`` bytes in all.

        Raises:
            PayloadTooLarge: one upload may not be that large.
            Overloaded: there is no room for it now.
        """
        if total > self.max_bytes:
            raise PayloadTooLarge(self.max_bytes)
        if total > self.held:
            self._admission.take_bytes(total - self.held)
            self.held = total
