"""Counts and baselines from a Prometheus that scrapes the service.

The baseline comes from there too, as the models in service tell it, so that whoever asks needs no
copy of the bundle.
"""

from __future__ import annotations

import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from service.drift.log import UnreadableSource
from service.drift.statistics import Counts
from service.manifest import SCORE_BOUNDS, Baseline

TIMEOUT_SECONDS: Final = 10.0
MAX_BYTES: Final = 2**24
WINDOW: Final = re.compile(r"[1-9]\d{0,4}[smhdw]")
JOB: Final = re.compile(r"[\w.*+|/:-]{1,100}")

Sample: TypeAlias = tuple[str, str, str, float]
"""A model, its version, one more label's value, and the sample's."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A model in service: what it said in a window, and what it is compared with."""

    name: str
    version: str
    counts: Counts
    baseline: Baseline | None


def count_prometheus(url: str, *, window: str, job: str) -> list[Watched]:
    """Return every model that a Prometheus knows, counted over a window such as ``1d``.

    Raises:
        UnreadableSource: it does not answer, or answers something else, or knows no model.
        ValueError: the address, window or job is not one.
    """
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError(f"{url!r} is not an address such as http://prometheus:9090")
    if not WINDOW.fullmatch(window):
        raise ValueError(f"{window!r} is not a window such as 6h, 1d or 2w")
    if not JOB.fullmatch(job):
        raise ValueError(f"{job!r} is not the name of a job, or a pattern of names")
    source = _Prometheus(url.rstrip("/"), f'{{job=~"{job}"}}', window)
    known = sorted({(model, version) for model, version, _, _ in source.series("", "model_info")})
    if not known:
        raise UnreadableSource(f"{url} knows no model of a job that matches {job}")
    counts, baselines = _counts(source, known), _baselines(source)
    return [Watched(*model, counts[model], baselines.get(model)) for model in known]


def _counts(source: _Prometheus, known: list[tuple[str, str]]) -> dict[tuple[str, str], Counts]:
    counts = {model: Counts() for model in known}
    for name, version, label, value in source.increases("label", "best_labels_total"):
        counts[name, version].labels[label] = value
    for name, version, decision, value in source.increases("decision", "images_total"):
        counts[name, version].decisions[decision] = value
    up_to: dict[tuple[str, str], dict[float, float]] = {}
    for name, version, bound, value in source.increases("le", "best_score_bucket"):
        up_to.setdefault((name, version), {})[float(bound)] = value
    for model, cumulative in up_to.items():
        counts[model].scores = _bins(cumulative)
    return counts


def _bins(cumulative: dict[float, float]) -> list[float]:
    ordered = [0.0, *(cumulative.get(bound, 0.0) for bound in SCORE_BOUNDS)]
    return [max(above - below, 0.0) for below, above in pairwise(ordered)]


def _baselines(source: _Prometheus) -> dict[tuple[str, str], Baseline]:
    """Return what each model tells of its baseline; shares times images are its counts again."""
    found: dict[tuple[str, str], Baseline] = {}
    labels, decisions, scores = (
        list(source.series(by, name))
        for by, name in (
            ("label", "baseline_label_share"),
            ("decision", "baseline_decision_share"),
            ("le", "baseline_score_share"),
        )
    )
    for name, version, _, images in source.series("", "baseline_images"):
        model, n = (name, version), round(images)

        cumulative = {float(le): count for le, count in _of(model, scores).items()}
        try:
            found[model] = Baseline.model_validate(
                {
                    "n": n,
                    "labels": _whole(_of(model, labels), n),
                    "decisions": _whole(_of(model, decisions), n),
                    "scores": tuple(round(share * n) for share in _bins(cumulative)),
                    "split": "as told by the service",
                }
            )
        except ValidationError as error:
            raise UnreadableSource(f"{name}/{version} tells half a baseline") from error
    return found


def _of(model: tuple[str, str], parts: list[Sample]) -> dict[str, float]:
    return {part: share for name, version, part, share in parts if (name, version) == model}


def _whole(shares: dict[str, float], n: int) -> dict[str, int]:
    return {part: round(share * n) for part, share in shares.items()}


class _Prometheus:
    """Asks one Prometheus about the service's metrics, by model and one more label."""

    def __init__(self, url: str, matcher: str, window: str) -> None:
        self._url = url
        self._matcher = matcher
        self._window = window

    def series(self, by: str, name: str) -> Iterator[Sample]:
        """Yield model, version, the label and the largest value that a replica tells."""
        return self._ask(by, f"max by ({_grouping(by)}) (rotulo_{name}{self._matcher})")

    def increases(self, by: str, name: str) -> Iterator[Sample]:
        """Yield model, version, the label and the increase of a counter over the window."""
        selector = f"rotulo_{name}{self._matcher}[{self._window}]"
        known = f"max by ({_grouping()}) (rotulo_model_info{self._matcher})"
        asked = f"sum by ({_grouping(by)}) (increase({selector}))"
        return self._ask(by, f"{asked} and on ({_grouping()}) {known}")

    def _ask(self, by: str, query: str) -> Iterator[Sample]:
        for sample in self._fetch(query):
            labels, value = sample["metric"], float(sample["value"][1])
            if math.isfinite(value):
                yield labels["model"], labels["version"], labels.get(by, ""), value

    def _fetch(self, query: str) -> list[dict[str, Any]]:
        address = f"{self._url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                body = answer.read(MAX_BYTES + 1)
            if len(body) > MAX_BYTES:
                raise UnreadableSource(f"{self._url} answers more than {MAX_BYTES} bytes")
            result: list[dict[str, Any]] = json.loads(body)["data"]["result"]
        except OSError as error:
            reason = getattr(error, "reason", None) or error
            raise UnreadableSource(f"{self._url} does not answer: {reason}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableSource(f"{self._url} does not answer as Prometheus does") from error
        return result


def _grouping(*by: str) -> str:
    return ", ".join(("model", "version", *filter(None, by)))
