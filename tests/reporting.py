"""A run told step by step, for the report to be written at each, and a reader of its page."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np

from tests.colours import CLASSES, TEST, colour_split
from training.calibration import softmax
from training.evaluate import RECORD, measure
from training.examples import choose_examples, write_examples
from training.run import Run

HISTORY = [
    {
        "epoch": 1,
        "seconds": 61.0,
        "loss": 1.25,
        "accuracy": 0.5,
        "val_loss": 1.1,
        "val_accuracy": 0.6,
    },
    {
        "epoch": 2,
        "seconds": 64.0,
        "loss": 1.0,
        "accuracy": 0.75,
        "val_loss": 0.9,
        "val_accuracy": 0.8,
    },
]


@dataclass
class Tag:
    name: str
    attributes: dict[str, str | None]
    text: list[str] = field(default_factory=list)


class Outline(HTMLParser):
    """The tags of a page in order, each with the text between it and its end."""

    VOID = frozenset({"meta", "img", "link", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[Tag] = []
        self.open: list[Tag] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = Tag(tag, dict(attrs))
        self.tags.append(found)
        if tag not in self.VOID:
            self.open.append(found)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            tag.text.append(data)

    def named(self, name: str) -> list[Tag]:
        return [tag for tag in self.tags if tag.name == name]

    def texts(self, name: str) -> list[str]:
        return [" ".join(" ".join(tag.text).split()) for tag in self.named(name)]

    def words(self) -> str:
        return self.texts("body")[0]


def begin(run: Run) -> None:
    versions = {"keras": "3.15.1", "numpy": "2.4.6"}
    run.write(
        "environment.json",
        {"commit": "c0ffee", "precision": "float32", "device": "CPU (X)", "versions": versions},
    )
    data = {"name": "colours", "sha256": "d" * 64, "train": 200, "validation": 40}
    run.write("data.json", data)


def finish(run: Run) -> None:
    begin(run)
    run.write_history(HISTORY)
    run.weights.write_bytes(b"weights")
    run.write(
        "calibration.json",
        {
            "temperature": 1.2345,
            "accuracy": 0.95,
            "split": "validation",
            "accept": 0.8,
            "review": 0.4,
            "coverage": 0.9,
            "error": 0.0125,
            "n": 40,
        },
    )


def evaluate(run: Run) -> None:
    """Record what a model measured that takes each eighth image for the next class."""
    split = colour_split(TEST, seed=2)
    given = np.where(np.arange(TEST) % 8 == 0, (split.labels + 1) % 4, split.labels)
    evaluation = measure(
        4 * np.eye(4, dtype=np.float32)[given],
        split,
        tuple(label.id for label in CLASSES),
        subject="model.onnx",
        sha256="e" * 64,
        conditions="ONNX Runtime, CPU",
        temperature=1.2345,
    )
    run.write(RECORD, evaluation.model_dump(mode="json"))
    logits = 4 * np.eye(4, dtype=np.float32)[given]
    write_examples(run, choose_examples(split, softmax(logits)))
