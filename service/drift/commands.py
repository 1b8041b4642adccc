"""``rotulo drift``: compare what a model says with its baseline, from Prometheus or from a log."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Final

import typer

from service.errors import StartupError
from service.options import EXIT_FAILED, EXIT_USAGE, read_settings, with_settings
from service.settings import variable
from service.wording import Lang, Wording

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from service.drift.statistics import Comparison, Counts
    from service.manifest import Baseline
    from service.settings import Settings

EXIT_DRIFTED: Final = 3
EXIT_TOO_FEW: Final = 4

_NO_BASELINE: Final = Wording(
    "{model}: su manifiesto no tiene línea base; `--adopt` escribe una.",
    "{model}: its manifest has no baseline; `--adopt` writes one.",
)
_PARTIAL: Final = Wording(
    "El registro no dice etiquetas ni puntajes (ROTULO_LOG_LABELS): solo se comparan decisiones.",
    "The log tells no labels or scores (ROTULO_LOG_LABELS): decisions alone are compared.",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One model: what it said, against what, and how far apart they are."""

    model: str
    counts: Counts
    baseline: Baseline | None
    comparisons: tuple[Comparison, ...]


@with_settings("bundles", "model", "bundle_public_key")
def drift_command(
    *,
    prometheus: Annotated[str, typer.Option(help="Address of a Prometheus that scrapes us.")] = "",
    log: Annotated[
        Path | None,
        typer.Option(help="JSON log lines, or the output of `label --json`; - is standard input."),
    ] = None,
    window: Annotated[str, typer.Option(help="How far Prometheus looks back: 6h, 1d, 2w.")] = "1d",
    job: Annotated[str, typer.Option(help="Prometheus's job, or a pattern.")] = ".*rotulo.*",
    adopt: Annotated[
        Path | None,
        typer.Option(help="Bundle folder whose baseline becomes what was counted; sign it again."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for programs.")] = False,
    lang: Annotated[Lang, typer.Option(help="Language of the table.")] = "es",
    **given: str,
) -> None:
    """Say whether labels, scores or decisions left the baseline of the model's manifest.

    Exit code 0: they did not; 3: something did; 4: too few images to say; 1: nothing to compare.
    """
    if bool(prometheus) == (log is not None):
        typer.echo("rotulo: name one of --prometheus and --log", err=True)
        raise typer.Exit(EXIT_USAGE)
    try:
        if log is not None:
            findings = [_from_log(log, read_settings(**given), lang)]
        else:
            findings = _from_prometheus(prometheus, window, job)
        if adopt is not None:
            _adopt(adopt, findings)
    except ValueError as error:
        typer.echo(f"rotulo: {error}", err=True)
        raise typer.Exit(EXIT_USAGE) from error
    except StartupError as error:
        typer.echo(f"rotulo: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from error
    if as_json:
        typer.echo(json.dumps({"models": [_told(finding) for finding in findings]}, indent=2))
    else:
        _show(findings, lang)
    if adopt is None:
        raise typer.Exit(_exit_code(findings))


def _from_prometheus(url: str, window: str, job: str) -> list[Finding]:
    from service.drift.prometheus import count_prometheus  # noqa: PLC0415  # NumPy
    from service.drift.statistics import compare  # noqa: PLC0415

    return [
        Finding(
            f"{watched.name}/{watched.version}",
            watched.counts,
            watched.baseline,
            compare(watched.counts, watched.baseline) if watched.baseline else (),
        )
        for watched in count_prometheus(url, window=window, job=job)
    ]


def _from_log(path: Path, settings: Settings, lang: Lang) -> Finding:
    from service.drift.log import UnreadableSource, count_log  # noqa: PLC0415  # NumPy
    from service.drift.statistics import compare  # noqa: PLC0415
    from service.loading import choose_bundle, known_bundles  # noqa: PLC0415  # ONNX Runtime

    manifest = choose_bundle(known_bundles(settings), settings).manifest
    model = f"{manifest.name}/{manifest.version}"
    try:
        with _opened(path) as file:
            counted = count_log(file, model)
    except OSError as error:
        raise UnreadableSource(f"{path} cannot be read: {error.strerror}") from error
    if not counted.counts.images:
        raise UnreadableSource(
            f"{path} says nothing of {model}: {counted.other_models} labellings of other models, "
            f"{counted.passed_over} lines of something else"
        )
    if not counted.counts.labels:
        typer.echo(_PARTIAL.say(lang), err=True)
    baseline = manifest.baseline
    comparisons = compare(counted.counts, baseline) if baseline else ()
    return Finding(model, counted.counts, baseline, comparisons)


def _opened(path: Path) -> AbstractContextManager[IO[str]]:
    return nullcontext(sys.stdin) if str(path) == "-" else path.open(encoding="utf-8")


def _adopt(folder: Path, findings: list[Finding]) -> None:
    """Write what was counted of a bundle's model into its manifest, as its baseline."""
    from service.bundles import load_bundle  # noqa: PLC0415
    from service.contract import MANIFEST_FILE  # noqa: PLC0415
    from service.drift.log import UnreadableSource  # noqa: PLC0415
    from service.drift.statistics import MIN_IMAGES, baseline_of  # noqa: PLC0415

    manifest = load_bundle(folder).manifest
    model = f"{manifest.name}/{manifest.version}"
    found = [finding for finding in findings if finding.model == model]
    if not found or found[0].counts.images < MIN_IMAGES:
        raise UnreadableSource(
            f"a baseline of {model} needs {MIN_IMAGES} images of it, "
            f"found {found[0].counts.images if found else 0}"
        )
    labels = [label.id for label in manifest.labels]
    try:
        baseline = baseline_of(found[0].counts, labels, "what was sent to the service in use")
    except ValueError as error:
        raise UnreadableSource(f"{error}: {variable('log_labels')}") from error
    beside = folder / f".{MANIFEST_FILE}.new"
    try:
        manifest.model_copy(update={"baseline": baseline}).write(beside)
        beside.replace(folder / MANIFEST_FILE)
    except OSError as error:
        raise UnreadableSource(f"{folder} cannot be written to: {error.strerror}") from error


def _exit_code(findings: list[Finding]) -> int:
    comparisons = [each for finding in findings for each in finding.comparisons]
    if any(each.drifted for each in comparisons):
        return EXIT_DRIFTED
    if not comparisons:
        return EXIT_FAILED
    return 0 if all(each.enough for each in comparisons) else EXIT_TOO_FEW


def _told(finding: Finding) -> dict[str, object]:
    return {
        "model": finding.model,
        "images": finding.counts.images,
        "baseline_images": finding.baseline.n if finding.baseline else None,
        "comparisons": [
            {**asdict(each), "enough": each.enough, "drifted": each.drifted}
            for each in finding.comparisons
        ],
    }


def _show(findings: list[Finding], lang: Lang) -> None:
    from service.drift.tables import drift_table  # noqa: PLC0415  # Rich
    from service.tables import print_table  # noqa: PLC0415

    for finding in findings:
        if finding.comparisons:
            print_table(drift_table(finding.model, finding.comparisons, lang))
        elif finding.baseline is None:
            typer.echo(_NO_BASELINE.say(lang, model=finding.model))
