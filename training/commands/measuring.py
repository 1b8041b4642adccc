"""The commands that tell what came out: figures, runs side by side, and a report."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.settings import TrainingSettings
from training.terminal import Json, RunFolder, console, print_json

if TYPE_CHECKING:
    from training.evaluate import Evaluation, LogitsOf, Subject
    from training.run import Run


def evaluate(
    run: RunFolder,
    *,
    on: Annotated[
        Path | None,
        typer.Option(help="Other labelled pictures in place of test: a folder by class, Parquet."),
    ] = None,
    onnx: Annotated[
        Path | None, typer.Option(help="An ONNX file of the run in place of its Keras model.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Look at test although a file was measured on it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure a finished run on the test split, once; or on any other labelled pictures.

    `python -m export` measures the file that ships in the same way.
    """
    from training.evaluate import evaluate as evaluate_run
    from training.evaluate import evaluate_on, recorded_evaluation
    from training.run import Run

    opened = Run.open(run)
    opened.require_finished()
    labelled = None
    if on is not None:
        from training.labelled import read_labelled_set

        labelled = read_labelled_set(opened, on)
    logits_of, subject = _opened(opened, onnx)
    if labelled is not None:
        evaluation = evaluate_on(opened, labelled, logits_of, subject)
    else:
        evaluation = evaluate_run(
            opened,
            TrainingSettings(),
            logits_of,
            subject=subject.name,
            sha256=subject.sha256,
            conditions=subject.conditions,
            temperature=subject.temperature,
            file=subject.file,
            again=again,
        )
    if as_json:
        print_json(evaluation.model_dump(mode="json"))
        return
    _tell(evaluation, recorded_evaluation(opened) if labelled else None)


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", metavar="RUN…")],
    *,
    html: Annotated[
        Path | None, typer.Option(help="Also a page in Spanish with their curves.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put runs side by side: what they are, where they differ, and what came out."""
    from training.compare import comparison_table, read_runs

    compared = read_runs(runs)
    if html is not None:
        from training.comparison_page import write_comparison

        write_comparison(compared, html)
    if as_json:
        print_json([run.as_json() for run in compared])
        return
    console.print(comparison_table(compared))
    if html is not None:
        console.print(f"Written: {html}")


def report(
    run: RunFolder,
    *,
    out: Annotated[Path | None, typer.Option(help="The page; RUN/report.html without it.")] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="The bundle NAME/VERSION that the run became.")
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(help="A run to set beside it, as often as wanted; all beside it if none."),
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(help="What people said of the bundle's labels: `rotulo feedback summary`."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one self-contained page in the six phases of CRISP-DM, in Spanish."""
    from training.report import read_manifest, write_report
    from training.run import Run

    opened = Run.open(run)
    page = out or opened.folder / "report.html"
    manifest = read_manifest(bundle) if bundle else None
    write_report(
        opened, TrainingSettings(), page, manifest=manifest, others=compare, feedback=feedback
    )
    if as_json:
        print_json({"report": str(page)})
    else:
        console.print(f"Written: {page}")


def _opened(run: "Run", onnx: Path | None) -> tuple["LogitsOf", "Subject"]:
    """What answers: the ONNX file, or the run's Keras model."""
    temperature = _temperature(run.folder)
    if onnx is not None:
        from training.errors import RunError

        try:
            from training.onnx_file import open_onnx
        except ModuleNotFoundError as error:
            raise RunError(f"{onnx} needs ONNX Runtime: install the extra `cpu`") from error
        opened = open_onnx(onnx, run, temperature)
        return opened.logits_of, opened.subject
    from training.evaluate import Subject, file_digest
    from training.fit import load_model
    from training.views import logits_of

    model, views = load_model(run), run.config.recipe.views
    subject = Subject(
        run.weights.name,
        file_digest(run.weights),
        f"Keras, float32, views: {views}",
        temperature,
    )
    return lambda images: logits_of(model, views, images), subject


def _tell(evaluation: "Evaluation", test: "Evaluation | None") -> None:
    low, high = evaluation.accuracy_interval
    by_chance = evaluation.ece_by_chance
    chance = "" if by_chance is None else f" ({by_chance:.4f} if it were perfectly calibrated)"
    console.print(
        f"{evaluation.subject}{f' on {evaluation.data}' if evaluation.data else ''}: "
        f"accuracy {evaluation.accuracy:.4f} "
        f"(95 %: {low:.4f} to {high:.4f}), ECE {evaluation.ece_after:.4f}{chance}, "
        f"n = {evaluation.n}"
    )
    ranking, cost, agreed = evaluation.ranking, evaluation.cost, evaluation.agreement
    if ranking and ranking.roc_auc is not None:
        console.print(
            f"AUC {ranking.roc_auc:.4f}, average precision {ranking.average_precision:.4f}, "
            f"negative log-likelihood {evaluation.negative_log_likelihood:.4f}, "
            f"Brier {evaluation.brier:.4f}"
        )
    if agreed:
        console.print(
            f"People: {agreed.votes_for_given:.1%} of their votes are for what the model says, "
            f"{agreed.votes_for_label:.1%} for the label"
        )
    if cost:
        console.print(
            f"{cost.bytes / 1e6:.1f} MB, {cost.milliseconds:.2f} ms an image alone, "
            f"{cost.images_per_second:.0f} images/s in batches of {cost.batch} ({cost.machine}, "
            f"load {cost.load:.1f})"
        )
    if test:
        console.print(f"On test it was {test.accuracy:.4f}, n = {test.n}")


def _temperature(folder: Path) -> float:
    """The run's temperature, or 1 for a run without validation images."""
    path = folder / "calibration.json"
    return float(json.loads(path.read_text())["temperature"]) if path.is_file() else 1.0
