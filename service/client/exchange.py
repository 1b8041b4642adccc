"""One call as a value, and what its answer means; both clients stand on this."""

from __future__ import annotations

import email.utils
import json
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeVar

import httpx

from .answers import Correction, Explanation, Labelling, ModelSummary, Unreadable, read
from .errors import NoConnection, Problem, TimedOut, UnexpectedAnswer

Image = bytes | os.PathLike[str] | BinaryIO
"""An image: its bytes, the path of its file, or a file open in binary mode."""

Lang = Literal["es", "en"]
Call = dict[str, Any]
"""What httpx's ``request`` takes."""

_ACCEPT: Final = "application/json, application/problem+json"
_PROBLEM: Final = "application/problem+json"
_T = TypeVar("_T")


def headers(key: str | None) -> dict[str, str]:
    """Return what every call says of itself."""
    return {"Accept": _ACCEPT} | ({"Authorization": f"Bearer {key}"} if key else {})


def label_call(image: Image, top_k: int | None, min_score: float | None, lang: Lang) -> Call:
    """Return the call that labels one image."""
    return {
        "method": "POST",
        "url": "v1/labels",
        "params": _query(top_k, min_score, lang),
        "content": _bytes_of(image),
        "headers": {"Content-Type": "application/octet-stream"},
    }


def batch_call(
    images: Iterable[Image], top_k: int | None, min_score: float | None, lang: Lang
) -> Call:
    """Return the call that labels several; their names stay here, the service needs none."""
    return {
        "method": "POST",
        "url": "v1/labels/batch",
        "params": _query(top_k, min_score, lang),
        "files": [("file", ("image", _bytes_of(image))) for image in images],
    }


def explain_call(image: Image, label: str | None, lang: Lang) -> Call:
    """Return the call that asks on which parts of an image a label rests."""
    asked = {"label": label, "lang": lang}
    return {
        "method": "POST",
        "url": "v1/explanations",
        "params": {name: value for name, value in asked.items() if value is not None},
        "content": _bytes_of(image),
        "headers": {"Content-Type": "application/octet-stream"},
    }


def correct_call(about: Labelling, label: str, comment: str | None, given: Image | None) -> Call:
    """Return the call that says which label is right; with an image, that it may be stored."""
    said = {
        "result_id": about.id,
        "label": label,
        "offered": about.labels[0].id,
        "model": {"name": about.model.name, "version": about.model.version},
        "comment": comment,
    }
    call: Call = {"method": "POST", "url": "v1/feedback"}
    if given is None:
        return {**call, "json": said}
    fields = {"feedback": json.dumps(said), "consent": "true"}
    return {**call, "data": fields, "files": {"file": ("image", _bytes_of(given))}}


def models_call() -> Call:
    """Return the call that asks which models answer."""
    return {"method": "GET", "url": "v1/models"}


def _query(top_k: int | None, min_score: float | None, lang: Lang) -> dict[str, str]:
    asked = {"top_k": top_k, "min_score": min_score, "lang": lang}
    return {name: str(value) for name, value in asked.items() if value is not None}


def _bytes_of(image: Image) -> bytes:
    if isinstance(image, bytes):
        return image
    return Path(image).read_bytes() if isinstance(image, os.PathLike) else image.read()


@contextmanager
def connection() -> Iterator[None]:
    """Tell httpx's troubles in our own words.

    Raises:
        TimedOut, NoConnection: no answer came.
    """
    try:
        yield
    except httpx.TimeoutException as error:
        raise TimedOut("no answer in time") from error
    except httpx.TransportError as error:
        raise NoConnection(f"no answer: {type(error).__name__}") from error


def answered(response: httpx.Response) -> Any:  # noqa: ANN401  # JSON
    """Return the JSON of an answer; warn where the address is on its way out (RFC 9745).

    Raises:
        Problem: the service, or a proxy before it, refused.
        UnexpectedAnswer: it is no JSON.
    """
    if "Deprecation" in response.headers:
        until = response.headers.get("Sunset", "a day not yet named")
        path = response.request.url.path
        told = f"{path} is deprecated, and goes on {until}"
        warnings.warn(told, DeprecationWarning, stacklevel=4)  # whoever called the client
    if not response.is_success:
        raise _problem(response)
    try:
        return response.json()
    except ValueError as error:
        raise UnexpectedAnswer(f"no JSON from {response.request.url.path}") from error


def labelling(data: object) -> Labelling:
    """Return the answer about one image; raises UnexpectedAnswer."""
    return _expected(Labelling, data)


def items(data: object) -> tuple[Labelling | Problem, ...]:
    """Return the answer about several images; raises UnexpectedAnswer."""
    return tuple(
        _told(item, item["status"], None)
        if isinstance(item, dict) and "status" in item
        else labelling(item)
        for item in _list(data, "items")
    )


def explanation(data: object) -> Explanation:
    """Return the answer to a question for reasons; raises UnexpectedAnswer."""
    return _expected(Explanation, data)


def correction(data: object) -> Correction:
    """Return what became of a correction; raises UnexpectedAnswer."""
    return _expected(Correction, data)


def models(data: object) -> tuple[ModelSummary, ...]:
    """Return the models in service; raises UnexpectedAnswer."""
    return tuple(_expected(ModelSummary, item) for item in _list(data, "models"))


def _expected(kind: type[_T], data: object) -> _T:
    try:
        return read(kind, data)
    except Unreadable as error:
        raise UnexpectedAnswer(str(error)) from error


def _list(data: object, name: str) -> list[Any]:
    found = data.get(name) if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise UnexpectedAnswer(f"no list of {name}")
    return found


def _problem(response: httpx.Response) -> Problem:
    told: object = None
    if response.headers.get("Content-Type", "").partition(";")[0].strip() == _PROBLEM:
        try:
            told = response.json()
        except ValueError:
            told = None
    wait = _seconds(response.headers.get("Retry-After"))
    return _told(told if isinstance(told, dict) else {}, response.status_code, wait)


def _told(data: dict[str, Any], status: int, retry_after: float | None) -> Problem:
    known = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown status"
    return Problem(
        type=str(data.get("type", "about:blank")),
        title=str(data.get("title", known)),
        status=status,
        detail=str(data.get("detail", "")),
        request_id=str(data.get("request_id", "")),
        retry_after=retry_after,
    )


def _seconds(value: str | None) -> float | None:
    """Return a Retry-After (RFC 9110, 10.2.3) in seconds: a number of them, or a date."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
