from __future__ import annotations

import os
from pathlib import Path

from service.memory import give_back

BLOCK, BLOCKS = 64 * 1024, 2000


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_what_was_freed_below_what_is_kept_goes_back_to_the_system() -> None:
    blocks = [bytearray(BLOCK) for _ in range(BLOCKS)]
    kept = blocks[-1]
    del blocks
    before = resident_bytes()
    give_back()
    assert before - resident_bytes() > BLOCK * BLOCKS / 2
    assert len(kept) == BLOCK
