"""In which language an answer speaks to its client."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from starlette.datastructures import QueryParams
from starlette.types import Scope

from service.wording import DEFAULT_LANG, Lang

_ACCEPT_LANGUAGE: Final = b"accept-language"
_USUAL_LENGTH: Final = 128
"""Of the header's value; what is longer is read anew each time, so that no memory is held by it."""


def language_of(scope: Scope) -> Lang:
    """Return the query's ``lang``, else the best of Accept-Language, else Spanish."""
    query: bytes = scope["query_string"]
    match QueryParams(query).get("lang") if query else None:
        case "es":
            return "es"
        case "en":
            return "en"
        case _:
            accepted = _first(scope, _ACCEPT_LANGUAGE).decode("latin-1")
            return (
                _remembered(accepted) if len(accepted) <= _USUAL_LENGTH else best_language(accepted)
            )


def best_language(accepted: str) -> Lang:
    """Return en where an Accept-Language value (RFC 9110, 12.5.4) prefers it to es, else es.

    A range matches by its primary subtag; whatever we cannot speak or parse is passed over.
    """
    quality = {"es": 0.0, "en": 0.0}
    for item in accepted.split(","):
        tag, _, parameter = item.strip().partition(";")
        primary = tag.strip().lower().split("-")[0]
        if primary in quality:
            quality[primary] = max(quality[primary], _quality(parameter))
    return "en" if quality["en"] > quality["es"] else DEFAULT_LANG


_remembered = lru_cache(maxsize=256)(best_language)


def _first(scope: Scope, wanted: bytes) -> bytes:
    """Return the value of a header's first occurrence, empty where there is none."""
    return next((value for name, value in scope["headers"] if name == wanted), b"")


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
