"""Protocol buffers field by field (protobuf.dev/programming-guides/encoding), as a file has them.

The package protobuf would read a whole model, for 6 MB of memory in a service that seeks to save
30; a test holds what is built on this against the package onnx.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

_VARINT: Final = 0
_BYTES: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_WIRE_BITS: Final = 3
_VARINT_BITS: Final = 7
_MORE: Final = 0x80

BROKEN: Final = (IndexError, KeyError, RecursionError, ValueError)
"""What reading meets where there is no such message."""


class Field(NamedTuple):
    """A field's number, its value (the bytes of whatever is no whole number), and all of it."""

    number: int
    value: int | memoryview
    whole: memoryview

    @property
    def message(self) -> memoryview:
        """Return the value of a field that is a message, or other bytes; empty for a number."""
        return self.value if isinstance(self.value, memoryview) else memoryview(b"")


def fields(message: memoryview) -> Iterator[Field]:
    """Yield each field of a message, in its order.

    Raises one of ``BROKEN`` for what is no message.
    """
    place = 0
    while place < len(message):
        start = place
        tag, place = _varint(message, place)
        number, wire = tag >> _WIRE_BITS, tag & (1 << _WIRE_BITS) - 1
        if wire == _VARINT:
            value, place = _varint(message, place)
            yield Field(number, value, message[start:place])
            continue
        if wire == _BYTES:
            size, place = _varint(message, place)
        else:
            size = _FIXED[wire]
        yield Field(number, message[place : place + size], message[start : place + size])
        place += size


def messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the values of the fields of one number that are messages, or other bytes."""
    for number, value, _ in fields(message):
        if number == wanted and not isinstance(value, int):
            yield value


def text(message: memoryview, wanted: int) -> str:
    """Return the text of a field, empty where there is none."""
    return "".join(bytes(value).decode() for value in messages(message, wanted))


def numbers(message: memoryview, wanted: int) -> list[int]:
    """Return the whole numbers of a field, whether they lie there one by one or packed."""
    found = []
    for number, value, _ in fields(message):
        if number == wanted:
            found += [value] if isinstance(value, int) else _packed(value)
    return found


def field(number: int, value: int | bytes) -> bytes:
    """Return one field as it is written; a whole number is not negative."""
    if isinstance(value, int):
        return _written(number << _WIRE_BITS | _VARINT) + _written(value)
    return head(number, len(value)) + value


def head(number: int, size: int) -> bytes:
    """Return what stands before the ``size`` bytes of a field."""
    return _written(number << _WIRE_BITS | _BYTES) + _written(size)


def _packed(values: memoryview) -> list[int]:
    found, place = [], 0
    while place < len(values):
        number, place = _varint(values, place)
        found.append(number)
    return found


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return the number that begins at a place, and where it ends."""
    number = shift = 0
    while True:
        byte = message[place]
        place += 1
        number |= (byte & ~_MORE) << shift
        shift += _VARINT_BITS
        if not byte & _MORE:
            return number, place


def _written(number: int) -> bytes:
    written = bytearray()
    while number >= _MORE:
        written.append(number & ~_MORE & 0xFF | _MORE)
        number >>= _VARINT_BITS
    written.append(number)
    return bytes(written)
