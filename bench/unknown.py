"""Pictures of other things: which score tells them from known ones, kind by kind.

    python -m bench.unknown RUN --pictures FILE.npz
    python -m bench.unknown RUN

Scores a finished run by its largest probability and by each method of `training.familiarity`, on
validation images and on kinds of pictures that belong to no class. FILE.npz holds uint8 pictures
`x` [N, H, W, C] of the model's size; the other kinds are drawn here from a seed, or cut from the
two photos that scikit-learn ships. The table goes to `bench/unknown.md`.

A false accept is an unknown picture that scores no lower than 95 % of validation do. The method
`outliers` learns from such pictures: those of the file are each judged by a probe that was fitted
without them, the drawn ones by a probe that was shown others of their kind, and the pieces of
photos by one that was shown none. A run that was fitted with pictures of other things is judged by
those that were held back from it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from sklearn.datasets import load_sample_images
from sklearn.metrics import roc_auc_score

from service.contract import InputSpec
from training.calibration import softmax
from training.data import Splits
from training.drawn import drawn, sized
from training.familiarity import METHODS, Reference, fit_reference
from training.fit import splits_of
from training.labelled import input_of
from training.others import read_others
from training.run import Run
from training.settings import TrainingSettings
from training.teaching import COVERAGE, Seen, Shown, eyes, sample_of, shown_of

RESULTS: Final = Path(__file__).with_name("unknown.md")
DRAWN: Final = 400
SCORE: Final = "largest probability"
TOGETHER: Final = "outliers"
CROPS: Final = "pieces of two photos"
COLLECTED: Final = "collected pictures"
SEED: Final = 1000
Pictures = NDArray[np.uint8]
Way = Callable[[Seen], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Scores:
    """One way to tell the familiar, the higher the more so: of validation, and kind by kind."""

    name: str
    known: NDArray[np.float32]
    unknown: dict[str, NDArray[np.float32]]


def main(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    *,
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="Pictures of other things: a folder, or .npz with `x`; a run that was fitted "
            "with some has its own."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS,
) -> None:
    """Measure and write the table."""
    opened = Run.open(run)
    splits = splits_of(opened, TrainingSettings())
    spec = input_of(opened)
    kinds = drawn(spec, DRAWN, SEED) | {CROPS: _crops(spec)}
    collected = read_others(pictures, spec) if pictures else None
    scores = score(opened, splits, kinds, collected)
    out.write_text(_table(opened, scores, len(splits.validation)))
    Console().print(out.read_text(), markup=False, soft_wrap=True)


def score(
    run: Run, splits: Splits, kinds: dict[str, Pictures], collected: Pictures | None
) -> list[Scores]:
    """Every way's scores of validation, of each kind, and of what the run's probe was not shown.

    Raises:
        RunError: there are no collected pictures, of the run's own or these; or there are both.
    """
    see = eyes(run)
    sample = sample_of(splits.train, SEED)
    known = see(splits.validation.images)
    shown = shown_of(run, see, sample.images, collected)
    unknown = {name: see(images) for name, images in kinds.items()}
    unknown[COLLECTED] = shown.held_back or shown.others
    largest = _largest(run.read("calibration.json")["temperature"])
    ways = {SCORE: largest} | {
        method: _by(fit_reference(method, shown.known.features, sample.labels))
        for method in METHODS
    }
    scores = [
        Scores(name, way(known), {kind: way(seen) for kind, seen in unknown.items()})
        for name, way in ways.items()
    ]
    return [*scores, _taught(shown, known, unknown)]


def _taught(shown: Shown, known: Seen, unknown: dict[str, Seen]) -> Scores:
    """Scores of probes, from 0 on where `COVERAGE` of the known are."""
    way = _by(shown.reference)
    threshold = np.float32(np.quantile(way(known), 1 - COVERAGE))
    scores = {kind: way(seen) - threshold for kind, seen in unknown.items()}
    return Scores(TOGETHER, way(known) - threshold, scores | {COLLECTED: shown.left_out(known)})


def _largest(temperature: float) -> Way:
    return lambda seen: softmax(seen.logits, temperature).max(axis=1)


def _by(reference: Reference) -> Way:
    return lambda seen: seen.scored(reference)


def false_accepts(known: NDArray[np.float32], unknown: NDArray[np.float32]) -> float:
    """The share of unknown pictures above the threshold that keeps `COVERAGE` of the known."""
    return float((unknown >= np.quantile(known, 1 - COVERAGE)).mean())


def accepted(ways: tuple[Scores, Scores], accept: float, kind: str | None = None) -> float:
    """The share of a kind, or of the known, that both accept, the first from the score `accept`."""
    score, familiarity = ways
    first, second = (
        way.known if kind is None else way.unknown[kind] for way in (score, familiarity)
    )
    known = np.quantile(familiarity.known, 1 - COVERAGE)
    return float(((first >= accept) & (second >= known)).mean())


def auroc(known: NDArray[np.float32], unknown: NDArray[np.float32]) -> float:
    """The chance that a known picture scores above an unknown one."""
    truth = np.r_[np.ones(len(known)), np.zeros(len(unknown))]
    return float(roc_auc_score(truth, np.r_[known, unknown]))


def _crops(spec: InputSpec) -> Pictures:
    """Pieces of a photo of a palace and of one of a flower."""
    draw = np.random.default_rng(SEED)
    photos = load_sample_images().images
    pieces = []
    for number in range(DRAWN):
        photo = photos[number % len(photos)]
        size = int(draw.integers(96, min(photo.shape[:2])))
        top, left = (int(draw.integers(0, room - size + 1)) for room in photo.shape[:2])
        piece = Image.fromarray(photo[top : top + size, left : left + size])
        pieces.append(sized(piece, spec))
    return np.stack(pieces)


def _table(run: Run, scores: list[Scores], known: int) -> str:
    config = run.config
    kinds = list(scores[0].unknown)
    by_name = {way.name: way for way in scores}
    both = by_name[SCORE], by_name[TOGETHER]
    accept = run.read("calibration.json")["accept"]
    lines = [
        "# Pictures of other things",
        "",
        "Written by `python -m bench.unknown RUN`.",
        "",
        (
            f"Recipe {config.recipe.name}, {config.recipe.fit.epochs} epochs, seed {config.seed}; "
            f"{known:,} validation images against each kind. False accepts at {COVERAGE:.0%} "
            "coverage of validation, and the area under the ROC curve. The last column is the "
            f"share that is accepted where the score is at least {accept:.3f}, the run's own "
            f"threshold, and {TOGETHER} above that of {COVERAGE:.0%} of validation: "
            f"{accepted(both, accept):.1%} of validation itself."
        ),
        "",
        f"| Kind (n) | {' | '.join(way.name for way in scores)} | accepted by both |",
        f"|---|{'---|' * (len(scores) + 1)}",
    ]
    for kind in kinds:
        cells = [
            f"{false_accepts(way.known, way.unknown[kind]):.1%}, "
            f"{auroc(way.known, way.unknown[kind]):.3f}"
            for way in scores
        ]
        cells.append(f"{accepted(both, accept, kind):.1%}")
        lines.append(f"| {kind} ({len(scores[0].unknown[kind])}) | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    typer.run(main)
