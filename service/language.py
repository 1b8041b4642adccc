"""In which language an answer speaks to its client."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import Scope

from service.wording import DEFAULT_LANG, Lang


def language_of(scope: Scope) -> Lang:
    """Return the query's ``lang``, else the best of Accept-Language, else Spanish."""
    connection = HTTPConnection(scope)
    match connection.query_params.get("lang"):
        case "es":
            return "es"
        case "en":
            return "en"
        case _:
            return best_language(connection.headers.get("accept-language", ""))


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


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
