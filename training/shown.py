"""The recorded test images of a run as pictures with their answers, for a page."""

from dataclasses import dataclass

from training.datasets import ClassName, DataSet
from training.examples import read_examples
from training.figures import mosaic
from training.run import Run


@dataclass(frozen=True, slots=True)
class ShownExample:
    """A picture as an address, what it is, what the model said, and how sure it was in 0..1."""

    picture: str
    label: ClassName
    given: ClassName
    confidence: float


@dataclass(frozen=True, slots=True)
class ShownExamples:
    """The mistakes that the model was surest of, and images that chance drew."""

    mistakes: tuple[ShownExample, ...]
    drawn: tuple[ShownExample, ...]


def show_examples(run: Run, data_set: DataSet, scale: int) -> ShownExamples | None:
    """Those that `evaluate` recorded, enlarged so many times; None if it recorded none."""
    found = read_examples(run)
    if found is None:
        return None
    shown = tuple(
        ShownExample(
            mosaic([image[None]], scale),
            data_set.classes[label],
            data_set.classes[given],
            float(confidence),
        )
        for image, label, given, confidence in zip(
            found.images, found.labels, found.given, found.confidence, strict=True
        )
    )
    return ShownExamples(shown[: found.mistakes], shown[found.mistakes :])
