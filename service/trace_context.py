"""Which trace a request belongs to: W3C Trace Context (https://www.w3.org/TR/trace-context-2/).

A request that names no trace, or names it unsoundly, begins one. The answer names the trace and
our part of it, so that whoever has an answer finds its log line and its spans.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from service.identifiers import identifier

TRACEPARENT: Final = b"traceparent"
TRACESTATE: Final = b"tracestate"

_PARENT: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-"
    r"(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_STATE: Final = re.compile(r"[\x20-\x7e]{1,512}")  # what has to be passed on; longer is dropped
_INVALID_VERSION: Final = "ff"
_FIRST_VERSION: Final = "00"
_SAMPLED: Final = 1


class TraceContext(NamedTuple):
    """A trace (32 hexadecimal digits), our span in it (16), the caller's, and what is passed on."""

    trace_id: str
    span_id: str
    parent_id: str | None
    sampled: bool
    state: str

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that name it."""
        flags = _SAMPLED if self.sampled else 0
        parent = f"{_FIRST_VERSION}-{self.trace_id}-{self.span_id}-{flags:02x}"
        named = [(TRACEPARENT, parent.encode())]
        if self.state:
            named.append((TRACESTATE, self.state.encode()))
        return named


def trace_of(headers: Sequence[tuple[bytes, bytes]], *, sample: bool) -> TraceContext:
    """Return the trace that a request names; ``sample`` says whether a new one is recorded.

    Its headers are an ASGI scope's, with names in lower case.
    """
    span_id = identifier(8)
    given = [value for name, value in headers if name == TRACEPARENT]
    found = _PARENT.fullmatch(given[0].decode("latin-1")) if len(given) == 1 else None
    if found is None or not _is_sound(found):
        return TraceContext(identifier(16), span_id, None, sample, "")
    state = b",".join([value for name, value in headers if name == TRACESTATE]).decode("latin-1")
    return TraceContext(
        trace_id=found["trace"],
        span_id=span_id,
        parent_id=found["span"],
        sampled=bool(int(found["flags"], 16) & _SAMPLED),
        state=state if _STATE.fullmatch(state) else "",
    )


def _is_sound(found: re.Match[str]) -> bool:
    """Return whether a header of the right form means a trace; later versions may say more."""
    if found["version"] == _INVALID_VERSION:
        return False
    if found["version"] == _FIRST_VERSION and found["more"]:
        return False
    return bool(found["trace"].strip("0") and found["span"].strip("0"))
