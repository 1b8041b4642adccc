from __future__ import annotations

import io
import json
from typing import Any

import pytest

from service.drift.log import MAX_LINE, UnreadableSource, count_log
from service.manifest import SCORE_BOUNDS

MODEL = "linear/1"


def line(**facts: Any) -> str:
    return json.dumps({"event": "request", "status": 200, "model": MODEL, **facts}) + "\n"


def answer(score: float, *, version: str = "1", labels: bool = True) -> dict[str, Any]:
    return {
        "file": "foto.png",
        "model": {"name": "linear", "version": version, "sha256": "ab"},
        "decision": "accept",
        "labels": [{"id": "cat", "name": "gato", "score": score}] if labels else [],
    }


def test_lines_of_single_images_and_of_batches_are_counted() -> None:
    text = (
        line(decision="accept", label="cat", score=0.97)
        + line(decision="abstain", label="dog", score=0.1)
        + json.dumps(
            {
                "event": "request",
                "labelled": [
                    {"model": MODEL, "decision": "review", "label": "cat", "score": 0.6},
                    {"model": "linear/2", "decision": "review", "label": "cat", "score": 0.6},
                ],
            }
        )
        + "\n"
    )
    counted = count_log(io.StringIO(text), MODEL)
    assert counted.counts.labels == {"cat": 2, "dog": 1}
    assert counted.counts.decisions == {"accept": 1, "abstain": 1, "review": 1}
    assert counted.counts.scores[SCORE_BOUNDS.index(0.99)] == 1
    assert counted.counts.scores[SCORE_BOUNDS.index(0.1)] == 1
    assert counted.other_models == 1


def test_the_output_of_label_is_counted_and_its_problems_are_passed_over() -> None:
    items = [answer(0.99), answer(0.3), answer(0.3, version="2"), answer(0, labels=False)]
    text = json.dumps({"items": [*items, {"type": "urn:rotulo:problem:x"}]}, indent=2)
    counted = count_log(io.StringIO(text), MODEL)
    assert counted.counts.images == 3
    assert counted.counts.labels == {"cat": 2}
    assert sum(counted.counts.scores) == 2
    assert counted.other_models == 1


def test_a_log_without_labels_still_tells_decisions() -> None:
    counted = count_log(io.StringIO(line(decision="accept") * 3), MODEL)
    assert counted.counts.images == 3
    assert counted.counts.labels == {}


@pytest.mark.parametrize(
    "strange",
    [
        "Traceback (most recent call last):\n",
        "[1, 2]\n",
        '"text"\n',
        line(event="ready"),
        line(decision="perhaps"),
        line(decision=["accept"]),
        line(decision="accept", model=None)[:-20] + "\n",
        "x" * (MAX_LINE + 10) + "\n",
    ],
)
def test_a_line_that_is_something_else_is_passed_over(strange: str) -> None:
    good = line(decision="accept", label="cat", score=0.5)
    counted = count_log(io.StringIO(good + strange + good), MODEL)
    assert counted.counts.images == 2
    assert counted.passed_over >= 1


@pytest.mark.parametrize("labels", [{"id": "cat"}, "cat", [["cat"]], [7], None])
def test_an_answer_whose_labels_are_of_another_shape_counts_by_its_decision(labels: object) -> None:
    counted = count_log(io.StringIO(json.dumps({**answer(0.9), "labels": labels}) + "\n"), MODEL)
    assert counted.counts.images == 1
    assert counted.counts.labels == {}


@pytest.mark.parametrize("facts", [{"label": 7, "score": 2}, {"label": None, "score": "high"}])
def test_a_label_or_score_that_is_none_counts_as_not_told(facts: dict[str, Any]) -> None:
    counted = count_log(io.StringIO(line(decision="accept", **facts)), MODEL)
    assert counted.counts.images == 1
    assert counted.counts.labels == {}
    assert sum(counted.counts.scores) == 0


def test_what_is_no_text_is_refused() -> None:
    binary = io.TextIOWrapper(io.BytesIO(b"\xff\xfe\x00"), encoding="utf-8")
    with pytest.raises(UnreadableSource, match="not UTF-8"):
        count_log(binary, MODEL)
