"""The figures of `docs/capacity.md`, from the tables that `make bench` wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from service.settings import Settings

SERVE: Final = Path(__file__).resolve().parents[1] / "bench" / "serve.md"
PLAIN: Final = "raw"
_HEADING: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_CORES: Final = re.compile(r"(\d+) cores")


def capacity(text: str | None = None) -> str:
    """Return what one replica does, as Markdown, from the text of ``bench/serve.md``.

    Raises:
        ValueError: it has no such tables.
    """
    text = SERVE.read_text("utf-8") if text is None else text
    about, *sections = _HEADING.split(text)
    conditions = next((line for line in about.splitlines() if line.startswith("Bundle ")), "")
    cores = _CORES.search(conditions)
    if not cores or not sections:
        raise ValueError(f"{SERVE} names no cores or no pictures; write it by make bench")
    titles, bodies = sections[::2], sections[1::2]
    rates, rows = [], []
    for title, body in zip(titles, bodies, strict=True):
        loads = [row for row in _rows(body) if row["Body"] == PLAIN]
        busiest, calmest = loads[-1], loads[0]
        rate = float(busiest["Images/s"])
        rates.append(rate)
        cells = (
            title,
            busiest["Connections"],
            f"{rate:.0f}",
            f"{rate / int(cores[1]):.0f}",
            busiest["Of the limit"].replace("%", " %"),
            f"{calmest['p50 ms']} at {calmest['Connections']}",
            f"{busiest['p50 ms']}, {busiest['p99 ms']} at {busiest['Connections']}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    queue = Settings.model_fields["max_queue"].default
    return "\n".join(
        [
            f"{conditions}",
            "",
            (
                "| Picture | Connections, raw | Images/s | Per core | Of what decoding and "
                "inference alone can do | p50 alone, ms | p50 and p99, ms |"
            ),
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            (
                f"A full queue of {queue}, the default of `ROTULO_MAX_QUEUE`, is "
                f"{queue / max(rates):.1f} to {queue / min(rates):.1f} seconds of work at these "
                "rates; a request waits at most the "
                f"{Settings.model_fields['request_timeout_seconds'].default:g} of "
                "`ROTULO_REQUEST_TIMEOUT_SECONDS`."
            ),
        ]
    )


def _rows(body: str) -> Iterator[Mapping[str, str]]:
    """Yield each row of a section's table by the names of its columns."""
    lines = [line for line in body.splitlines() if line.startswith("|")]
    names, *rest = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    for cells in rest[1:]:
        yield dict(zip(names, cells, strict=True))
