"""What decoding a JPEG at one of libjpeg's scales saves, and what it changes in the labels.

    python -m bench.decoding ../shared/data/photos

Times are those of the thread alone, so that a neighbour on the machine disturbs them little.
"""

import io
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Annotated

import typer
from PIL import Image
from rich.console import Console

from bench.pictures import LARGE, draw
from service.bundles import find_bundles
from service.classifier import Classifier, OnnxClassifier
from service.contract import InputSpec, decode_image, to_pixels
from service.labelling import Decision, Labelling, label
from service.settings import SHIPPED_BUNDLES

MAX_PIXELS = 50_000_000
REPEATS = 7
WAYS: tuple[dict[str, int], ...] = ({}, {"progressive": 1}, {"subsampling": 0})
RESULTS = Path(__file__).with_name("decoding.md")

app = typer.Typer(add_completion=False)
console = Console()


@dataclass(frozen=True, slots=True)
class Compared:
    """One photo's labelling from every pixel of it, and from the smaller decoding."""

    name: str
    whole: Labelling
    scaled: Labelling

    @property
    def same_label(self) -> bool:
        """Whether the best label is the same."""
        return self.whole.best == self.scaled.best

    @property
    def decisions(self) -> tuple[Decision, Decision]:
        """What an editor is told to do by either."""
        return self.whole.decision, self.scaled.decision

    @property
    def same_decision(self) -> bool:
        """Whether an editor is told the same to do."""
        return self.whole.decision == self.scaled.decision

    @property
    def moved(self) -> float:
        """By how much the best score differs."""
        return abs(self.whole.best_score - self.scaled.best_score)


def shipped_classifier() -> Classifier:
    """Return the newest bundle that ships, on the CPU."""
    return OnnxClassifier(find_bundles(SHIPPED_BUNDLES)[-1], provider="cpu")


def compare(folder: Path, classifier: Classifier) -> Iterator[Compared]:
    """Yield what the model says of each JPEG below a folder, both ways."""
    spec = classifier.manifest.input

    def labelled(data: bytes, target: InputSpec | None) -> Labelling:
        image = decode_image(data, max_pixels=MAX_PIXELS, target=target).image
        (logits,) = classifier.run(to_pixels(image, spec)[None])
        return label(logits, classifier.manifest)

    for path in sorted(folder.rglob("*.jpg")):
        data = path.read_bytes()
        yield Compared(path.stem, labelled(data, None), labelled(data, spec))


def milliseconds(data: bytes, spec: InputSpec, target: InputSpec | None) -> float:
    """Return the median time from bytes to the model's pixels, in one thread."""
    times = []
    for _ in range(REPEATS):
        started = time.thread_time()
        to_pixels(decode_image(data, max_pixels=MAX_PIXELS, target=target).image, spec)
        times.append((time.thread_time() - started) * 1e3)
    return median(times)


@app.command()
def main(
    photos: Annotated[Path, typer.Argument(help="Folder of photos.")],
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS,
) -> None:
    """Measure and write the table."""
    classifier = shipped_classifier()
    found = list(compare(photos, classifier))
    lines = [
        "# Decoding a JPEG at a smaller scale",
        "",
        (
            f"Written by `python -m bench.decoding {photos}`, with {classifier.manifest.name}/"
            f"{classifier.manifest.version}, whose input is {classifier.manifest.input.width} "
            f"pixels wide; Pillow's libjpeg-turbo, {platform.machine()}, one thread's own time, "
            f"medians of {REPEATS}."
        ),
        "",
        (
            f"Of {len(found)} photos, {sum(one.same_label for one in found)} keep their best label "
            f"and {sum(one.same_decision for one in found)} their decision. The best score moves "
            f"by {mean(one.moved for one in found):.3f} on average, and by "
            f"{max(one.moved for one in found):.3f} at most."
        ),
        "",
        "| 4000×3000 JPEG, quality 85 | Bytes | All pixels, ms | At the smaller scale, ms |",
        "|---|---|---|---|",
        *_rows(classifier.manifest.input),
    ]
    out.write_text("\n".join(lines) + "\n", "utf-8")
    console.print(out.read_text("utf-8"), markup=False, soft_wrap=True)


def _rows(spec: InputSpec) -> Iterator[str]:
    with Image.open(io.BytesIO(draw(LARGE, 0))) as picture:
        for way in WAYS:
            encoded = io.BytesIO()
            picture.save(encoded, "JPEG", **{"quality": LARGE.quality or 0, **way})
            data = encoded.getvalue()
            name = ", ".join(f"{key}={value}" for key, value in way.items()) or "baseline"
            whole, scaled = (milliseconds(data, spec, target) for target in (None, spec))
            yield f"| {name} | {len(data)} | {whole:.0f} | {scaled:.0f} |"


if __name__ == "__main__":
    app()
