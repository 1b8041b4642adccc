"""The proof that a provider says what the CPU says, before anybody is answered by it.

Another provider has other kernels, other orders of additions and, now and then, an error of its
own; a graph that loads proves nothing. So both label a few pictures when a model is loaded.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from service.contract import InputSpec
    from service.providers.runners import Runner

PICTURES: Final = 16
EXACT: Final = 1e-3
"""How far float32 may come from float32, as a share of the largest number (of 1, if that is less):
only the order of additions differs."""
ROUNDED: Final = 5e-2
"""The same for arithmetic that keeps 10 bits of float32's 23: float16, TensorFloat-32."""
COARSE: Final = 0.1
"""The same for bfloat16, which keeps 7. What ships is off by 0.03 of its largest number there, and
the file before by 0.07; a wrong kernel was off by 0.25 (docs/operations.md)."""

_GRIDS: Final = (1, 2, 4, 8, 0)  # cells on a side; 0 is one a pixel


class AnswersDiffer(Exception):
    """A provider does not say what the CPU says; the message says how far apart they are."""


def pictures(spec: InputSpec, count: int = PICTURES) -> NDArray[np.uint8]:
    """Return so many pictures ``[N, H, W, C]``, from one colour over patches to noise.

    They are the same at every start: what is proven once is not a matter of luck later. Their noise
    is of a hash, since NumPy's generators would take 7 MB of every service.
    """
    drawn = []
    for number in range(count):
        grid = _GRIDS[number % len(_GRIDS)]
        down, across = (min(grid or side, side) for side in (spec.height, spec.width))
        shape = (down, across, spec.channels)
        noise = hashlib.shake_256(f"picture {number}".encode()).digest(math.prod(shape))
        cells = np.frombuffer(noise, np.uint8).reshape(shape)
        rows = np.arange(spec.height) * down // spec.height
        columns = np.arange(spec.width) * across // spec.width
        drawn.append(cells[rows][:, columns])
    return np.stack(drawn)


def prove(runner: Runner, reference: Runner, spec: InputSpec, *, within: float) -> float:
    """Return the largest difference of a logit over the pictures, together and one of them alone.

    Args:
        runner: what is to be proven.
        reference: the CPU's.
        spec: what the graph takes.
        within: the bound on each output, as a share of its largest number or of 1.

    Raises:
        AnswersDiffer: another best label on some picture, or numbers further apart.
    """
    drawn = pictures(spec)
    expected = reference.run(drawn)
    allowed = _allowed(expected, within)
    return max(
        _compare(runner.run(drawn), expected, allowed),
        _compare(runner.run(drawn[:1]), [output[:1] for output in expected], allowed),
    )


def prove_one_by_one(
    runner: Runner, reference: Runner, spec: InputSpec, *, within: float = EXACT
) -> None:
    """Return when both say the same of a picture of each kind, alone in its batch.

    For two sessions of the same file on the same provider, of which neither should be asked for
    more memory than it needs.

    Raises:
        AnswersDiffer: another best label on some picture, or numbers further apart than ``within``.
    """
    for picture in pictures(spec, len(_GRIDS)):
        expected = reference.run(picture[None])
        _compare(runner.run(picture[None]), expected, _allowed(expected, within))


def _allowed(expected: list[NDArray[np.float32]], within: float) -> list[float]:
    """Return how far each output may be off: a share of its largest number, or of 1."""
    return [within * max(1.0, float(np.abs(output).max())) for output in expected]


def _compare(
    given: list[NDArray[np.float32]], expected: list[NDArray[np.float32]], allowed: list[float]
) -> float:
    turned = int((given[0].argmax(axis=1) != expected[0].argmax(axis=1)).sum())
    apart = [float(np.abs(a - b).max()) for a, b in zip(given, expected, strict=True)]
    # Not `difference > bound`, which a NaN would pass.
    if turned or not all(far <= bound for far, bound in zip(apart, allowed, strict=True)):
        raise AnswersDiffer(
            f"it gives another best label than the CPU on {turned} of {len(expected[0])} "
            f"pictures, and numbers apart by {', '.join(f'{far:.2g}' for far in apart)} where "
            f"{', '.join(f'{bound:.2g}' for bound in allowed)} is allowed"
        )
    return apart[0]
