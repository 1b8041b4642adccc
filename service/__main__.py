"""The command line of the service: serving, labelling, and what goes with both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.bulk.command import bulk_command
from service.bundle_commands import bundle_cli
from service.drift.commands import drift_command
from service.errors import InvalidParameter, StartupError
from service.feedback.commands import feedback_cli
from service.key_commands import key_cli
from service.options import EXIT_FAILED, EXIT_USAGE, read_settings, with_settings
from service.settings import Settings, flag
from service.wording import Lang

if TYPE_CHECKING:
    from service.schemas import LabelQuery, LabelsAnswer, Problem

    Ends = list[tuple[Path, LabelsAnswer | Problem]]

cli = typer.Typer(
    name="rotulo",
    help="Label images, and say how sure it is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


cli.command("drift")(drift_command)
cli.add_typer(bundle_cli)
cli.add_typer(feedback_cli)
cli.add_typer(key_cli, name="key")
cli.command("bulk")(bulk_command)


@cli.command("serve")
@with_settings(*Settings.model_fields)
def serve_command(**given: str) -> None:
    """Serve the API and the page until told to stop."""
    from service.server import serve  # noqa: PLC0415  # the other commands need no web framework

    raise typer.Exit(serve(read_settings(**given)))


@cli.command("label")
@with_settings("bundles", "model", "bundle_public_key", "provider")
def label_command(
    files: Annotated[list[Path], typer.Argument(help="Images.", show_default=False)],
    *,
    url: Annotated[str, typer.Option(help="Ask the service at this address.")] = "",
    key_file: Annotated[
        Path | None, typer.Option(help="File with the key that the service at --url asks for.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for programs.")] = False,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Labels at most for each image.", show_default="5")
    ] = None,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Least score of a label.")] = 0.0,
    lang: Annotated[Lang, typer.Option(help="Language of names and problems.")] = "es",
    **given: str,
) -> None:
    """Label images here, without a server, or at --url. Exit code 1 when some file failed."""
    from service.schemas import LabelQuery, LabelsAnswer  # noqa: PLC0415
    from service.tables import label_table, print_table  # noqa: PLC0415  # Rich

    if url and given:
        typer.echo(f"rotulo: {flag(next(iter(given)))} says nothing to --url", err=True)
        raise typer.Exit(EXIT_USAGE)
    asked = {} if top_k is None else {"top_k": top_k}
    query = LabelQuery(**asked, min_score=min_score, lang=lang)
    ends = _label_at(url, key_file, files, query) if url else _label_here(files, query, given)
    if as_json:
        items = [{"file": str(path), **end.model_dump(mode="json")} for path, end in ends]
        typer.echo(json.dumps({"items": items}, ensure_ascii=False, indent=2))
    else:
        print_table(label_table(ends, lang))
    failed = any(not isinstance(end, LabelsAnswer) for _, end in ends)
    raise typer.Exit(EXIT_FAILED if failed else 0)


def _label_here(files: list[Path], query: LabelQuery, given: dict[str, str]) -> Ends:
    from service.loading import load_classifier  # noqa: PLC0415  # ONNX Runtime
    from service.offline import label_paths  # noqa: PLC0415

    settings = read_settings(**given).model_copy(update={"max_batch": 1, "lone_threads": 1})
    try:
        classifier = load_classifier(settings)
        return list(label_paths(files, classifier, query, settings))
    except StartupError as error:
        typer.echo(f"rotulo: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from error
    except InvalidParameter as error:
        typer.echo(f"rotulo: {error.detail(query.lang)}", err=True)
        raise typer.Exit(EXIT_USAGE) from error


def _label_at(url: str, key_file: Path | None, files: list[Path], query: LabelQuery) -> Ends:
    try:
        from service.client import ClientError  # noqa: PLC0415  # httpx, which not all have
        from service.remote import label_paths_at  # noqa: PLC0415
    except ModuleNotFoundError as error:
        typer.echo("rotulo: --url needs httpx: install rotulo[client]", err=True)
        raise typer.Exit(EXIT_FAILED) from error
    try:
        key = key_file.read_text(encoding="utf-8").strip() if key_file else None
        return list(label_paths_at(url, key, files, query))
    except (ClientError, OSError) as error:
        typer.echo(f"rotulo: {url}: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from error


@cli.command("doctor")
@with_settings("bundles", "model", "bundle_public_key", "provider")
def doctor_command(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for programs.")] = False,
    **given: str,
) -> None:
    """Say what works here and what is missing. Exit code 1 when the service could not start."""
    from service.doctor import diagnose  # noqa: PLC0415  # ONNX Runtime
    from service.tables import diagnosis_table, print_table  # noqa: PLC0415  # Rich

    diagnosis = diagnose(read_settings(**given))
    if as_json:
        typer.echo(diagnosis.model_dump_json(indent=2))
    else:
        print_table(diagnosis_table(diagnosis))
    raise typer.Exit(EXIT_FAILED if diagnosis.problems else 0)


@cli.command("health")
@with_settings("host", "port")
def health_command(
    *,
    live: Annotated[bool, typer.Option("--live", help="Ask whether it lives, not more.")] = False,
    **given: str,
) -> None:
    """Ask the service of this machine whether it is ready. Exit code 1 when it is not."""
    from service.probe import obstacle_of  # noqa: PLC0415

    obstacle = obstacle_of(read_settings(**given), "/livez" if live else "/readyz")
    if obstacle is not None:
        typer.echo(f"rotulo: {obstacle}", err=True)
        raise typer.Exit(EXIT_FAILED)


@cli.command("widget")
def widget_command(
    url: Annotated[str, typer.Argument(help="Where browsers reach this service.")] = "",
    *,
    proxy: Annotated[str, typer.Option(help="The site's own address that adds its key.")] = "",
    lang: Annotated[Lang, typer.Option(help="Language of the element.")] = "es",
) -> None:
    """Print the two lines that put the element <rotulo-etiquetas> into a page of another site."""
    from service.embedding import EXAMPLE_PROXY, EXAMPLE_SITE, newest_module  # noqa: PLC0415

    lines = newest_module().lines(url or EXAMPLE_SITE, proxy or EXAMPLE_PROXY, lang)
    typer.echo(lines, nl=False)


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
