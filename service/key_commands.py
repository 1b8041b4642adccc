"""The command ``rotulo key new``."""

from __future__ import annotations

from typing import Annotated

import typer

from service.keys import SCOPES, new_key, parse_scopes

key_cli = typer.Typer(help="API keys.", no_args_is_help=True)


@key_cli.callback()
def keys() -> None:
    """Make API keys."""


@key_cli.command("new")
def new_command(
    scopes: Annotated[
        str, typer.Option(help=f"What it may do: of {', '.join(SCOPES)}, separated by commas.")
    ],
) -> None:
    """Make a key: its line for the file of keys on standard output, the key on standard error.

    The key is shown once and kept nowhere. `rotulo key new --scopes label >> keys` adds its line
    to the file and leaves the key on the terminal.
    """
    try:
        text, key = new_key(parse_scopes(scopes))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--scopes") from error
    typer.echo(text, err=True)
    typer.echo(key.line())
