"""The batch sizes that a device is prepared for, and how any batch is made of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


def bucket_sizes(max_batch: int) -> tuple[int, ...]:
    """Return the powers of two below the largest batch, and the largest batch."""
    return (*(2**power for power in range((max_batch - 1).bit_length())), max_batch)


@dataclass(frozen=True, slots=True)
class Piece:
    """Images ``start`` to before ``end`` of a batch, which run together in a bucket."""

    start: int
    end: int
    bucket: int


def pieces(images: int, buckets: Sequence[int]) -> Iterator[Piece]:
    """Yield how a batch of so many images is run: in full largest buckets, and the least that fits.

    ``buckets`` rise. At most as many rows as images are padding, because each bucket is at most
    twice the one before.
    """
    largest = buckets[-1]
    for start in range(0, images, largest):
        end = min(start + largest, images)
        yield Piece(start, end, buckets[bisect_left(buckets, end - start)])
