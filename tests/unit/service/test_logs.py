from __future__ import annotations

import asyncio
import io
import json
import logging

import pytest
import structlog

from service.logs import LosingStream, configure_logging
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


class Parts(io.StringIO):
    """A stream that keeps what it was given at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text)
        return len(text)


async def test_lines_of_one_turn_of_the_loop_are_written_together_and_in_order() -> None:
    behind = Parts()
    stream = LosingStream(behind)
    for line in ("one\n", "two\n", "three\n"):
        stream.write(line)
        stream.flush()
    assert behind.parts == []
    await asyncio.sleep(0)
    assert behind.parts == ["one\ntwo\nthree\n"]
    await asyncio.to_thread(stream.write, "aside\n")
    assert behind.parts[1:] == ["aside\n"]


def test_lines_of_the_last_turn_of_a_loop_are_written_too() -> None:
    behind = Parts()
    stream = LosingStream(behind)

    async def last_words() -> None:
        stream.write("end\n")

    asyncio.run(last_words())
    assert behind.parts == ["end\n"]
    asyncio.run(last_words())
    assert behind.parts == ["end\n"] * 2


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


async def test_a_line_that_cannot_be_written_is_lost_and_no_more() -> None:
    stream = LosingStream(Full())
    assert stream.write("line\n") == 5
    await asyncio.sleep(0)
    assert await asyncio.to_thread(stream.write, "line\n") == 5
