"""On which parts of an image a label rests: cover one cell after another, and see the label fall.

Occlusion (Zeiler and Fergus 2014, arXiv 1311.2901, section 4.2) through the classifier that labels.
An explanation costs some forty labellings, so it must never cost those who label:

- At most ``explanations_at_once`` are computed; the next one is told to come back, before its
  upload is read.
- Each hands over ``CHUNK`` images at a time and waits for them. The batcher's queue is served in
  order, so that an image to be labelled finds at most ``CHUNK`` of each explanation before it, and
  under load an explanation gets ``CHUNK`` places of a full queue, a few in a hundred.
- While half of the queue is taken it is given up with a 503, as what waits is worth more.
- It ends at its deadline and when its client leaves; what is then queued never runs.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from service.admission import Admission
from service.containment import contained
from service.contract import DecodedImage, Manifest, Pixels, placement
from service.errors import DeadlineExceeded, InvalidParameter, NotFound, Overloaded
from service.i18n import Catalogue
from service.labeller import Logits
from service.labelling import calibrate
from service.metrics import Metrics
from service.settings import Settings
from service.turns import Turns
from service.wording import Wording

ROWS: Final = 6
COLUMNS: Final = 6
CHUNK: Final = 4
"""Images that one explanation has in the queue at a time."""

NEGLIGIBLE: Final = 0.05
"""A greatest fall below this, in log-odds (nats), is no reason for anything."""
STEADY: Final = 0.05
"""A score that falls by less than this, with any one cell covered, hardly changes."""

_REGIONS: Final = (
    "explain.top_left", "explain.top", "explain.top_right",
    "explain.left", "explain.centre", "explain.right",
    "explain.bottom_left", "explain.bottom", "explain.bottom_right",
)  # fmt: skip
_NAMED_FROM: Final = 0.6
"""A region is named when it has this share of the weight of the heaviest."""
_NAMED_AT_MOST: Final = 3
_EVERYWHERE_FROM: Final = 7
_SMOOTHING: Final = 0.2


class ExplanationsOff(NotFound):
    """The operator offers no explanations."""

    slug: ClassVar[str] = "explanations-off"
    title: ClassVar[Wording] = Wording("Sin explicaciones", "No explanations")
    sentence: ClassVar[Wording] = Wording(
        "Este servicio no ofrece explicaciones.", "This service offers no explanations."
    )


class Scorer(Protocol):
    """What an explanation needs of the labeller."""

    manifest: Manifest

    async def decode(self, data: bytes) -> tuple[DecodedImage, Pixels]:
        """Return an image and what the model sees of it."""
        ...

    async def infer_aside(self, images: Sequence[Pixels], *, deadline: float) -> list[Logits]:
        """Return the logits of a few images that give way to labelling."""
        ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """One label's score, 0 to 1, and what each cell ``[ROWS, COLUMNS]`` adds to it, 0 to 1.

    ``greatest_fall`` is how much the score falls at most, with one cell covered.
    """

    class_index: int
    score: float
    values: NDArray[np.float64]
    greatest_fall: float


class Explainer:
    """Explains a few images at a time; belongs to one event loop."""

    def __init__(self, settings: Settings, admission: Admission, metrics: Metrics) -> None:
        self._bound = settings.explanations_at_once
        self._timeout = settings.explanation_timeout_seconds
        self._chunk = max(1, min(CHUNK, settings.max_queue // 2))
        self._admission = admission
        self._metrics = metrics
        self._running = 0
        self._seconds: float | None = None
        self._turns = Turns(self._bound)
        metrics.explanations.set_function(lambda: self._running)
        metrics.explanations_bound.set(self._bound)

    def ensure_place(self) -> None:
        """Pass while there is a place; asked before an upload is read.

        Raises:
            ExplanationsOff: none is offered.
            Overloaded: as many are computed as may.
        """
        if self._bound == 0:
            raise ExplanationsOff
        if self._running >= self._bound:
            now = asyncio.get_running_loop().time()
            seconds = self._seconds or 0.0
            raise Overloaded(self._turns.book(now, backlog=seconds, each=seconds / self._bound))

    async def explain(
        self,
        scorer: Scorer,
        data: bytes,
        class_index: int | None,
        *,
        deadline: float = math.inf,
    ) -> Explanation:
        """Return on what a label of an image rests; the best label where none is named.

        Raises:
            ExplanationsOff, Overloaded: as ``ensure_place``, or many images wait to be labelled.
            DeadlineExceeded: not ready within the time for an explanation.
            UnsupportedImage, ImageTooLarge, UndecodableImage: the image.
            InferenceFailed, NotReady: the model, or the service is stopping.
        """
        deadline = min(deadline, asyncio.get_running_loop().time() + self._timeout)
        with self._place(), self._admission.image():
            try:
                async with asyncio.timeout_at(deadline):
                    decoded, pixels = await scorer.decode(data)
                    covers = _Covers(pixels, placement(decoded.image.size, scorer.manifest.input))
                    (plain,) = await scorer.infer_aside([pixels], deadline=deadline)
                    covered: list[Logits] = []
                    for first in range(0, ROWS * COLUMNS, self._chunk):
                        cells = range(first, min(first + self._chunk, ROWS * COLUMNS))
                        images = await asyncio.to_thread(contained, covers.over, cells)
                        covered += await scorer.infer_aside(images, deadline=deadline)
            except TimeoutError as error:
                raise DeadlineExceeded from error
        return weigh(plain, np.stack(covered), scorer.manifest.temperature, class_index)

    @contextmanager
    def _place(self) -> Iterator[None]:
        self.ensure_place()
        self._running += 1
        started = time.monotonic()
        try:
            yield
            seconds = time.monotonic() - started
            known = seconds if self._seconds is None else self._seconds
            self._seconds = known + _SMOOTHING * (seconds - known)
            self._metrics.explanation_seconds.observe(seconds)
        finally:
            self._running -= 1


class _Covers:
    """Copies of an image, each with one cell of the picture under the picture's mean colour.

    A cell whose edge runs through a pixel covers that share of it; what a crop has cut off covers
    nothing, and the padding beside a picture is never covered.
    """

    def __init__(self, pixels: Pixels, box: tuple[float, float, float, float]) -> None:
        left, top, right, bottom = box
        self._pixels = pixels.astype(np.float32)
        self._rows = _coverage(top, bottom, ROWS, pixels.shape[0])
        self._columns = _coverage(left, right, COLUMNS, pixels.shape[1])
        picture = np.outer(self._rows.sum(axis=0), self._columns.sum(axis=0))[..., None]
        self._colour = (self._pixels * picture).sum(axis=(0, 1)) / picture.sum()

    def over(self, cells: Sequence[int]) -> list[Pixels]:
        """Return one copy for each cell, counted in rows from the top left."""
        return [self._over(*divmod(cell, COLUMNS)) for cell in cells]

    def _over(self, row: int, column: int) -> Pixels:
        share = np.outer(self._rows[row], self._columns[column])[..., None]
        mixed = self._pixels * (1 - share) + self._colour * share
        return np.asarray(mixed.round(), np.uint8)


def _coverage(start: float, end: float, parts: int, pixels: int) -> NDArray[np.float32]:
    """Return how much of each pixel each part of ``start``–``end`` covers: ``[parts, pixels]``."""
    edges = np.linspace(start, end, parts + 1)
    at = np.arange(pixels)
    overlap = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
    return np.asarray(overlap.clip(0, 1), np.float32)


def weigh(
    plain: Logits, covered: NDArray[np.float32], temperature: float, class_index: int | None
) -> Explanation:
    """Return what each cell adds to a label, from logits ``[classes]`` and ``[cells, classes]``.

    The fall is taken in log-odds, since a score near 1 hardly moves; falls are then shares of the
    greatest one, and all zero where even that is negligible.
    """
    index = int(np.argmax(plain)) if class_index is None else class_index
    odds = _log_odds(np.vstack([plain[None], covered]), temperature, index)
    falls = (odds[0] - odds[1:]).clip(min=0).reshape(ROWS, COLUMNS)
    greatest = float(falls.max())
    score = float(calibrate(plain, temperature)[index])
    lowest = float(calibrate(covered, temperature)[:, index].min())
    return Explanation(
        class_index=index,
        score=score,
        values=falls / greatest if greatest >= NEGLIGIBLE else np.zeros_like(falls),
        greatest_fall=max(0.0, score - lowest),
    )


def _log_odds(logits: NDArray[np.float32], temperature: float, index: int) -> NDArray[np.float64]:
    scaled = logits.astype(np.float64) / temperature
    others = np.delete(scaled, index, axis=1)
    return np.asarray(scaled[:, index] - np.logaddexp.reduce(others, axis=1))


def in_words(explanation: Explanation, label: str, catalogue: Catalogue) -> str:
    """Return on which parts of the image a label rests, in one sentence."""
    weights = _region_weights(explanation.values)
    heaviest = weights.max()
    if heaviest == 0:
        return catalogue.text("explain.nowhere", label=label)
    named = [int(at) for at in np.argsort(-weights, kind="stable")
             if weights[at] >= _NAMED_FROM * heaviest]  # fmt: skip
    if len(named) >= _EVERYWHERE_FROM:
        return catalogue.text("explain.everywhere", label=label)
    places = catalogue.together([catalogue.text(_REGIONS[at]) for at in named[:_NAMED_AT_MOST]])
    if explanation.greatest_fall < STEADY:
        return catalogue.text("explain.steady", label=label, places=places)
    return catalogue.text("explain.rests", label=label, places=places)


def _region_weights(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each third by third of the grid, in rows from the top left."""
    thirds = values.reshape(3, ROWS // 3, 3, COLUMNS // 3)
    return np.asarray(thirds.mean(axis=(1, 3)).ravel())


def class_of(label: str | None, manifest: Manifest) -> int | None:
    """Return the index of a label by its id; None for none.

    Raises:
        InvalidParameter: the model has no such label.
    """
    if label is None:
        return None
    ids = [known.id for known in manifest.labels]
    if label not in ids:
        reason = Wording("El modelo no tiene esa etiqueta.", "The model has no such label.")
        raise InvalidParameter("label", reason)
    return ids.index(label)
