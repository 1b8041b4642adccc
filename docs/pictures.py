"""Which pictures of the pages there are; `python -m docs.screenshots` takes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent / "images" / "page"
WIDTHS: Final = (360, 768, 1280)
"""A cheap phone, a tablet, a desk, in CSS pixels."""
MOST_BYTES: Final = 3_000_000
"""All of them together: a clone carries every version of each."""

STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "overview": "Answers: one with its reason, one corrected by the editor",
        "empty": "Before anything is uploaded",
        "dragging": "Files are held over the page",
        "uploading": "A batch under way",
        "results": "Answers of every kind, and a damaged file",
        "failed": "Nothing could be labelled",
        "abstained": "The model does not know",
        "correction": "The editor corrects a label",
        "why": "“¿Por qué?”: what the label rests on",
        "camera": "The camera is on (Chromium's own test picture)",
        "dark": "In the dark",
        "forced-colours": "In forced colours, as with Windows' contrast themes",
        "plain": "The answer without JavaScript",
        "english": "In English",
        "transparencia": "The record of the algorithm, /transparencia",
        "docs": "The reference of the API, /docs",
        "element": "The element in another site's form, with the site's own colours",
    }
)
"""What a visitor may come to see, by the name of its pictures, and what is to be seen there."""


def picture(state: str, width: int, folder: Path = FOLDER) -> Path:
    """Return where a picture lies."""
    return folder / f"{state}-{width}.webp"


def gallery() -> str:
    """Return all pictures as Markdown, a table for each state."""
    return "\n".join(part for state in STATES for part in _shown(state))


def _shown(state: str) -> tuple[str, ...]:
    words = STATES[state]
    cells = [
        f"[![{words}, {width} px]({place})]({place})"
        for width in WIDTHS
        for place in [picture(state, width, Path("images/page")).as_posix()]
    ]
    heads = [f"{width} px" for width in WIDTHS]
    rows = (heads, ["---"] * len(WIDTHS), cells)
    return (f"## {words}", "", *(f"| {' | '.join(row)} |" for row in rows), "")
