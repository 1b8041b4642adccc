"""How far a run is: a bar for people, a line now and then where nobody watches a terminal."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from service.bulk.listing import Listed
from service.wording import Lang, Wording

_LINE_SECONDS: Final = 30.0
_MIB: Final = 2**20

_LISTING: Final = Wording("Listando: {files} archivos", "Listing: {files} files")
_LABELLING: Final = Wording("Etiquetando", "Labelling")
_JOINING: Final = Wording("Uniendo", "Joining")
_RATE: Final = Wording("{rate:.0f} imágenes/s", "{rate:.0f} images/s")
_COUNT: Final = Wording("{images} imágenes", "{images} images")
_OF: Final = Wording("{images} de {total} imágenes", "{images} of {total} images")
_FAILED: Final = Wording("{failed} con error", "{failed} failed")
_LEFT: Final = Wording("faltan {left}", "{left} left")


class Progress(Protocol):
    """What hears how a run goes."""

    def listing(self, files: int) -> None:
        """Hear how many files were found so far."""
        ...

    def begin(self, listed: Listed, *, images: int, failed: int) -> None:
        """Hear what there is to do, and what an earlier run has done of it."""
        ...

    def advance(self, *, images: int, failed: int, source_bytes: int) -> None:
        """Hear of some images more."""
        ...

    def joining(self) -> None:
        """Hear that all images are labelled."""
        ...


@dataclass(frozen=True, slots=True)
class _Moment:
    """The clock, and what was done by then: images, and the bar's own unit."""

    at: float
    images: int
    done: int


class Meter:
    """Counts, and shows at standard error what it counted.

    Time left is that of the images where their number is known, and of the source's bytes where a
    tar hides how many there are.
    """

    def __init__(self, lang: Lang, console: Console | None = None) -> None:
        self.images = 0
        self.failed = 0
        self._lang = lang
        self._console = console or Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = TaskID(0)
        self._by_images = True
        self._total: int | None = None
        self._done = self._size = 0
        self._shown = time.monotonic()
        self._first = self._last = _Moment(0.0, 0, 0)

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task("", total=None, told="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def listing(self, files: int) -> None:
        """Show how many files were found so far."""
        self._show(_LISTING.say(self._lang, files=files), "")

    def begin(self, listed: Listed, *, images: int, failed: int) -> None:
        """Start to count, from what an earlier run has done."""
        self._by_images = listed.images is not None
        self._total, self._size = listed.images, listed.images or listed.size
        self.images, self.failed = images, failed
        self._done = images if self._by_images else 0
        self._first = self._last = _Moment(0.0, 0, 0)
        self._bar.reset(self._task, total=self._size, completed=self._done)
        self._show(_LABELLING.say(self._lang), self._told())

    def advance(self, *, images: int, failed: int, source_bytes: int) -> None:
        """Move on by some images."""
        self.images += images
        self.failed += failed
        self._done += images if self._by_images else source_bytes
        self._last = _Moment(time.monotonic(), self.images, self._done)
        self._first = self._first if self._first.at else self._last
        self._bar.update(self._task, completed=self._done)
        self._show(_LABELLING.say(self._lang), self._told())

    def joining(self) -> None:
        """Show that the end is near."""
        self._bar.update(self._task, completed=self._size)
        self._show(_JOINING.say(self._lang), self._told())

    @property
    def rate(self) -> float:
        """Images a second between the first result of this run and the last; 0 before both."""
        return (self._last.images - self._first.images) / max(self._last.at - self._first.at, 1e-9)

    def _told(self) -> str:
        count = (
            _COUNT.say(self._lang, images=self.images)
            if self._total is None
            else _OF.say(self._lang, images=self.images, total=self._total)
        )
        told = [count, _RATE.say(self._lang, rate=self.rate)]
        if self.failed:
            told.append(_FAILED.say(self._lang, failed=self.failed))
        return " · ".join(told)

    def _show(self, description: str, told: str) -> None:
        self._bar.update(self._task, description=description, told=told)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._shown >= _LINE_SECONDS:
            self._shown = now
            parts = [description, told, self._left() if told else ""]
            self._console.print(" · ".join(filter(None, parts)), markup=False, soft_wrap=True)

    def _left(self) -> str:
        new = self._last.done - self._first.done
        if new <= 0:
            return ""
        seconds = (self._last.at - self._first.at) * (self._size - self._done) / new
        minutes, rest = divmod(round(max(seconds, 0)), 60)
        hours, minutes = divmod(minutes, 60)
        return _LEFT.say(self._lang, left=f"{hours}:{minutes:02d}:{rest:02d}")
