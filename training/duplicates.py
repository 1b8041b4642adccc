"""Finds images that are the same picture, or nearly: within a split, and across two.

A perceptual hash finds candidates (each bit says whether a place is brighter than its neighbour to
the right, on a grid of 9 by 8), and their pixels decide. A picture that stands in training and in
test flatters every figure.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS = 8, 9
# Bits of 64 that may differ between candidates, and root mean square of the pixels' differences
# (of 255) up to which they are the same picture. Looked at by eye on CIFAR-10, between its halves:
# of 40 pairs below 22 all were one picture, of 40 from 22 to 28 all but two.
BITS = 8
DISTANCE = 30.0
BLOCK = 256
# Candidates are compared so many at a time, and no more are looked at in all.
AT_ONCE = 4096
MOST_CANDIDATES = 5_000_000


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images by their places in their splits, `distance` apart (0 to 255; 0 is identical)."""

    first: int
    second: int
    distance: float


@dataclass(frozen=True, slots=True)
class Found:
    """The pairs from near to far; `complete` unless there were too many candidates to look at."""

    pairs: tuple[Pair, ...]
    complete: bool


def hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A number of 64 bits for each of uint8 [N, H, W, C]: alike for pictures that look alike."""
    bits = np.empty((len(images), ROWS * (COLUMNS - 1)), np.bool_)
    for start in range(0, len(images), BLOCK):
        small = _shrunk(images[start : start + BLOCK])
        bits[start : start + BLOCK] = (small[:, :, :-1] > small[:, :, 1:]).reshape(len(small), -1)
    packed = np.packbits(bits, axis=1)
    return packed.view(np.uint64).reshape(len(images))


def near_duplicates(first: NDArray[np.uint8], second: NDArray[np.uint8] | None = None) -> Found:
    """Pairs of one split, or with one image from each of two; images uint8 [N, H, W, C]."""
    ours = hashes(first)
    theirs = ours if second is None else hashes(second)
    others = first if second is None else second
    pairs: list[Pair] = []
    looked_at = 0
    for start in range(0, len(ours), BLOCK):
        apart = np.bitwise_count(ours[start : start + BLOCK, None] ^ theirs[None])
        rows, columns = np.nonzero(apart <= BITS)
        rows = rows + start
        if second is None:
            once = rows < columns
            rows, columns = rows[once], columns[once]
        looked_at += len(rows)
        if looked_at > MOST_CANDIDATES:
            return Found(_sorted(pairs), complete=False)
        pairs += _alike(first, others, rows, columns)
    return Found(_sorted(pairs), complete=True)


def _alike(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> list[Pair]:
    pairs = []
    for start in range(0, len(rows), AT_ONCE):
        ours, theirs = rows[start : start + AT_ONCE], columns[start : start + AT_ONCE]
        # Every few pixels of a large image tell as much.
        step = max(1, first.shape[1] // 32)
        apart = first[ours, ::step, ::step].astype(np.float32) - second[theirs, ::step, ::step]
        distances = np.sqrt((apart**2).mean(axis=(1, 2, 3)))
        pairs += [
            Pair(int(ours[place]), int(theirs[place]), float(distances[place]))
            for place in np.flatnonzero(distances <= DISTANCE)
        ]
    return pairs


def _shrunk(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey means over a grid: float32 [N, ROWS, COLUMNS]."""
    grey = images.astype(np.float32).mean(axis=3)
    down = _means(grey, ROWS, axis=1)
    return _means(down, COLUMNS, axis=2)


def _means(values: NDArray[np.float32], parts: int, axis: int) -> NDArray[np.float32]:
    edges = np.linspace(0, values.shape[axis], parts + 1)
    slices = [
        values.take(
            range(int(low), max(int(low) + 1, int(np.ceil(high)))), axis=axis, mode="clip"
        ).mean(axis=axis)
        for low, high in pairwise(edges)
    ]
    return np.stack(slices, axis=axis)


def _sorted(pairs: list[Pair]) -> tuple[Pair, ...]:
    return tuple(sorted(pairs, key=lambda pair: (pair.distance, pair.first, pair.second)))
