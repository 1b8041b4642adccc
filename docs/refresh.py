"""Write the generated parts of the documents anew: `make docs`.

A generated part stands between two comments, ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from service.settings import settings_table

README: Final = Path(__file__).resolve().parent.parent / "README.md"

PARTS: Final[Mapping[str, Callable[[], str]]] = MappingProxyType({"settings": settings_table})
"""What writes each part, by its name."""


def refreshed(text: str) -> str:
    """Return a document with each of its parts generated anew.

    Raises:
        ValueError: the document lacks the markers of a part, or has them twice.
    """
    for name, generate in PARTS.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        pieces = pattern.split(text)
        if len(pieces) != 2:  # noqa: PLR2004  # what is before and what is after
            raise ValueError(f"{begin} … {end} must stand once, found {len(pieces) - 1} times")
        text = f"{pieces[0]}{begin}\n{generate().strip()}\n{end}{pieces[1]}"
    return text


if __name__ == "__main__":
    README.write_text(refreshed(README.read_text(encoding="utf-8")), encoding="utf-8")
