"""Log lines: JSON for machines, pretty on a terminal; one stream, one shape for all loggers.

What a line may hold is decided where it is written: a request's identifier, its route template,
status and durations. Never a file name, an address, metadata or bytes of an image.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from contextlib import suppress
from typing import Any, Final, TextIO, cast

import structlog
from pydantic_core import to_json
from structlog.types import Processor

from service.settings import Settings

TALKATIVE: Final = ("PIL", "python_multipart")
"""Loggers that would write what strangers sent, such as each EXIF tag with its value."""


class LosingStream(io.TextIOBase):
    """Writes to another stream, and loses lines where that is full or gone.

    A request is worth more than its line. Lines of one turn of an event loop are written together
    after it: a system call lets go of the interpreter's lock, and the loop then waits for another
    thread to give it back, once a line.
    """

    def __init__(self, behind: TextIO) -> None:
        self._behind = behind
        self._gathered: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def write(self, text: str) -> int:
        """Write, at the end of the turn where an event loop runs, or lose it."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write(text)
            return len(text)
        if not self._gathered or loop is not self._loop:
            self._loop = loop
            loop.call_soon(self._write_gathered)
        self._gathered.append(text)
        return len(text)

    def flush(self) -> None:
        """Pass: what is written is flushed with it."""

    def _write_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        self._write("".join(gathered))

    def _write(self, text: str) -> None:
        with suppress(OSError):
            self._behind.write(text)
            self._behind.flush()


def configure_logging(settings: Settings, target: TextIO | None = None) -> None:
    """Send structlog's and the standard library's lines to one stream (standard error)."""
    target = target or sys.stderr
    stream = cast("TextIO", LosingStream(target))  # writing and flushing is all that they ask
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = _renderer(settings, target)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _renderer(settings: Settings, stream: TextIO) -> Processor:
    pretty = settings.log_format == "pretty" or (settings.log_format == "auto" and stream.isatty())
    if pretty:
        return structlog.dev.ConsoleRenderer(colors=stream.isatty())
    return structlog.processors.JSONRenderer(serializer=_as_json)


def _as_json(line: dict[str, Any], **_: object) -> str:
    """Return a line as JSON; what it has no form for stands there as Python shows it."""
    return to_json(line, fallback=repr).decode()
