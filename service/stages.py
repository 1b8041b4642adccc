"""How long each stage of a request took, for ``Server-Timing`` and for its spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from starlette.requests import Request


class StageSpan(NamedTuple):
    """One stage of one image, by the clock of ``time.monotonic()``."""

    name: str
    started: float
    ended: float


class Timeline(NamedTuple):
    """When one image came to each of its stages, by the clock of ``time.monotonic()``.

    It waits twice: for a thread that decodes it, and for one that runs the model.
    """

    submitted: float
    decoding: float
    decoded: float
    running: float
    ended: float

    def seconds(self, read_seconds: float) -> dict[str, float]:
        """Return the seconds of each stage by its name, with those that the upload took."""
        return {
            "read": read_seconds,
            "decode": self.decoded - self.decoding,
            "queue": self.decoding - self.submitted + self.running - self.decoded,
            "inference": self.ended - self.running,
        }

    def spans(self) -> tuple[StageSpan, ...]:
        """Return the stages as they followed each other, without those that took no time."""
        each = (
            StageSpan("queue", self.submitted, self.decoding),
            StageSpan("decode", self.decoding, self.decoded),
            StageSpan("queue", self.decoded, self.running),
            StageSpan("inference", self.running, self.ended),
        )
        return tuple(span for span in each if span.ended > span.started)


class RequestStages(NamedTuple):
    """The stages of one request's images, its upload first; they go side by side."""

    started: float
    read_seconds: float
    images: Sequence[Timeline]

    def seconds(self) -> Mapping[str, float]:
        """Return the seconds of each stage: the longest of its images'; nothing where it has none.

        ``started`` and the images' times are of one clock.
        """
        each = [image.seconds(self.read_seconds) for image in self.images]
        if len(each) == 1:
            return each[0]
        return {name: max(one[name] for one in each) for name in (each[0] if each else ())}

    def spans(self) -> tuple[StageSpan, ...]:
        """Return the stages of all images behind that of the upload."""
        read = StageSpan("read", self.started, self.started + self.read_seconds)
        return (read, *(span for image in self.images for span in image.spans()))


def keep_stages(request: Request, stages: RequestStages) -> None:
    """Keep a request's stages for its answer's headers, and for its trace."""
    request.scope["state"]["stages"] = stages


def server_timing(seconds: Mapping[str, float]) -> str:
    """Return the header's value (https://www.w3.org/TR/server-timing/), in milliseconds."""
    return ", ".join([f"{name};dur={taken * 1000:.3f}" for name, taken in seconds.items()])
