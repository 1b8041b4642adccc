"""Corrections as a table that a spreadsheet in Chile opens as it should.

UTF-8 with a BOM, `;` between cells and CRLF between rows. What people wrote is never a formula: a
cell that a spreadsheet would compute begins with an apostrophe (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import Any, Final, TextIO

from service.feedback.corrections import Kept
from service.feedback.schemas import NONE_OF_THEM

BOM: Final = "\ufeff"
# The last four are the full-width signs, which compute as well.
_COMPUTED: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

COLUMNS: Final = (
    "result_id", "model", "version", "offered", "label", "comment", "received", "changed", "image",
)  # fmt: skip


def write_csv(kept: Iterable[Kept], file: TextIO) -> int:
    """Write a table with its header, and return its rows; the file must not translate newlines."""
    file.write(BOM)
    writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    rows = 0
    for one in kept:
        writer.writerow([neutral(str(value or "")) for value in _fields(one).values()])
        rows += 1
    return rows


def write_json_lines(kept: Iterable[Kept], file: TextIO) -> int:
    """Write one JSON object a line, and return how many."""
    rows = 0
    for one in kept:
        file.write(json.dumps(_fields(one), ensure_ascii=False) + "\n")
        rows += 1
    return rows


def neutral(cell: str) -> str:
    """Return a cell that no spreadsheet computes."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_COMPUTED) else cell


def _fields(kept: Kept) -> dict[str, Any]:
    correction = kept.correction
    return {
        "result_id": correction.result_id,
        "model": correction.model_name,
        "version": correction.model_version,
        "offered": correction.offered,
        "label": correction.label or NONE_OF_THEM,
        "comment": correction.comment,
        "received": kept.received.isoformat(timespec="seconds"),
        "changed": kept.changed.isoformat(timespec="seconds"),
        "image": kept.image,
    }
