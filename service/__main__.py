"""The command line: ``serve``, ``label``, ``doctor``, ``health`` and ``bundle``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from service.bundle_commands import bundle_cli
from service.errors import InvalidParameter, StartupError
from service.options import EXIT_FAILED, EXIT_USAGE, read_settings, with_settings
from service.settings import Settings
from service.wording import Lang

cli = typer.Typer(
    name="rotulo",
    help="Label images, and say how sure it is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


cli.add_typer(bundle_cli)


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
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for programs.")] = False,
    top_k: Annotated[int, typer.Option(min=1, help="Labels at most for each image.")] = 5,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Least score of a label.")] = 0.0,
    lang: Annotated[Lang, typer.Option(help="Language of names and problems.")] = "es",
    **given: str,
) -> None:
    """Label images without a server. Exit code 1 when some file could not be labelled."""
    from service.loading import load_classifier  # noqa: PLC0415  # ONNX Runtime
    from service.offline import label_paths  # noqa: PLC0415
    from service.schemas import LabelQuery, LabelsAnswer  # noqa: PLC0415
    from service.tables import label_table, print_table  # noqa: PLC0415  # Rich

    settings = read_settings(**given).model_copy(update={"max_batch": 1})
    query = LabelQuery(top_k=top_k, min_score=min_score, lang=lang)
    try:
        classifier = load_classifier(settings)
        ends = list(label_paths(files, classifier, query, settings))
    except StartupError as error:
        typer.echo(f"rotulo: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from error
    except InvalidParameter as error:
        typer.echo(f"rotulo: {error.detail(lang)}", err=True)
        raise typer.Exit(EXIT_USAGE) from error
    if as_json:
        items = [{"file": str(path), **end.model_dump(mode="json")} for path, end in ends]
        typer.echo(json.dumps({"items": items}, ensure_ascii=False, indent=2))
    else:
        print_table(label_table(ends, lang))
    failed = any(not isinstance(end, LabelsAnswer) for _, end in ends)
    raise typer.Exit(EXIT_FAILED if failed else 0)


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


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
