"""Known shifts are found, and what chance does is not."""

from __future__ import annotations

import numpy as np
import pytest

from service.drift.statistics import (
    MIN_IMAGES,
    THRESHOLDS,
    Comparison,
    Counts,
    baseline_of,
    compare,
    cumulative_distance,
    divergence,
)
from service.manifest import SCORE_BOUNDS, Baseline

LABELS = [f"class-{n}" for n in range(10)]
DECISIONS = ("accept", "review", "abstain")
EVEN = np.full(10, 0.1)
USUAL = np.array([0.8, 0.15, 0.05])
HIGH = np.array([0, 0, 0.01, 0.01, 0.02, 0.03, 0.03, 0.05, 0.1, 0.15, 0.2, 0.4])


def counts(
    n: int,
    *,
    seed: int,
    labels: np.ndarray[tuple[int], np.dtype[np.float64]] = EVEN,
    decisions: np.ndarray[tuple[int], np.dtype[np.float64]] = USUAL,
    scores: np.ndarray[tuple[int], np.dtype[np.float64]] = HIGH,
) -> Counts:
    generator = np.random.default_rng(seed)
    return Counts(
        labels=dict(zip(LABELS, generator.multinomial(n, labels).tolist(), strict=True)),
        decisions=dict(zip(DECISIONS, generator.multinomial(n, decisions).tolist(), strict=True)),
        scores=generator.multinomial(n, scores).tolist(),
    )


BASELINE = baseline_of(counts(5000, seed=99), LABELS, "validation")


def drifted(observed: Counts) -> set[str]:
    return {each.kind for each in compare(observed, BASELINE) if each.drifted}


@pytest.mark.parametrize(
    ("p", "q", "bits"),
    [
        ((1.0, 0.0), (0.0, 1.0), 1.0),
        ((0.5, 0.5), (0.5, 0.5), 0.0),
        # All of one of four against a quarter each, by hand: H(m) = 1.5488, H(q) = 2.
        ((1.0, 0.0, 0.0, 0.0), (0.25,) * 4, 0.548795),
    ],
)
def test_the_divergence_is_what_a_hand_computes(
    p: tuple[float, ...], q: tuple[float, ...], bits: float
) -> None:
    assert divergence(np.array(p), np.array(q)) == pytest.approx(bits, abs=1e-6)
    assert divergence(np.array(q), np.array(p)) == pytest.approx(bits, abs=1e-6)


def test_the_distance_of_scores_is_the_largest_gap_of_their_cumulative_shares() -> None:
    p, q = np.array([0.5, 0.2, 0.3]), np.array([0.1, 0.2, 0.7])
    assert cumulative_distance(p, q) == pytest.approx(0.4)


def test_a_day_like_the_baseline_is_never_drift() -> None:
    assert [seed for seed in range(20) if drifted(counts(600, seed=seed))] == []


def test_chance_passes_the_noise_about_as_rarely_as_promised() -> None:
    """One in a thousand of each of three; of 300 days at most a few, whatever the threshold."""
    passed = sum(
        each.distance > each.noise
        for seed in range(100)
        for each in compare(counts(600, seed=seed), BASELINE)
    )
    assert passed <= 4


@pytest.mark.parametrize(
    ("shift", "kind"),
    [
        ({"labels": np.array([0.46, *[0.06] * 9])}, "label"),
        ({"labels": np.array([*[0.2] * 5, *[0.0] * 5])}, "label"),
        ({"decisions": np.array([0.4, 0.3, 0.3])}, "decision"),
        ({"scores": HIGH[::-1]}, "score"),
    ],
)
def test_a_known_shift_is_found_where_it_is_and_nowhere_else(
    shift: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]], kind: str
) -> None:
    assert drifted(counts(2000, seed=1, **shift)) == {kind}


def test_a_label_that_the_baseline_never_had_is_drift() -> None:
    observed = counts(1000, seed=1)
    observed.labels["class-new"] = 1000
    assert "label" in drifted(observed)


def test_too_few_images_say_nothing_however_far_they_are() -> None:
    few = counts(MIN_IMAGES - 1, seed=1, labels=np.array([1.0, *[0.0] * 9]))
    (label, *_) = compare(few, BASELINE)
    assert label.distance > THRESHOLDS["label"]
    assert not label.enough
    assert not label.drifted


def test_the_interval_holds_the_distance_and_narrows_with_images() -> None:
    shifted = np.array([0.46, *[0.06] * 9])

    def interval(n: int) -> Comparison:
        return compare(counts(n, seed=1, labels=shifted), BASELINE)[0]

    (tiny, *_) = compare(counts(60, seed=1), BASELINE)
    assert tiny.low <= tiny.distance <= tiny.high
    few, many = interval(500), interval(50_000)
    assert few.low <= few.distance <= few.high
    assert many.high - many.low < (few.high - few.low) / 2


def test_a_part_that_a_source_does_not_tell_is_not_compared() -> None:
    decisions_alone = Counts(decisions={"accept": 700.0})
    assert [each.kind for each in compare(decisions_alone, BASELINE)] == ["decision"]


def test_estimates_become_a_baseline_that_adds_up() -> None:
    scores = [0.0] * len(SCORE_BOUNDS)
    scores[-1] = 100.7
    estimated = Counts(
        labels={"a": 33.4, "b": 33.4, "c": 33.9},
        decisions={"accept": 50.3, "review": 25.2, "abstain": 25.2},
        scores=scores,
    )
    baseline: Baseline = baseline_of(estimated, ["a", "b", "c", "never"], "in use")
    assert baseline.n == 101
    assert sum(baseline.labels.values()) == sum(baseline.scores) == 101
    assert (baseline.labels["c"], baseline.labels["never"]) == (34, 0)


def test_images_without_their_labels_are_no_baseline() -> None:
    with pytest.raises(ValueError, match="every image"):
        baseline_of(Counts(decisions={"accept": 700.0}), LABELS, "in use")
