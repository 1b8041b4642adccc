"""Who watches a run reads how far it is, how fast, and how long it still takes."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from service.bulk import progress
from service.bulk.listing import Listed
from service.bulk.progress import Meter


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=clock))
    return clock


def watched(clock: Clock, *, terminal: bool) -> tuple[Console, io.StringIO]:
    shown = io.StringIO()
    console = Console(
        file=shown, force_terminal=terminal, color_system=None, width=120, get_time=clock
    )
    return console, shown


def listed(images: int | None) -> Listed:
    return Listed(sha256="", files=1, size=1000, images=images, skipped=0)


def test_a_terminal_shows_a_bar_with_images_a_second_and_the_time_left(clock: Clock) -> None:
    console, shown = watched(clock, terminal=True)
    with Meter("es", console) as meter:
        meter.begin(listed(1000), images=0, failed=0)
        for clock.now in (10.0, 12.0, 14.0):
            meter.advance(images=200, failed=1, source_bytes=0)
    last = [line for line in shown.getvalue().splitlines() if "━" in line][-1]
    assert "600 de 1000 imágenes · 100 imágenes/s · 3 con error" in last
    assert "0:00:04" in last


@pytest.mark.parametrize(
    ("images", "told"),
    [(1000, "400 de 1000 imágenes · 10 imágenes/s"), (None, "400 imágenes · 10 imágenes/s")],
)
def test_where_nobody_watches_a_line_each_half_minute_says_the_same(
    clock: Clock, images: int | None, told: str
) -> None:
    """Of a tar nobody knows how many images it has: the bytes that are read tell the time left."""
    console, shown = watched(clock, terminal=False)
    with Meter("es", console) as meter:
        meter.begin(listed(images), images=0, failed=0)
        for clock.now, more in ((10.0, 100), (20.0, 100), (40.0, 200)):
            meter.advance(images=more, failed=0, source_bytes=more)
    assert shown.getvalue().splitlines() == [f"Etiquetando · {told} · faltan 0:01:00"]


def test_what_an_earlier_run_did_counts_as_done_and_not_as_fast(clock: Clock) -> None:
    console, shown = watched(clock, terminal=False)
    with Meter("en", console) as meter:
        meter.begin(listed(1000), images=800, failed=2)
        for clock.now in (10.0, 40.0):
            meter.advance(images=30, failed=0, source_bytes=0)
    assert (
        shown.getvalue()
        == "Labelling · 860 of 1000 images · 1 images/s · 2 failed · 0:02:20 left\n"
    )
