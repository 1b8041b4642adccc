from __future__ import annotations

import os
from pathlib import Path

from service.memory import giving_back

SMALL, LARGE, BYTES = 16 * 1024, 1024 * 1024, 128 * 1024 * 1024


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def allocate(size: int) -> list[bytearray]:
    return [bytearray(size) for _ in range(BYTES // size)]


def test_what_was_freed_below_what_is_kept_goes_back_at_the_end() -> None:
    with giving_back():
        blocks = allocate(SMALL)
        kept = blocks[-1]
        del blocks
        before = resident_bytes()
    assert before - resident_bytes() > BYTES / 2
    assert len(kept) == SMALL


def test_a_tensor_goes_back_at_once() -> None:
    with giving_back():
        blocks = allocate(LARGE)
        before = resident_bytes()
        kept = blocks[-1]
        del blocks
        assert before - resident_bytes() > BYTES / 2
    assert len(kept) == LARGE
