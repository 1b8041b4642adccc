"""A table of corrections that a spreadsheet opens as text."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from service.feedback.corrections import Correction, Kept
from service.feedback.spreadsheet import COLUMNS, neutral, write_csv, write_json_lines

MOMENT = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)


def kept(comment: str | None, label: str | None = "cat") -> Kept:
    return Kept(1, Correction("0" * 32, "m", "1", "dog", label, comment), MOMENT, MOMENT, None)


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1", "\n=1"]
)
def test_what_a_spreadsheet_would_compute_begins_with_an_apostrophe(cell: str) -> None:
    assert neutral(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "gato", "a=b", "ñandú", "'=1", "3-2"])
def test_other_text_is_left_as_it_is(cell: str) -> None:
    assert neutral(cell) == cell


def test_the_table_has_a_bom_semicolons_and_whole_comments() -> None:
    file = io.StringIO(newline="")
    comments = ['dijo "gato"; y\nluego perro', "=HYPERLINK()", None]
    assert write_csv([kept(comment) for comment in comments], file) == 3
    written = file.getvalue()
    assert written.startswith("\ufeffresult_id;model;")
    assert written.count("\r\n") == 4
    rows = list(csv.DictReader(io.StringIO(written[1:], newline=""), delimiter=";"))
    assert [row["comment"] for row in rows] == [comments[0], "'=HYPERLINK()", ""]
    assert rows[0]["received"] == "2026-11-22T03:04:05+00:00"
    assert tuple(rows[0]) == COLUMNS


def test_json_lines_keep_every_value_as_it_is() -> None:
    file = io.StringIO()
    assert write_json_lines([kept("=1", label=None)], file) == 1
    line = json.loads(file.getvalue())
    assert (line["comment"], line["label"], line["image"]) == ("=1", "none", None)
