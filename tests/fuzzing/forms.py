"""What must hold when a form is split, whatever its bytes are; python-multipart is the oracle.

The first line is the boundary as a client's Content-Type would name it, the rest is the body.
"""

from __future__ import annotations

import logging
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from service.errors import MalformedMultipart
from service.multipart import boundary_of, split_form

MAX_PARTS: Final = 32
logging.getLogger(MultipartParser.__module__).disabled = True  # of each body that it refuses
Piece = tuple[bytes, bool, bytes]
"""A field's name, whether it is a file's, and its content."""


class Disagreement(AssertionError):
    """Two readers took the same body, and found other parts in it."""


def check(data: bytes) -> None:
    """Fail if a body is split in any way but in order, or is refused by any but our error."""
    first, _, body = data.partition(b"\n")
    try:
        boundary = boundary_of("multipart/form-data; boundary=" + first.decode("latin-1"))
        ours = _split(body, boundary)
    except MalformedMultipart:
        return
    theirs = _theirs(body, boundary)
    if theirs is not None and ours != theirs:
        raise Disagreement


def _split(body: bytes, boundary: bytes) -> list[Piece]:
    parts = list(split_form(body, boundary, max_parts=MAX_PARTS))
    assert len(parts) <= MAX_PARTS
    ends = [0, *(part.end for part in parts)]
    for part, before in zip(parts, ends, strict=False):
        assert before <= part.start <= part.end <= len(body)
        assert b"\r\n--" + boundary not in body[part.start : part.end]
    return [(part.name, part.is_file, body[part.start : part.end]) for part in parts]


class _Reading:
    """The parts as python-multipart calls them out, read as Starlette reads them."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.ended = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._field = self._value = self._content = b""
        self._options: dict[bytes, bytes] = {}

    def on_part_begin(self) -> None:
        self._headers, self._content = [], b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers.append((self._field.lower(), self._value))
        self._field = self._value = b""

    def on_headers_finished(self) -> None:
        disposition = dict(self._headers).get(b"content-disposition", b"")
        _, self._options = parse_options_header(disposition)
        if b"name" not in self._options:
            raise FormParserError

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def on_part_end(self) -> None:
        self.pieces.append((self._options[b"name"], b"filename" in self._options, self._content))

    def on_end(self) -> None:
        self.ended = True


def _theirs(body: bytes, boundary: bytes) -> list[Piece] | None:
    """Return what python-multipart finds, None where it finds fault or no end."""
    reading = _Reading()
    calls = {name: getattr(reading, name) for name in dir(reading) if name.startswith("on_")}
    try:
        parser = MultipartParser(boundary, calls)  # type: ignore[arg-type]  # a TypedDict of these
        parser.write(body)
        parser.finalize()
    except FormParserError:
        return None
    return reading.pieces if reading.ended else None
