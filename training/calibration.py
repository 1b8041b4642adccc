"""From logits to probabilities that mean what they say, and to a decision.

All of it is found on validation images, which neither weights nor test figures depend on.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import binom

# Temperatures outside of this range mean that something else is wrong.
TEMPERATURE_RANGE = (0.05, 20.0)
# Images by which a calibration error can be told from chance, and numbers of bins that it is
# averaged over.
MANY = 2_000
SOME_BINS = range(10, 21)
# Temperatures that are tried, as multiples of the likeliest one, which comes first.
NEARBY = np.exp(sorted(np.linspace(-0.2, 0.2, 41), key=abs))


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores from which a label is accepted, or shown for review; what they give on validation.

    `coverage` is the share of images accepted, `error` the share of wrong labels among them.
    """

    accept: float
    review: float
    coverage: float
    error: float
    n: int


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The images whose highest probability lies within a bin.

    `confidence` is its mean there, `accuracy` the share of right labels, `share` how many of all
    images these are. All in 0..1.
    """

    confidence: float
    accuracy: float
    share: float


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities [N, classes] of logits [N, classes] divided by the temperature."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def negative_log_likelihood(
    logits: NDArray[np.floating], labels: NDArray[np.integer], temperature: float = 1.0
) -> float:
    """Mean of -log p(label), in nats."""
    scaled = logits.astype(np.float64) / temperature
    top = scaled.max(axis=1)
    normaliser = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float(np.mean(normaliser - scaled[np.arange(len(labels)), labels]))


def fit_temperature(
    logits: NDArray[np.floating], labels: NDArray[np.integer], *, lowest: float | None = None
) -> float:
    """The temperature of least negative log-likelihood (Guo 2017, arXiv 1706.04599).

    A few images that are all right would have any model be ever surer; `lowest` bounds that.
    """
    low, high = np.log((lowest or TEMPERATURE_RANGE[0], TEMPERATURE_RANGE[1]))
    found = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits, labels, float(np.exp(log_t))),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))


def settle_temperature(
    logits: NDArray[np.floating], labels: NDArray[np.integer], likeliest: float
) -> float:
    """The temperature to ship: the `likeliest`, or near it that of the least calibration error.

    Likelihood listens most to the few images that a model is surely wrong about, and so leaves the
    bulk of an average of two models less sure or surer than right. With `MANY` images or more the
    calibration error itself can be told; it is averaged over several numbers of bins, since by one
    of them it jumps as images pass from bin to bin.
    """
    if len(labels) < MANY:
        return likeliest

    def error(temperature: float) -> float:
        probabilities = softmax(logits, temperature)
        errors = [expected_calibration_error(probabilities, labels, bins) for bins in SOME_BINS]
        return float(np.mean(errors))

    return float(min(likeliest * NEARBY, key=error))


def expected_calibration_error(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], bins: int = 15
) -> float:
    """Mean distance of confidence and accuracy over equal-width bins (Guo 2017, equation 3)."""
    return sum(
        part.share * abs(part.confidence - part.accuracy)
        for part in reliability(probabilities, labels, bins)
    )


def reliability(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], bins: int = 15
) -> tuple[ReliabilityBin, ...]:
    """The equal-width bins of confidence that any image falls into, from low to high.

    Args:
        probabilities: [N, classes].
        labels: class indices, [N].
        bins: how many parts 0..1 is cut into.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    return tuple(
        ReliabilityBin(
            confidence=float(confidence[places == place].mean()),
            accuracy=float(correct[places == place].mean()),
            share=float((places == place).mean()),
        )
        for place in np.unique(places)
    )


def calibration_error_by_chance(bins: Iterable[ReliabilityBin], n: int) -> float:
    """What a model that means exactly what it says would show on these `n` images, on average.

    Of the images of a bin it would get a binomial number right, whose mean distance from what is
    expected is De Moivre's (Diaconis and Zabell 1991, Statistical Science 6(3), theorem 1).
    """
    return sum(
        part.share * _mean_distance(max(1, round(part.share * n)), part.confidence) for part in bins
    )


def _mean_distance(n: int, p: float) -> float:
    """Mean of |X / n - p| where X counts how many of `n` come true that each have chance `p`."""
    above = int(n * p) + 1
    return float(2 * above * (1 - p) * binom.pmf(above, n, p) / n)


def choose_thresholds(
    scores: NDArray[np.floating],
    correct: NDArray[np.bool_],
    *,
    accept_error: float = 0.01,
    review_coverage: float = 0.98,
) -> Thresholds:
    """Scores from which few labels are wrong, and which nearly all images reach.

    `accept` is the lowest score above which at most `accept_error` of the labels are wrong, and
    `review` the score that `review_coverage` of the images reach, or `accept` where that is lower.

    Args:
        scores: the highest probability of each image, [N].
        correct: whether its label is right, [N].
        accept_error: the share of wrong labels to allow among the accepted ones.
        review_coverage: the share of known images that are at least worth a person's look.
    """
    order = np.argsort(-scores, kind="stable")
    errors = np.cumsum(~correct[order]) / np.arange(1, len(scores) + 1)
    # Images of the same score are accepted together.
    lowest_of_its_score = np.diff(scores[order], append=-np.inf) < 0
    allowed = np.flatnonzero((errors <= accept_error) & lowest_of_its_score)
    accepted = int(allowed[-1]) + 1 if len(allowed) else 0
    accept = float(scores[order[accepted - 1]]) if accepted else 1.0
    review = min(accept, float(np.quantile(scores, 1 - review_coverage)))
    reached = scores >= accept
    return Thresholds(
        accept=accept,
        review=review,
        coverage=float(reached.mean()),
        error=float((~correct[reached]).mean()) if reached.any() else 0.0,
        n=len(scores),
    )
