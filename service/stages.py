"""How long each stage of a request took, for ``Server-Timing`` and for its spans."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

if TYPE_CHECKING:
    from service.labeller import LabelledImage


@dataclass(frozen=True, slots=True)
class StageSpan:
    """One stage of one image, by the clock of ``time.monotonic()``."""

    name: str
    started: float
    ended: float


def keep_stages(
    request: Request, images: Sequence[LabelledImage], *, started: float, read_seconds: float
) -> None:
    """Keep the stages of a request's images; ``started`` is a ``time.perf_counter()``.

    The images of one request go side by side, so its time in a stage is the longest of theirs.
    """
    began = time.monotonic() - (time.perf_counter() - started)
    request.state.spans = (
        StageSpan("read", began, began + read_seconds),
        *(span for image in images for span in image.spans),
    )
    each = [image.stages(read_seconds) for image in images]
    request.state.stages = {
        name: max(stages[name] for stages in each) for name in (each[0] if each else ())
    }


def server_timing(stages: Mapping[str, float]) -> str:
    """Return the header's value (https://www.w3.org/TR/server-timing/), in milliseconds."""
    return ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in stages.items())
