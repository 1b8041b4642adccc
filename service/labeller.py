"""From an image's bytes to its labelling: decode in a thread, infer in a batch, decide."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, ParamSpec, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.admission import Admission
from service.batcher import Batcher
from service.classifier import Classifier
from service.contract import DecodedImage, Manifest, Pixels, decode_image, to_pixels
from service.errors import DeadlineExceeded, Overloaded
from service.evidence_cache import EvidenceCache
from service.labelling import Labelling, label
from service.providers.options import runs_at_once
from service.settings import Settings
from service.sharing import Evidence, Shared
from service.stages import Timeline
from service.turns import Caller, nobody

Logits: TypeAlias = NDArray[np.float32]


class LabelRequest(NamedTuple):
    """How many labels at most, and from which score (0 to 1) on."""

    top_k: int
    min_score: float = 0.0


class LabelledImage(NamedTuple):
    """A labelling, and the evidence that it rests on."""

    labelling: Labelling
    evidence: Evidence


class _Seen(NamedTuple):
    pixels: Pixels
    width: int
    height: int
    media_type: str
    started: float
    ended: float


class _Sight:
    """An image's bytes on the way to what the model sees of them.

    Whoever waits for the model should hold nothing else of them: while many wait, their bytes are
    more than all that the model needs.
    """

    def __init__(self, data: bytes, decode: Callable[[bytes], _Seen]) -> None:
        self._data = data
        self._decode = decode
        self.seen: _Seen

    def take(self) -> Pixels:
        """Decode them, let them go, keep what was seen, and return its pixels."""
        data, self._data = self._data, b""
        self.seen = self._decode(data)
        return self.seen.pixels


P = ParamSpec("P")
T = TypeVar("T")


class Labeller:
    """Labels many images at once within bounds; lives on one event loop."""

    def __init__(
        self, classifier: Classifier, settings: Settings, admission: Admission, shared: Shared
    ) -> None:
        self.manifest: Manifest = classifier.manifest
        self.provider = classifier.provider
        self._admission = admission
        self._max_pixels = settings.max_pixels
        self._timeout = settings.request_timeout_seconds
        self._max_queue = settings.max_queue
        self._decoders = shared.decoders
        self._cache = shared.cache
        # All that the evidence rests on besides the bytes: the graph, and the way to its pixels.
        self._identity = f"{self.manifest.model_sha256} {self.manifest.input.model_dump_json()}"
        self._queue = shared.queue()
        self._batcher = Batcher(
            classifier,
            max_queue=settings.max_queue,
            max_batch=min(settings.max_batch, classifier.images_per_run),
            workers=runs_at_once(classifier.provider, shared.workers),
            observer=self._queue,
            executor=shared.lend_inference(),
            retry_after=self.book_turn,
        )
        self._queue.employ(self._batcher)
        self._shared = shared
        self._decoding = shared.decoding
        self._holders = 0
        self._let_go = asyncio.Event()
        self._let_go.set()

    @property
    def ref(self) -> tuple[str, str]:
        """Return the name and the version of its model."""
        return self.manifest.ref

    def __enter__(self) -> None:
        """Be kept from being retired: by whoever labels with it, from the look-up to the answer.

        An upload may take longer than a reload.
        """
        self._holders += 1
        self._let_go.clear()

    def __exit__(self, *_: object) -> None:
        self._holders -= 1
        if self._holders == 0:
            self._let_go.set()

    async def start(self) -> None:
        """Begin to take images."""
        await self._batcher.start()

    async def retire(self) -> None:
        """Drain once nobody holds it; no new request must find it any more."""
        await self._let_go.wait()
        await self.drain()

    async def drain(self) -> None:
        """Finish what was taken, and take no more."""
        await self._batcher.drain()
        self._queue.leave()
        if self._cache is not None:
            self._cache.forget(self._identity)

    def book_turn(self, caller: Caller = nobody) -> float:
        """Return how many seconds who is refused now should wait: each a turn of its own."""
        return self._shared.book_turn(self._batcher, caller())

    def ensure_place(self, caller: Caller = nobody) -> bool:
        """Pass while there is a place for one image more; asked before an upload is read.

        An image that is being decoded has its place in the queue already, so that none is decoded
        only to be refused. Return whether it is one of those that are kept for callers with a turn.

        Raises:
            Overloaded: as many images are in flight, or wait for the session, as may; or what is
                left is kept for others.
        """
        waiting = self._batcher.coming + self._batcher.depth
        room = min(self._admission.room, self._max_queue - waiting)
        turns = self._shared.turns
        if room > turns.kept:
            return False
        if room > 0 and turns.lets_in(asyncio.get_running_loop().time(), caller):
            return True
        raise Overloaded(self.book_turn(caller))

    async def label(
        self,
        image: bytes | Pixels,
        asked: LabelRequest,
        *,
        deadline: float = math.inf,
        caller: Caller = nobody,
    ) -> LabelledImage:
        """Return what the model says about an image's bytes, or about pixels as it takes them.

        A caller who is cancelled gives its place free at once; a decoding that has begun runs to
        its end in its thread, and nobody waits for it. A deadline is a ``loop.time()``,
        and never later than the settings' time for a request.

        Raises:
            Overloaded: as many images are in flight, or wait for the session, as may; or more work
                lies before this one than can be done by its deadline.
            DeadlineExceeded: not ready by the deadline, or within the time for a request.
            UnsupportedImage, ImageTooLarge, UndecodableImage: the image.
            InferenceFailed, NotReady: the model, or the service is stopping.
        """
        loop = asyncio.get_running_loop()
        deadline = min(deadline, loop.time() + self._timeout)
        if self.ensure_place(caller):
            self._shared.turns.take(caller())
        with self._admission.image():
            self._refuse_hopeless(deadline - loop.time(), caller)
            submitted = time.monotonic()
            if isinstance(image, bytes) and self._cache is not None:
                known = await self._know(self._cache, image, submitted, deadline)
            else:
                way = self._infer(image, submitted, deadline)
                del image
                known = await way
        said = label(known.logits, self.manifest, top_k=asked.top_k, min_score=asked.min_score)
        return LabelledImage(said, known)

    async def _know(
        self, cache: EvidenceCache[Evidence], image: bytes, submitted: float, deadline: float
    ) -> Evidence:
        """Return the evidence of an image; of one that came before, what was kept."""
        try:
            async with asyncio.timeout_at(deadline):
                digest = await self.aside(cache.digest, image)
                # Others may join and wait longer than this caller: the work has the settings' time.
                shared = asyncio.get_running_loop().time() + self._timeout
                known, outcome = await cache.get(
                    self._identity, digest, lambda: self._infer(image, submitted, shared)
                )
        except TimeoutError as error:
            raise DeadlineExceeded from error
        if outcome == "miss":
            return known
        now = time.monotonic()
        return known._replace(times=Timeline(submitted, now, now, now, now))

    async def _infer(self, image: bytes | Pixels, submitted: float, deadline: float) -> Evidence:
        """Return what the model says of an image's bytes, or of pixels as it takes them."""
        if isinstance(image, bytes):
            sight = _Sight(image, self._decode)
            del image
            outcome = await self._batcher.submit_made(sight.take, self._decoders, deadline=deadline)
            seen = sight.seen
            self._decoding.took(seen.ended - seen.started)
        else:
            height, width, _ = image.shape
            seen = _Seen(image, width, height, "", submitted, submitted)
            outcome = await self._batcher.submit(image, deadline=deadline)
        times = Timeline(submitted, seen.started, seen.ended, outcome.begun, outcome.ended)
        return Evidence(outcome.logits, seen.width, seen.height, seen.media_type, times)

    async def aside(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what some work on an upload gives, done in a decoding thread."""
        return await self._decoders.call(work, *args, **kwargs)

    async def decode(self, data: bytes) -> tuple[DecodedImage, Pixels]:
        """Return an image and what the model would see of it, made in a decoding thread.

        Raises:
            UnsupportedImage, ImageTooLarge, UndecodableImage: the image.
        """
        return await self.aside(self._open, data)

    async def infer_aside(self, images: Sequence[Pixels], *, deadline: float) -> list[Logits]:
        """Return the logits ``[classes]`` of a few images that give way to labelling.

        They wait in the one queue like any other image, and so behind all that came before; they
        are refused while half of its places are taken, so that labelling always has the rest.

        Raises:
            Overloaded: many images wait to be labelled.
            DeadlineExceeded, InferenceFailed, NotReady: as the batcher.
        """
        if 2 * self._batcher.depth >= self._max_queue:
            raise Overloaded(self.book_turn())
        outcomes = await asyncio.gather(
            *(self._batcher.submit(pixels, deadline=deadline) for pixels in images)
        )
        return [outcome.logits[: len(self.manifest.labels)] for outcome in outcomes]

    def _refuse_hopeless(self, patience: float, caller: Caller) -> None:
        """Refuse an image that would still wait for others when its time (seconds) is over.

        Only the work before it counts: where there is none every image is tried, so that one slow
        measurement can never shut the service.
        """
        if patience <= 0:
            raise DeadlineExceeded
        if self._shared.seconds_before(self._batcher) >= patience:
            raise Overloaded(self.book_turn(caller))

    def _open(self, data: bytes) -> tuple[DecodedImage, Pixels]:
        spec = self.manifest.input
        decoded = decode_image(data, max_pixels=self._max_pixels, target=spec)
        return decoded, to_pixels(decoded.image, spec)

    def _decode(self, data: bytes) -> _Seen:
        started = time.monotonic()
        image, pixels = self._open(data)
        return _Seen(pixels, image.width, image.height, image.media_type, started, time.monotonic())
