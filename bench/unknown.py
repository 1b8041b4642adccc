"""Pictures of other things: which score tells them from known ones, kind by kind.

    python -m bench.unknown RUN --pictures FILE.npz

Scores a finished run by its largest probability and by each method of `training.familiarity`, on
validation images and on kinds of pictures that belong to no class. FILE.npz holds uint8 pictures
`x` [N, H, W, C] of the model's size; the other kinds are drawn here from a seed, or cut from the
two photos that scikit-learn ships. The table goes to `bench/unknown.md`.

A false accept is an unknown picture that scores no lower than 95 % of validation do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import tensorflow as tf
import typer
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rich.console import Console
from sklearn.datasets import load_sample_images
from sklearn.metrics import roc_auc_score

from training.calibration import softmax
from training.data import Split, Splits
from training.familiarity import (
    COVERAGE,
    FITTED_ON,
    METHODS,
    Reference,
    fit_reference,
    with_features,
)
from training.fit import load_model, splits_of
from training.run import Run
from training.settings import TrainingSettings
from training.views import logits_of

RESULTS: Final = Path(__file__).with_name("unknown.md")
DRAWN: Final = 400
SCORE: Final = "largest probability"
TOGETHER: Final = "energy"
SEED: Final = 0
Pictures = NDArray[np.uint8]
Way = Callable[[NDArray[np.float32]], NDArray[np.float32]]


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
        Path | None, typer.Option(help="Unknown pictures of the model's size, as `x`.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS,
) -> None:
    """Measure and write the table."""
    opened = Run.open(run)
    splits = splits_of(opened, TrainingSettings())
    side = splits.validation.images.shape[1]
    kinds = {name: draw(side) for name, draw in DRAWINGS.items()}
    if pictures:
        kinds[pictures.stem] = np.load(pictures)["x"]
    scores = score(opened, splits, kinds)
    out.write_text(_table(opened, scores, len(splits.validation)))
    Console().print(out.read_text(), markup=False, soft_wrap=True)


def score(run: Run, splits: Splits, kinds: dict[str, Pictures]) -> list[Scores]:
    """Every way's scores of validation and of each kind."""
    model, views = load_model(run), run.config.recipe.views
    both, classes = with_features(model), model.output_shape[-1]
    sample = _first(splits.train)
    train = logits_of(both, views, sample.images)
    known = logits_of(both, views, splits.validation.images)
    unknown = {name: logits_of(both, views, images) for name, images in kinds.items()}
    ways = {SCORE: _largest(classes, run.read("calibration.json")["temperature"])}
    for method in METHODS:
        reference = fit_reference(method, train[:, classes:], sample.labels)
        ways[method] = _by(reference, classes)
    return [
        Scores(name, way(known), {kind: way(rows) for kind, rows in unknown.items()})
        for name, way in ways.items()
    ]


def _largest(classes: int, temperature: float) -> Way:
    return lambda rows: softmax(rows[:, :classes], temperature).max(axis=1)


def _by(reference: Reference, classes: int) -> Way:
    def way(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        features, logits = tf.constant(rows[:, classes:]), tf.constant(rows[:, :classes])
        scores: NDArray[np.float32] = reference.score(features, logits).numpy()
        return scores

    return way


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


def _first(split: Split) -> Split:
    places = np.random.default_rng(SEED).choice(len(split), min(FITTED_ON, len(split)), False)  # noqa: FBT003 - NumPy's own order
    return Split(split.images[places], split.labels[places])


def _noise(side: int) -> Pictures:
    draw = np.random.default_rng(SEED)
    return draw.integers(0, 256, (DRAWN, side, side, 3), dtype=np.uint8)


def _shades(side: int) -> Pictures:
    """Soft shapes without an object: what is left of a blurred background."""
    draw = np.random.default_rng(SEED)
    small = draw.integers(0, 256, (DRAWN, 4, 4, 3), dtype=np.uint8)
    return np.stack([_sized(Image.fromarray(cells), side) for cells in small])


def _text(side: int) -> Pictures:
    """Pages: dark lines of words on light paper, and the other way round."""
    draw = np.random.default_rng(SEED)
    pages = []
    for _ in range(DRAWN):
        ink, paper = draw.integers(0, 90, 3), draw.integers(200, 256, 3)
        if draw.random() < 0.25:  # noqa: PLR2004 - a quarter of the pages are light on dark
            ink, paper = paper, ink
        page = Image.new("RGB", (160, 160), tuple(int(part) for part in paper))
        pen = ImageDraw.Draw(page)
        for line in range(0, 160, 12):
            words = "".join(draw.choice(list("abcdefghij klmnopqrstuv"), 26))
            pen.text((int(draw.integers(0, 12)), line), words, tuple(int(part) for part in ink))
        pages.append(_sized(page, side))
    return np.stack(pages)


def _drawings(side: int) -> Pictures:
    """Charts and icons: flat shapes in a few colours."""
    draw = np.random.default_rng(SEED)
    made = []
    for _ in range(DRAWN):
        sheet = Image.new("RGB", (128, 128), tuple(int(part) for part in draw.integers(0, 256, 3)))
        pen = ImageDraw.Draw(sheet)
        for _ in range(int(draw.integers(2, 7))):
            corner, size = draw.integers(0, 100, 2), draw.integers(10, 70, 2)
            box = (*(int(c) for c in corner), *(int(c) for c in corner + size))
            colour = tuple(int(part) for part in draw.integers(0, 256, 3))
            (pen.ellipse if draw.random() < 0.5 else pen.rectangle)(box, colour)  # noqa: PLR2004 - a coin
        made.append(_sized(sheet, side))
    return np.stack(made)


def _crops(side: int) -> Pictures:
    """Pieces of a photo of a palace and of one of a flower."""
    draw = np.random.default_rng(SEED)
    photos = load_sample_images().images
    pieces = []
    for number in range(DRAWN):
        photo = photos[number % len(photos)]
        size = int(draw.integers(96, min(photo.shape[:2])))
        top, left = (int(draw.integers(0, room - size + 1)) for room in photo.shape[:2])
        piece = Image.fromarray(photo[top : top + size, left : left + size])
        pieces.append(_sized(piece, side))
    return np.stack(pieces)


def _sized(image: Image.Image, side: int) -> Pictures:
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))


DRAWINGS: Final[dict[str, Callable[[int], Pictures]]] = {
    "noise": _noise,
    "soft shades": _shades,
    "pages of text": _text,
    "flat drawings": _drawings,
    "pieces of two photos": _crops,
}


def _table(run: Run, scores: list[Scores], known: int) -> str:
    config = run.config
    kinds = list(scores[0].unknown)
    by_name = {way.name: way for way in scores}
    both = by_name[SCORE], by_name[TOGETHER]
    accept = run.read("calibration.json")["accept"]
    lines = [
        "# Pictures of other things",
        "",
        "Written by `python -m bench.unknown RUN --pictures FILE.npz`.",
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
