"""One arena for all sessions on the CPU.

By itself each session keeps the most that its runs ever took at one time. But one that runs a lone
image on all cores does so while the other rests, and a model's successor begins when it ends: what
one of them has let go of is another's next memory.
"""

from __future__ import annotations

import threading
from typing import Final

import onnxruntime

_lock: Final = threading.Lock()
_registered = False


def use_shared_arena(options: onnxruntime.SessionOptions) -> None:
    """Let a session on the CPU take its memory from the process's one arena."""
    global _registered  # noqa: PLW0603  # so is the arena: ONNX Runtime's, for the whole process
    with _lock:
        if not _registered:
            cpu = onnxruntime.OrtMemoryInfo(
                "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0,
                onnxruntime.OrtMemType.DEFAULT,
            )  # fmt: skip
            onnxruntime.create_and_register_allocator(cpu, onnxruntime.OrtArenaCfg({}))
            _registered = True
    options.add_session_config_entry("session.use_env_allocators", "1")
