"""The command line of int8: `python -m export.int8 RUN BUNDLE` writes a second, quantised bundle.

It cannot say what Keras says, so what is proven instead is how much accuracy it costs on validation
images; where that is more than is allowed there is no bundle. Temperature, thresholds and baseline
are found anew. How much faster it is depends on the processor: `bench.providers` measures that.

Exit codes: 0 the bundle is there, 1 it could not be made and one line says why, 2 the command was
not understood. Only 0 leaves a bundle.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from export.errors import ExportError
from service.errors import BundleError
from training.errors import RunError, TrainingError

if TYPE_CHECKING:
    from export.quantising import Measure, Quantised
    from training.run import Run
    from training.settings import TrainingSettings

CONDITIONS = "model.onnx, ONNX Runtime CPU, int8, views: {views}"

app = typer.Typer(add_completion=False, help=__doc__)
# What is told goes to the error stream, so that --json has the output for itself.
console = Console(stderr=True)


@app.command(help=__doc__)
def quantise(  # noqa: PLR0913 - each is an option of the command line
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The finished run.")],
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Its bundle, NAME/VERSION.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The folder of bundles; without it the bundle's own.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The name; NAME-int8 without it.")] = None,
    calibration_from: Annotated[
        Path | None,
        typer.Option(help="For a run fitted on all images: a run of its recipe fitted on `train`."),
    ] = None,
    allowed_fall: Annotated[
        float, typer.Option(min=0, max=100, help="Points of accuracy that it may cost.")
    ] = 0.2,
    evaluate: Annotated[
        bool,
        typer.Option(
            "--evaluate-again",
            help="Measure the int8 file on test, where the float32 file of this run was measured "
            "before. Choosing between the two by these figures makes test a part of training.",
        ),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a bundle of that name and version.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")] = False,
) -> None:
    """Quantise a run's bundle."""
    from export.exporting import Target
    from export.quantising import Order, quantise_bundle
    from service.bundles import load_bundle
    from training.data import load_splits
    from training.run import Run
    from training.settings import TrainingSettings

    opened, settings = Run.open(run), TrainingSettings()
    opened.require_finished()
    loaded = load_bundle(bundle)
    order = Order(
        run=opened,
        bundle=loaded,
        judge=Run.open(calibration_from) if calibration_from else None,
        name=name or f"{loaded.manifest.name}-int8",
        target=Target(out or loaded.path.parent.parent, replace=replace),
        allowed_fall=allowed_fall / 100,
    )
    quantised = quantise_bundle(
        order,
        load_splits(opened.config.recipe.data, settings),
        measure=_measure(opened, settings) if evaluate else None,
        tell=lambda step: console.print(f"[bold]·[/bold] {step}"),
    )
    if as_json:
        sys.stdout.write(json.dumps(_summary(quantised), ensure_ascii=False) + "\n")
    else:
        console.print(
            f"Accuracy on {quantised.images:,} validation images: {quantised.before:.4f} in "
            f"float32, {quantised.after:.4f} in int8\nWritten: {quantised.bundle.path}"
        )


def main() -> None:
    """Run the command line; an error that has a name ends as one line and exit code 1."""
    try:
        app()
    except (ExportError, TrainingError, BundleError) as error:
        console.print(f"[red]error:[/red] {error}", soft_wrap=True, highlight=False)
        sys.exit(1)


def _measure(run: "Run", settings: "TrainingSettings") -> "Measure":
    from service.contract import MODEL_FILE
    from training.evaluate import Evaluation, LogitsOf, evaluate

    def measure(logits_of: LogitsOf, *, sha256: str, temperature: float) -> Evaluation:
        try:
            return evaluate(
                run,
                settings,
                logits_of,
                subject=MODEL_FILE,
                sha256=sha256,
                conditions=CONDITIONS.format(views=run.config.recipe.views),
                temperature=temperature,
                again=True,
            )
        except RunError as error:
            raise ExportError(str(error)) from error

    return measure


def _summary(quantised: "Quantised") -> dict[str, object]:
    manifest = quantised.bundle.manifest
    return {
        "bundle": str(quantised.bundle.path),
        "sha256": manifest.model_sha256,
        "bytes": manifest.model_bytes,
        "validation": {
            "images": quantised.images,
            "float32": quantised.before,
            "int8": quantised.after,
        },
        "figures": [figure.model_dump() for figure in manifest.figures],
    }


if __name__ == "__main__":
    main()
