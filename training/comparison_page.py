"""Runs side by side as one page in Spanish that asks the network for nothing."""

from datetime import UTC, datetime
from pathlib import Path

from training.compare import Compared, differing_settings
from training.figures import accuracy_chart, accuracy_courses
from training.pages import template
from training.run import write_atomically


def write_comparison(compared: tuple[Compared, ...], page: Path) -> None:
    """Write the page, whole or not at all."""
    courses = [(run.label, list(run.history)) for run in compared if _followed(run)]
    rows = [(run.label, run.validation, True) for run in compared if run.validation is not None]
    html = template("comparison.html").render(
        runs=compared,
        written=datetime.now(UTC).astimezone().date(),
        differing=differing_settings(compared),
        same_data=len({run.data_sha256 for run in compared} - {None}) <= 1,
        courses=accuracy_courses(courses) if courses else None,
        chart=accuracy_chart(rows) if rows else None,
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(page, html)


def _followed(run: Compared) -> bool:
    return any("val_accuracy" in epoch for epoch in run.history)
