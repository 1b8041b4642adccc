"""From logits to what is said about an image: calibrate, decide, take the best. Pure functions."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from service.contract import Abstention, Manifest


class Decision(StrEnum):
    """What may be done with the labels of an image."""

    ACCEPT = "accept"
    REVIEW = "review"
    ABSTAIN = "abstain"


class Labelling(NamedTuple):
    """The decision, and the labels that were asked for by falling score.

    ``scores`` are calibrated probabilities, 0 to 1; ``class_indices`` point into the manifest's
    labels. Both have the same length, which ``top_k`` and ``min_score`` cut, down to nothing.
    ``best`` and ``best_score`` are those of the first label before anything was cut.
    """

    decision: Decision
    class_indices: tuple[int, ...]
    scores: tuple[float, ...]
    best: int
    best_score: float


def label(
    evidence: NDArray[np.float32], manifest: Manifest, *, top_k: int = 5, min_score: float = 0.0
) -> Labelling:
    """Return what one image's evidence ``[evidence_size]`` says, as a classifier gives it.

    The decision looks at the best score before anything is cut, and at the familiarity where there
    is one. Equal scores stand in the order of the manifest's labels.

    Raises:
        ValueError: ``top_k`` is below one, or the evidence is not one finite number for each label
            and one for the familiarity.
    """
    if top_k < 1:
        message = f"top_k must be at least 1, not {top_k}"
        raise ValueError(message)
    values = evidence.tolist()
    # What is not finite makes the sum so; single precision cannot sum to more than double holds.
    if evidence.shape != (manifest.evidence_size,) or not math.isfinite(sum(values)):
        message = f"expected {manifest.evidence_size} finite numbers, got shape {evidence.shape}"
        raise ValueError(message)
    classes = len(manifest.labels)
    # Lists: for one image NumPy's calls cost more than what they do. Equals keep their order.
    scores = _calibrated(values[:classes], manifest.temperature)
    falling = sorted(range(classes), key=values.__getitem__, reverse=True)
    asked = tuple([index for index in falling[:top_k] if scores[index] >= min_score])
    best = falling[0]
    return Labelling(
        decision=_decide(scores[best], values[-1], manifest.abstention),
        class_indices=asked,
        scores=tuple([scores[index] for index in asked]),
        best=best,
        best_score=scores[best],
    )


def calibrate(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Return probabilities that sum to one, in double precision, over the last axis.

    Softmax of the logits divided by a temperature above zero (Guo et al. 2017, arXiv 1706.04599);
    the largest logit is taken off first, so that no exponential overflows.
    """
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _calibrated(logits: list[float], temperature: float) -> list[float]:
    """Return what ``calibrate`` does for one image."""
    largest = max(logits)
    powers = [math.exp((logit - largest) / temperature) for logit in logits]
    total = sum(powers)
    return [power / total for power in powers]


def _decide(score: float, familiarity: float, abstention: Abstention) -> Decision:
    """Return the more cautious decision of score and familiarity."""
    decision = _at_least(score, abstention.accept, abstention.review)
    known = abstention.familiarity
    if known is None:
        return decision
    return max(decision, _at_least(familiarity, known.accept, known.review), key=_CAUTION.index)


_CAUTION: Final = (Decision.ACCEPT, Decision.REVIEW, Decision.ABSTAIN)


def _at_least(value: float, accept: float, review: float) -> Decision:
    if value >= accept:
        return Decision.ACCEPT
    return Decision.REVIEW if value >= review else Decision.ABSTAIN
