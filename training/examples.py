"""Test images that a report shows: the mistakes a model was surest of, and some drawn by chance.

`evaluate`, the only reader of the test split, keeps them in the run folder beside its figures.
"""

import os
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.data import Split
from training.run import Run

FILE: Final = "evaluation-examples.npz"
SHOWN: Final = 12
SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Examples:
    """Images uint8 [N, H, W, C], with labels, given classes and probabilities of these, each [N].

    The first `mistakes` are wrong, from the surest on; the others were drawn by chance.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    given: NDArray[np.int64]
    confidence: NDArray[np.float64]
    mistakes: int


def choose_examples(split: Split, probabilities: NDArray[np.float64]) -> Examples:
    """Take them from a split, by probabilities [N, classes]."""
    given, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(given != split.labels)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:SHOWN]
    drawn = np.random.default_rng(SEED).permutation(len(split))[:SHOWN]
    places = np.concatenate([surest, drawn])
    return Examples(
        split.images[places], split.labels[places], given[places], confidence[places], len(surest)
    )


def write_examples(run: Run, examples: Examples) -> None:
    """Keep them in the run folder, whole or not at all."""
    path = run.folder / FILE
    temporary = path.with_name(f".{os.getpid()}.{FILE}")
    with temporary.open("wb") as file:
        np.savez_compressed(
            file,
            images=examples.images,
            labels=examples.labels,
            given=examples.given,
            confidence=examples.confidence,
            mistakes=np.int64(examples.mistakes),
        )
    temporary.replace(path)


def read_examples(run: Run) -> Examples | None:
    """Those of a run; None where an earlier version measured it, or nobody did."""
    path = run.folder / FILE
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as kept:
        return Examples(
            kept["images"],
            kept["labels"],
            kept["given"],
            kept["confidence"],
            int(kept["mistakes"]),
        )
