"""``rotulo feedback``: export, summary and purge, beside a running service or without one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from service.options import EXIT_FAILED, EXIT_USAGE, read_settings, with_settings
from service.settings import Settings, flag, variable

if TYPE_CHECKING:
    from service.feedback.store import CorrectionStore

feedback_cli = typer.Typer(
    name="feedback", help="Export, count and delete corrections.", no_args_is_help=True
)

_MAINTENANCE_SECONDS: Final = 30.0
"""The database's time for a statement here, where nobody waits at a page."""


@contextmanager
def opened(settings: Settings) -> Iterator[CorrectionStore]:
    """Give the store of corrections; what fails in it ends the program with code 1."""
    from alembic.util import CommandError  # noqa: PLC0415  # only these commands need a database
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from service.feedback.store import CorrectionStore  # noqa: PLC0415

    if not settings.feedback_url:
        where = f"{flag('feedback_url')} or {variable('feedback_url')}"
        typer.echo(f"rotulo: no database of corrections; name it with {where}", err=True)
        raise typer.Exit(EXIT_USAGE)
    patient = {"feedback_timeout_seconds": _MAINTENANCE_SECONDS}
    store = CorrectionStore.of(settings.model_copy(update=patient))
    try:
        yield store
    except (SQLAlchemyError, CommandError, OSError) as error:
        typer.echo(f"rotulo: the database of corrections: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from error
    finally:
        store.close()


@feedback_cli.command("export")
@with_settings("feedback_url")
def export_command(
    *,
    as_json: Annotated[
        bool, typer.Option("--json/--csv", help="JSON lines, or a table for spreadsheets.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File to write, readable by you alone; or standard output.")
    ] = None,
    **given: str,
) -> None:
    """Write every correction, the oldest first."""
    from service.feedback.spreadsheet import write_csv, write_json_lines  # noqa: PLC0415

    write = write_json_lines if as_json else write_csv
    with opened(read_settings(**given)) as store:
        if out is None:
            sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # a real stream here
            write(store.all(), sys.stdout)
            return
        out.touch(mode=0o600)
        with out.open("w", encoding="utf-8", newline="") as file:
            rows = write(store.all(), file)
    typer.echo(f"{rows} corrections in {out}", err=True)


@feedback_cli.command("summary")
@with_settings("feedback_url")
def summary_command(**given: str) -> None:
    """Write how often people disagree with each class, as JSON for training."""
    from service.feedback.summary import summarise  # noqa: PLC0415

    with opened(read_settings(**given)) as store:
        typer.echo(summarise(store.counts()).model_dump_json(indent=2))


@feedback_cli.command("purge")
@with_settings("feedback_url", "feedback_days", "feedback_images")
def purge_command(
    *,
    result: Annotated[
        str | None, typer.Option(help="Delete the correction of this one result, of any age.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Delete all corrections, of any age.")
    ] = False,
    **given: str,
) -> None:
    """Delete corrections that are too old, with their images. Exit code 1 when there is no such."""
    settings = read_settings(**given)
    if result is not None and everything:
        typer.echo("rotulo: --result or --everything, not both", err=True)
        raise typer.Exit(EXIT_USAGE)
    with opened(settings) as store:
        if result is not None:
            found = store.forget(result)
            typer.echo(f"deleted: {int(found)}")
            raise typer.Exit(0 if found else EXIT_FAILED)
        rows = store.purge(days=0 if everything else settings.feedback_days)
    typer.echo(f"deleted: {rows}")
