from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from service.logs import configure_logging
from service.settings import Settings


class Terminal(io.StringIO):
    """A stream that says whether somebody looks at it."""

    def __init__(self, *, looked_at: bool) -> None:
        super().__init__()
        self._looked_at = looked_at

    def isatty(self) -> bool:
        return self._looked_at


def written(log_format: str, *, looked_at: bool) -> str:
    stream = Terminal(looked_at=looked_at)
    configure_logging(Settings.model_validate({"log_format": log_format}), stream)
    try:
        structlog.get_logger().info("ready", model="ñandú")
        logging.getLogger("somebody").warning("else")
    finally:
        configure_logging(Settings())
    return stream.getvalue()


@pytest.mark.parametrize(("log_format", "looked_at"), [("auto", False), ("json", True)])
def test_where_nobody_looks_each_line_is_json(log_format: str, *, looked_at: bool) -> None:
    """Of our own and of libraries alike."""
    ours, theirs = map(json.loads, written(log_format, looked_at=looked_at).splitlines())
    assert (ours["event"], ours["model"], ours["level"]) == ("ready", "ñandú", "info")
    assert (theirs["event"], theirs["level"]) == ("else", "warning")
    assert ours["timestamp"].endswith("Z")


@pytest.mark.parametrize(("log_format", "looked_at"), [("auto", True), ("pretty", False)])
def test_on_a_terminal_lines_are_for_people(log_format: str, *, looked_at: bool) -> None:
    lines = written(log_format, looked_at=looked_at).splitlines()
    assert len(lines) == 2
    assert all("{" not in line for line in lines)
    assert "ñandú" in lines[0]
    assert ("\x1b[" in lines[0]) is looked_at
