"""One fuzzer: ``python -m tests.fuzzing.target decoding|forms CORPUS… [libFuzzer's options]``.

Run by ``tests.fuzzing``; alone, with a file in the place of a corpus, it replays what was found.
"""

from __future__ import annotations

import importlib
import sys
from typing import Final

import atheris

INSTRUMENTED: Final = ["PIL", "python_multipart", "service", "tests.fuzzing"]
"""What the fuzzer sees the branches of: Python's. Pillow's decoders in C it tries blindly."""


def main() -> None:
    """Fuzz until libFuzzer's options say to stop; never returns."""
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=INSTRUMENTED):
        check = importlib.import_module(f"tests.fuzzing.{name}").check
    atheris.Setup([sys.argv[0], *options], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
