"""Write the generated documents, and the generated parts of the others, anew: `make docs`.

A generated part stands between two comments, ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``, in
a script ``// NAME:begin`` and ``// NAME:end``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from deploy.prometheus_rule import WRITTEN as RULE
from deploy.prometheus_rule import prometheus_rule
from docs.measured import capacity
from docs.pictures import gallery
from service.app import create_app
from service.assets import STATIC
from service.embedding import NEWEST, newest_module, words
from service.reference import problems_table
from service.settings import Settings, settings_table

DOCS: Final = Path(__file__).resolve().parent
README: Final = DOCS.parent / "README.md"

Generate = Callable[[], str]


def openapi_document() -> str:
    """Return the OpenAPI document of the service as it is by default."""
    document = create_app(Settings.model_construct()).openapi()
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def problems() -> str:
    """Return the table of all problems."""
    return problems_table(create_app(Settings.model_construct()).openapi())


def element_lines() -> str:
    """Return the two lines for another site, as a block of HTML."""
    return f"```html\n{newest_module().lines()}```"


PARTS: Final[Mapping[Path, Mapping[str, Generate]]] = MappingProxyType(
    {
        README: {"settings": settings_table},
        STATIC / NEWEST: {"words": words},
        DOCS / "examples" / "element" / "index.html": {"element": lambda: newest_module().lines()},
        DOCS / "api.md": {"element": element_lines, "problems": problems},
        DOCS / "capacity.md": {"measured": capacity},
        DOCS / "page.md": {"pictures": gallery},
    }
)
"""What writes each part of a document, by the part's name."""

WHOLE: Final[Mapping[Path, Generate]] = MappingProxyType(
    {DOCS / "openapi.json": openapi_document, RULE: prometheus_rule}
)
"""What writes each document that is generated as a whole."""


def refreshed(path: Path, text: str) -> str:
    """Return a document's text with each of its parts generated anew.

    Raises:
        ValueError: the document lacks the markers of a part, or has them twice.
    """
    if path in WHOLE:
        return WHOLE[path]()
    for name, generate in PARTS[path].items():
        begin, end = (marker(path, f"{name}:{side}") for side in ("begin", "end"))
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        pieces = pattern.split(text)
        if len(pieces) != 2:  # noqa: PLR2004  # what is before and what is after
            raise ValueError(f"{begin} … {end} must stand once, found {len(pieces) - 1} times")
        text = f"{pieces[0]}{begin}\n{generate().strip()}\n{end}{pieces[1]}"
    return text


def marker(path: Path, text: str) -> str:
    """Return a comment in the language of a document."""
    return f"// {text}" if path.suffix == ".js" else f"<!-- {text} -->"


def read(path: Path) -> str:
    """Return a document as it is now, empty where there is none yet."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    for document in (*PARTS, *WHOLE):
        document.write_text(refreshed(document, read(document)), encoding="utf-8")
