"""The command line of export: `python -m export RUN --out BUNDLES`.

Exit codes: 0 the bundle is there, 1 it could not be made and one line says why, 2 the command was
not understood, 130 interrupted. Only 0 leaves a bundle.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from pydantic import ValidationError
from rich.console import Console

from export.errors import ExportError
from export.policy import FILTER, RESIZE
from export.wording import Wording
from service.contract import Filter, LocalisedText, Resize
from service.errors import BundleError
from training.errors import RunError, TrainingError
from training.own_data import OwnData

if TYPE_CHECKING:
    from export.exporting import Exported, Measure
    from training.run import Run
    from training.settings import TrainingSettings

CONDITIONS: Final = "model.onnx, ONNX Runtime CPU, float32, views: {views}"

app = typer.Typer(add_completion=False, help=__doc__)
# What is told goes to the error stream, so that --json has the output for itself.
console = Console(stderr=True)


@app.command(help=__doc__)
def export(  # noqa: PLR0913 - each is an option of the command line
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.")],
    *,
    out: Annotated[Path, typer.Option(help="The folder of bundles; OUT/NAME/VERSION is written.")],
    name: Annotated[str | None, typer.Option(help="The name; the data set's without it.")] = None,
    version: Annotated[str, typer.Option(help="The version.")] = "1",
    title_es: Annotated[str | None, typer.Option(help="The title in Spanish.")] = None,
    title_en: Annotated[str | None, typer.Option(help="The title in English.")] = None,
    resize: Annotated[
        Resize | None,
        typer.Option(help="How a photo gets the model's shape; as in the fit without it."),
    ] = None,
    resampling: Annotated[
        Filter | None, typer.Option("--filter", help="The resampling filter; likewise.")
    ] = None,
    calibration_from: Annotated[
        Path | None,
        typer.Option(help="For a run fitted on all images: a run of its recipe fitted on `train`."),
    ] = None,
    evaluate: Annotated[
        bool, typer.Option(help="Measure the file on test, once; without it, for trying.")
    ] = True,
    evaluate_again: Annotated[
        bool,
        typer.Option(
            "--evaluate-again",
            help="Measure on test although another file of this run was. Choosing between files "
            "by their test figures makes test a part of training: have a reason.",
        ),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a bundle of that name and version.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")] = False,
) -> None:
    """Turn a finished run into a bundle."""
    from export.calibration import read_calibration
    from export.exporting import Target
    from export.exporting import export as export_run
    from export.stand_ins import stand_ins
    from training.data import load_splits
    from training.run import Run
    from training.settings import TrainingSettings

    opened = Run.open(run)
    opened.require_finished()
    settings = TrainingSettings()
    recipe = opened.config.recipe
    own = recipe.data if isinstance(recipe.data, OwnData) else None
    wording = _wording(
        name or recipe.data_name,
        version,
        _title(title_es, title_en),
        resize or (own.input.resize if own else RESIZE),
        resampling or (own.input.filter if own else FILTER),
    )
    calibration = read_calibration(opened, Run.open(calibration_from) if calibration_from else None)
    measure = (
        _measure(opened, settings, calibration.temperature, again=evaluate_again)
        if evaluate and (own is None or own.test_size)
        else None
    )
    splits = load_splits(recipe.data, settings)
    held = splits.validation.images
    exported = export_run(
        opened,
        calibration,
        # Validation images of a run fitted on all are known to it; parity asks for no more.
        held,
        Target(out, replace=replace),
        wording,
        more=stand_ins(splits.train.images, len(held)) if own else None,
        measure=measure,
        tell=lambda step: console.print(f"[bold]·[/bold] {step}"),
    )
    if as_json:
        sys.stdout.write(json.dumps(_summary(exported), ensure_ascii=False) + "\n")
    else:
        _tell_result(exported)


def main() -> None:
    """Run the command line; an error that has a name ends as one line and exit code 1."""
    try:
        app()
    except (ExportError, TrainingError, BundleError) as error:
        console.print(f"[red]error:[/red] {error}", soft_wrap=True, highlight=False)
        sys.exit(1)


def _title(es: str | None, en: str | None) -> LocalisedText | None:
    if es is None and en is None:
        return None
    if es is None or en is None:
        raise typer.BadParameter("--title-es and --title-en are given together")
    return LocalisedText(es=es, en=en)


def _wording(
    name: str, version: str, title: LocalisedText | None, resize: Resize, resampling: Filter
) -> Wording:
    try:
        return Wording(name=name, version=version, title=title, resize=resize, filter=resampling)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise typer.BadParameter(f"--{first['loc'][0]}: {first['msg']}") from error


def _measure(
    run: "Run", settings: "TrainingSettings", temperature: float, *, again: bool
) -> "Measure":
    from service.contract import MODEL_FILE
    from training.evaluate import Evaluation, LogitsOf, evaluate

    def measure(logits_of: LogitsOf, *, sha256: str, file: Path) -> Evaluation:
        try:
            return evaluate(
                run,
                settings,
                logits_of,
                subject=MODEL_FILE,
                sha256=sha256,
                conditions=CONDITIONS.format(views=run.config.recipe.views),
                temperature=temperature,
                file=file,
                again=again,
            )
        except RunError as error:
            raise ExportError(f"{error}: --evaluate-again, or --no-evaluate for trying") from error

    return measure


def _summary(exported: "Exported") -> dict[str, object]:
    manifest = exported.bundle.manifest
    return {
        "bundle": str(exported.bundle.path),
        "name": manifest.name,
        "version": manifest.version,
        "sha256": manifest.model_sha256,
        "bytes": manifest.model_bytes,
        "parity": {
            "images": exported.parity.images,
            "largest_difference": exported.parity.largest_difference,
        },
        "figures": [figure.model_dump() for figure in manifest.figures],
    }


def _tell_result(exported: "Exported") -> None:
    parity, evaluation = exported.parity, exported.evaluation
    console.print(
        f"Parity: the same top-1 on {parity.images:,} images, "
        f"logits within {parity.largest_difference:.2g}"
    )
    if evaluation is not None:
        console.print(f"Test: accuracy {evaluation.accuracy:.4f}, n = {evaluation.n:,}")
    console.print(f"Written: {exported.bundle.path}")


if __name__ == "__main__":
    main()
