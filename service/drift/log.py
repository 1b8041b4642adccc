"""Counts from a file: the service's JSON log lines, or what ``rotulo label --json`` wrote.

A log line tells labels and scores only where ``ROTULO_LOG_LABELS`` was on; otherwise decisions are
all that can be counted. A line that is something else is passed over, and counted as such.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final

from service.drift.statistics import Counts
from service.errors import StartupError
from service.labelling import Decision
from service.manifest import SCORE_BOUNDS

MAX_LINE: Final = 2**20
"""Characters of one line; a longer one is none of ours."""
MAX_DOCUMENT: Final = 2**28
"""Characters of one JSON document, which has to be held whole."""


class UnreadableSource(StartupError):
    """What was named holds no labellings, or cannot be read."""


@dataclass(slots=True)
class LogCount:
    """What a file told of one model, and how many lines told nothing of any, or of another."""

    counts: Counts = field(default_factory=Counts)
    other_models: int = 0
    passed_over: int = 0


def count_log(file: IO[str], model: str) -> LogCount:
    """Return what a file says of a model, ``NAME/VERSION``.

    Raises:
        UnreadableSource: it is too long to be one document, or not text.
    """
    counted = LogCount()
    try:
        for entry in _entries(file):
            items = list(_labellings(entry))
            counted.passed_over += not items
            for item in items:
                _count(item, model, counted)
    except UnicodeDecodeError as error:
        raise UnreadableSource("the file is not UTF-8 text") from error
    return counted


def _entries(file: IO[str]) -> Iterator[object]:
    """Yield each line's JSON; a file whose first line is no JSON is read as one document."""
    first = file.readline(MAX_LINE)
    if _parsed(first) is None and first.lstrip().startswith(("{", "[")):
        text = first + file.read(MAX_DOCUMENT)
        if len(text) > MAX_DOCUMENT:
            raise UnreadableSource(f"a JSON document may have {MAX_DOCUMENT} characters at most")
        yield _parsed(text)
        return
    line = first
    while line:
        if line.strip():
            yield _parsed(line)
        line = file.readline(MAX_LINE)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _labellings(entry: object) -> Iterator[dict[str, Any]]:
    """Yield what an entry says of each image, in the shape of a log line's facts."""
    if not isinstance(entry, dict):
        return
    for part in ("items", "labelled"):
        if isinstance(entry.get(part), list):
            for item in entry[part]:
                yield from _labellings(item)
            return
    if entry.get("decision") not in tuple(Decision):
        return
    model = entry.get("model")
    if isinstance(model, dict):
        labels = entry.get("labels")
        best = labels[0] if isinstance(labels, list) and labels else {}
        best = best if isinstance(best, dict) else {}
        name = f"{model.get('name')}/{model.get('version')}"
        entry = {**entry, "model": name, "label": best.get("id"), "score": best.get("score")}
    yield entry


def _count(item: dict[str, Any], model: str, counted: LogCount) -> None:
    if item.get("model") != model:
        counted.other_models += 1
        return
    counts = counted.counts
    decision, name, score = item["decision"], item.get("label"), item.get("score")
    counts.decisions[decision] = counts.decisions.get(decision, 0) + 1
    if isinstance(name, str):
        counts.labels[name] = counts.labels.get(name, 0) + 1
    if isinstance(score, int | float) and 0 <= score <= 1:
        counts.scores[bisect_left(SCORE_BOUNDS, score)] += 1
