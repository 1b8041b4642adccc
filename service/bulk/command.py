"""``rotulo bulk``: what is said on the command line, and how it ends."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from service.errors import InvalidParameter, StartupError
from service.options import EXIT_FAILED, EXIT_USAGE, read_settings, with_settings
from service.wording import Lang, Wording

if TYPE_CHECKING:
    from service.bulk.run import Summary

_WRITTEN = Wording(
    "{target}: {images} imágenes ({earlier} de antes), {failed} con error{which}; {seconds:.0f} s, "
    "{rate:.1f} imágenes/s",
    "{target}: {images} images ({earlier} from before), {failed} failed{which}; {seconds:.0f} s, "
    "{rate:.1f} images/s",
)
_SKIPPED = Wording(
    "{skipped} archivos no son imágenes por su nombre y quedaron fuera (--all-files los incluye)",
    "{skipped} files are no images by their names and were left out (--all-files takes them)",
)
_STOPPED = Wording(
    "Detenido. Repita la misma orden para seguir donde quedó.",
    "Stopped. Repeat the same command to go on where it stopped.",
)
_SIGNAL_BASE = 128


@with_settings(
    "bundles", "model", "bundle_public_key", "provider", "max_upload_bytes", "max_pixels"
)
def bulk_command(  # noqa: PLR0913  # one argument for each thing that may be said
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Images, folders, patterns, tar or Parquet files; paths or URLs such as s3://.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[
        str,
        typer.Option(help="The target: a path or URL that ends in .parquet, .csv or .jsonl."),
    ],
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Labels at most for each image; 5.")
    ] = None,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Least score of a label.")] = 0.0,
    all_files: Annotated[
        bool, typer.Option("--all-files", help="Take files with any extension for images.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the target once the new one is whole.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop what an unfinished run has done.")
    ] = False,
    as_listed: Annotated[
        bool,
        typer.Option("--as-listed", help="Go on with the files that were there at the beginning."),
    ] = False,
    part_images: Annotated[
        int,
        typer.Option(min=1, max=1_000_000, help="Images in a part, the most that a kill undoes."),
    ] = 1024,
    engine: Annotated[str, typer.Option(help="Where to label: local, or ray.")] = "local",
    workers: Annotated[
        int, typer.Option(min=0, max=100_000, help="Processes that label; 0 is one per core.")
    ] = 0,
    address: Annotated[
        str, typer.Option(help="Where the engine's cluster is; ray: `auto` or ray://HOST:PORT.")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write the summary as JSON.")] = False,
    lang: Annotated[Lang, typer.Option(help="Language of messages.")] = "es",
    **given: str,
) -> None:
    """Label any number of images into one file; repeat the command to go on after a stop.

    Exit codes: 0 the target is written; 1 the model or the engine failed, or no image at all could
    be labelled; 2 wrong usage; 3 a source is unreadable or has changed; 4 the target cannot be
    written; 130 and 143 stopped by a signal.
    """
    from service.bulk.engines import EngineOptions, engine_of  # noqa: PLC0415  # ONNX Runtime
    from service.bulk.errors import BulkError  # noqa: PLC0415
    from service.bulk.preparing import Order  # noqa: PLC0415
    from service.bulk.progress import Meter  # noqa: PLC0415  # Rich
    from service.bulk.run import run  # noqa: PLC0415
    from service.schemas import LabelQuery  # noqa: PLC0415

    asked = {} if top_k is None else {"top_k": top_k}
    order = Order(
        sources=tuple(sources),
        target=out,
        query=LabelQuery(**asked, min_score=min_score, lang=lang),
        part_images=part_images,
        all_files=all_files,
        overwrite=overwrite,
        restart=restart,
        as_listed=as_listed,
    )
    settings = read_settings(**given)
    signal.signal(signal.SIGTERM, _stop)
    try:
        with Meter(lang) as meter:
            chosen = engine_of(engine, EngineOptions(workers, address))
            summary = run(order, chosen, settings, meter)
    except BulkError as error:
        _end(error.say(lang), error.exit_code, error)
    except StartupError as error:
        _end(str(error), EXIT_FAILED, error)
    except InvalidParameter as error:
        _end(error.detail(lang), EXIT_USAGE, error)
    except _Stopped as error:
        _end(_STOPPED.say(lang), _SIGNAL_BASE + error.number, error)
    except KeyboardInterrupt as error:
        _end(_STOPPED.say(lang), _SIGNAL_BASE + signal.SIGINT, error)
    else:
        _tell(summary, lang, as_json=as_json)


class _Stopped(BaseException):
    """A signal asked the process to end; no handler of errors may hold it up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _stop(number: int, _frame: FrameType | None) -> None:
    raise _Stopped(number)


def _end(told: str, code: int, cause: BaseException) -> None:
    typer.echo(f"rotulo: {told}", err=True)
    raise typer.Exit(code) from cause


def _tell(summary: Summary, lang: Lang, *, as_json: bool) -> None:
    failed = sum(summary.failed.values())
    which = ", ".join(f"{slug} {count}" for slug, count in summary.failed.items())
    if as_json:
        typer.echo(summary.model_dump_json(indent=2))
    else:
        typer.echo(
            _WRITTEN.say(
                lang,
                target=summary.target,
                images=summary.images,
                earlier=summary.earlier,
                failed=failed,
                which=f" ({which})" if which else "",
                seconds=summary.seconds,
                rate=summary.images_per_second,
            )
        )
        if summary.skipped:
            typer.echo(_SKIPPED.say(lang, skipped=summary.skipped))
    sys.stdout.flush()
    raise typer.Exit(EXIT_FAILED if failed == summary.images else 0)
