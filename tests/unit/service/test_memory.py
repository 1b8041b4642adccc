"""Each in an interpreter of its own: what others left free would be handed out again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SMALL, LARGE, BYTES = 16 * 1024, 1024 * 1024, 128 * 1024 * 1024

PRELUDE = f"""
from service.memory import giving_back, share_heap
from tests.unit.service.test_memory import resident_bytes

bytearray(16 * {LARGE})  # glibc then keeps blocks up to this size for the next

def allocate(size):
    return [bytearray(size) for _ in range({BYTES} // size)]
"""


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def printed(code: str) -> int:
    """Return the number that some code prints in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def test_what_was_freed_below_what_is_kept_goes_back_at_the_end() -> None:
    code = f"""
with giving_back():
    blocks = allocate({SMALL})
    kept = blocks[-1]
    del blocks
    before = resident_bytes()
print(before - resident_bytes())
"""
    assert printed(code) > BYTES / 2


def test_a_tensor_goes_back_at_once() -> None:
    code = f"""
with giving_back():
    blocks = allocate({LARGE})
    before = resident_bytes()
    kept = blocks[-1]
    del blocks
    print(before - resident_bytes())
"""
    assert printed(code) > BYTES / 2


def test_threads_share_one_heap() -> None:
    """They are counted by what glibc itself tells of them (``malloc_info(3)``)."""
    code = f"""
import ctypes, sys, tempfile, threading

libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p

def heaps():
    with tempfile.TemporaryFile() as file:
        stream = ctypes.c_void_p(libc.fdopen(file.fileno(), b"w"))
        libc.malloc_info(0, stream)
        libc.fflush(stream)
        file.seek(0)
        return file.read().count(b"<heap nr=")

def work(together):
    block = bytearray({SMALL})
    together.wait()

def at_once(threads):
    together = threading.Barrier(threads)
    each = [threading.Thread(target=work, args=[together]) for _ in range(threads)]
    for thread in each:
        thread.start()
    for thread in each:
        thread.join()
    return heaps()

share_heap()
print(at_once(8))
"""
    assert printed(code) == 1
    assert printed(code.replace("share_heap()", "")) > 1
