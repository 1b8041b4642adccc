"""What the API answers, as frozen values, and how they are read from JSON.

The fields are those of the OpenAPI document. What an answer has beyond them is left out, so that
a newer service may say more to an older client.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Decision = Literal["accept", "review", "abstain"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model said it; the digest is that of its ONNX file."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ScoredLabel:
    """One label: a stable id, its name in the language asked for, its score from 0 to 1."""

    id: str
    name: str
    score: float


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The image as a person sees it, upright, in pixels."""

    width: int
    height: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds in each stage."""

    read: float
    decode: float
    queue: float
    inference: float
    total: float


@dataclass(frozen=True, slots=True)
class Labelling:
    """What the model says about one image, labels by falling score."""

    id: str
    model: ModelRef
    decision: Decision
    labels: tuple[ScoredLabel, ...]
    image: ImageFacts
    timing_ms: Timing


@dataclass(frozen=True, slots=True)
class Title:
    """One text in Spanish and in English."""

    es: str
    en: str


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model in service."""

    name: str
    version: str
    sha256: str
    title: Title
    classes: int
    provider: str
    default: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """How much each cell of the upright image matters, 0 to 1, in rows from the top."""

    rows: int
    columns: int
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """On which parts of an image a label rests, in numbers and in words."""

    model: ModelRef
    label: ScoredLabel
    grid: Grid
    sentence: str


@dataclass(frozen=True, slots=True)
class Correction:
    """What became of a correction; ``updated`` replaces what was said of the result before."""

    result_id: str
    status: Literal["recorded", "unchanged", "updated"]
    label: str
    image: bool


class Unreadable(ValueError):
    """Something is missing in an answer, or is of another kind."""


def read(kind: type[_T], data: object) -> _T:
    """Return a value of a dataclass from parsed JSON.

    Raises:
        Unreadable: a field is missing or cannot be what it should be.
    """
    try:
        hints = typing.get_type_hints(kind)
        fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # T is one of the above
        return kind(**{one.name: _value(hints[one.name], _of(data, one.name)) for one in fields})
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"no {kind.__name__}: {error!r}") from error


def _of(data: object, name: str) -> object:
    if not isinstance(data, dict):
        raise TypeError(f"an object with {name!r} was expected")
    return data[name]


def _value(hint: Any, data: object) -> object:  # noqa: ANN401  # a type hint is any object
    if dataclasses.is_dataclass(hint):
        return read(typing.cast("type[object]", hint), data)
    if isinstance(hint, types.GenericAlias):
        if not isinstance(data, list):
            raise TypeError("a list was expected")
        return tuple(_value(hint.__args__[0], item) for item in data)
    if typing.get_origin(hint) is Literal:
        if data not in typing.get_args(hint):
            raise ValueError(f"{data!r} is unknown")
        return data
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(data, hint) or (isinstance(data, bool) and hint is not bool):
        raise TypeError(f"{hint.__name__} was expected")
    return data
