"""Settings as flags: every command takes those that it names, and reads them in one way."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from service.settings import Settings, flag, variable

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2


def read_settings(**given: str) -> Settings:
    """Return the settings of flags and environment; wrong ones end the program with code 2."""
    try:
        return Settings(**given)  # type: ignore[arg-type]  # Settings reads text
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            name = str(problem["loc"][0]) if problem["loc"] else ""
            where = f"{flag(name)} ({variable(name)}): " if name else ""
            typer.echo(f"rotulo: {where}{problem['msg']}", err=True)
        raise typer.Exit(EXIT_USAGE) from error


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command a flag for each named setting, which it takes as keywords when given.

    The settings' table is their one home, so the flags are made of it; Settings reads their text
    as it reads the environment's.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        flags = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    str | None,
                    typer.Option(
                        flag(name),
                        help=f"{Settings.model_fields[name].description} [env: {variable(name)}]",
                        metavar="VALUE",
                    ),
                ],
            )
            for name in names
        ]

        def run(**arguments: Any) -> None:  # Typer passes what it parsed
            unset = {name for name in names if arguments.get(name) is None}
            command(**{name: value for name, value in arguments.items() if name not in unset})

        run.__doc__ = command.__doc__
        run.__signature__ = inspect.Signature([*own, *flags])  # type: ignore[attr-defined]
        return run

    return decorate
