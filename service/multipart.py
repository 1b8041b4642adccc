"""Split a form of files (multipart/form-data, RFC 7578) that lies whole in memory.

One pass over the body with ``bytes.find``; nothing touches a disk, and nothing is decoded. A
part's file name and media type are never looked at beyond telling a file from a field: what an
image is, its own bytes say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from python_multipart.multipart import parse_options_header

from service.errors import MalformedMultipart

MEDIA_TYPE: Final = "multipart/form-data"
MAX_BOUNDARY: Final = 70  # RFC 2046, 5.1.1
MAX_HEADER_BYTES: Final = 8192
FORM_OVERHEAD_BYTES: Final = 64 * 1024
"""What a form may add to its files: delimiters, headers and small fields."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form: its field's name, and where in the body its content lies."""

    name: bytes
    is_file: bool
    start: int
    end: int

    @property
    def size(self) -> int:
        """Return the bytes of the content."""
        return self.end - self.start


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type names.

    Raises:
        MalformedMultipart: it names none, or one longer than the standard allows.
    """
    _, parameters = parse_options_header(content_type)
    boundary = parameters.get(b"boundary", b"")
    if not 1 <= len(boundary) <= MAX_BOUNDARY:
        raise MalformedMultipart
    return boundary


def split_form(body: bytes, boundary: bytes, *, max_parts: int) -> Iterator[Part]:
    """Yield the parts of a form in their order.

    Raises:
        MalformedMultipart: a delimiter, the end or a part's headers are missing or malformed, or
            there are more than ``max_parts``; may come after some parts were yielded.
    """
    delimiter = b"\r\n--" + boundary
    # No client puts a preamble before the parts of a form, and readers disagree on where it ends.
    at = len(delimiter) if body.startswith(delimiter) else len(delimiter) - 2
    if not body[:at].endswith(delimiter[2:]):
        raise MalformedMultipart
    for _ in range(max_parts + 1):
        if body.startswith(b"--", at):
            return
        start, name, is_file = _read_headers(body, at)
        end = _find(body, delimiter, start)
        yield Part(name, is_file, start, end)
        at = end + len(delimiter)
    raise MalformedMultipart


def _find(body: bytes, needle: bytes, start: int) -> int:
    at = body.find(needle, start)
    if at < 0:
        raise MalformedMultipart
    return at


def _read_headers(body: bytes, at: int) -> tuple[int, bytes, bool]:
    """Return where the content begins, the field's name, and whether it is a file's."""
    # A delimiter may be padded with blanks, and then its line ends (RFC 2046, 5.1.1).
    end = body.find(b"\r\n\r\n", at, at + MAX_HEADER_BYTES)
    padding, _, headers = body[at:end].partition(b"\r\n")
    if end < 0 or padding.strip(b" \t"):
        raise MalformedMultipart
    pairs = [header.partition(b":") for header in headers.split(b"\r\n")]
    found = [value for key, _, value in pairs if key.strip().lower() == b"content-disposition"]
    # Of two, one reader takes the first and another the last: a proxy that inspects uploads and
    # this service must never see different files.
    if len(found) != 1:
        raise MalformedMultipart
    kind, parameters = parse_options_header(found[0])
    if kind != b"form-data" or b"name" not in parameters:
        raise MalformedMultipart
    return end + 4, parameters[b"name"], b"filename" in parameters
