"""The one place where an exception becomes an answer: problem+json (RFC 9457).

Under ``/v2`` it is what the Open Inference Protocol asks for: ``{"error": "…"}``.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.containment import let_go
from service.errors import (
    BadRequest,
    InternalError,
    InvalidParameter,
    MethodNotAllowed,
    NotFound,
    RotuloError,
)
from service.inference_v2.wire import InferError
from service.language import language_of
from service.schemas import Problem
from service.state import state_of
from service.wording import Lang, Wording

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:rotulo:problem:"

_REASONS: Final = {
    "int_parsing": Wording("Debe ser un número entero.", "It must be a whole number."),
    "int_from_float": Wording("Debe ser un número entero.", "It must be a whole number."),
    "float_parsing": Wording("Debe ser un número.", "It must be a number."),
    "finite_number": Wording("Debe ser un número.", "It must be a number."),
    "greater_than_equal": Wording("Debe ser al menos {ge:g}.", "It must be at least {ge:g}."),
    "less_than_equal": Wording("Debe ser a lo más {le:g}.", "It must be at most {le:g}."),
    "missing": Wording("Falta.", "It is missing."),
    "extra_forbidden": Wording("No se conoce.", "It is not known."),
    "string_type": Wording("Debe ser un texto.", "It must be a text."),
    "string_too_short": Wording("Está vacío.", "It is empty."),
    "string_too_long": Wording(
        "Debe tener a lo más {max_length} caracteres.",
        "It must have at most {max_length} characters.",
    ),
    "string_pattern_mismatch": Wording("No tiene la forma debida.", "It is not of the due form."),
    "literal_error": Wording("Debe ser {expected}.", "It must be {expected}."),
}
_log = structlog.get_logger()


def problem_of(error: RotuloError, lang: Lang, request_id: str) -> Problem:
    """Return what is told about an error."""
    return Problem(
        type=TYPE_PREFIX + error.slug,
        title=error.title.say(lang),
        status=error.status,
        detail=error.detail(lang),
        request_id=request_id,
    )


async def answer_problem(request: Request, exception: Exception) -> Response:
    """Answer any exception: ours as they say, FastAPI's translated, all others as a 500."""
    error = as_rotulo_error(exception)
    request_id: str = request.state.request_id
    if isinstance(error, InternalError):
        trace_id = request.state.trace.trace_id
        _log.error("request failed", request_id=request_id, trace_id=trace_id, exc_info=exception)
    let_go(exception)
    state_of(request).metrics.count_rejection(error.slug)
    lang = language_of(request.scope)
    if speaks_v2(request.scope["path"].removeprefix(request.scope.get("root_path", ""))):
        return Response(
            InferError(error=error.detail(lang)).model_dump_json(),
            status_code=error.status,
            media_type="application/json",
            headers={**error.headers, "Content-Language": lang},
        )
    return Response(
        problem_of(error, lang, request_id).model_dump_json(),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers={**error.headers, "Content-Language": lang},
    )


def speaks_v2(path: str) -> bool:
    """Return whether an address is of the Open Inference Protocol, whose errors are its own."""
    return path == "/v2" or path.startswith("/v2/")


def as_rotulo_error(exception: Exception) -> RotuloError:
    """Return what an exception means in our own tree."""
    if isinstance(exception, RotuloError):
        return exception
    if isinstance(exception, RequestValidationError):
        return as_invalid_parameter(exception.errors()[0])
    if isinstance(exception, HTTPException):
        return _of_framework(exception)
    return InternalError()


def _of_framework(exception: HTTPException) -> RotuloError:
    match exception.status_code:
        case 404:
            return NotFound()
        case 405:
            return MethodNotAllowed((exception.headers or {}).get("Allow", ""))
        case 400:
            return BadRequest()
        case _:
            return InternalError()


def as_invalid_parameter(error: dict[str, Any]) -> InvalidParameter:
    """Return what one of Pydantic's errors says of the parameter that it is about."""
    reason = _REASONS.get(error["type"])
    facts = error.get("ctx", {})
    filled = reason and Wording(reason.es.format(**facts), reason.en.format(**facts))
    # After a parameter's own name Pydantic may tell which of the types that it may have was tried.
    *_, name = error["loc"][:2]
    return InvalidParameter(str(name), filled)
