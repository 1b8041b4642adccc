"""What FastAPI cannot see of the API: bodies that are read as they arrive, and every problem."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse

from service.errors import RotuloError
from service.problems import MEDIA_TYPE
from service.schemas import Problem

DESCRIPTION: Final = (
    "Labels images, and says how sure it is. Problems are problem+json (RFC 9457) in Spanish, "
    "or in English with `lang=en` or Accept-Language. Every answer carries X-Request-ID."
)
_BINARY: Final = {"type": "string", "format": "binary"}
_RETRIES: Final = frozenset({429, 503})


def problems(*errors: type[RotuloError]) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that may answer with these problems."""
    by_status: dict[int, list[type[RotuloError]]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {status: _response(status, kinds) for status, kinds in sorted(by_status.items())}


def _response(status: int, kinds: Iterable[type[RotuloError]]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": "; ".join(f"`{kind.slug}`: {kind.title.en}" for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in _RETRIES:
        response["headers"] = {
            "Retry-After": {
                "description": "Seconds to wait before trying again.",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    return response


def one_image_body() -> dict[str, Any]:
    """Return the request body of a route that takes one image, raw or in a form."""
    return _body({"image/*": {"schema": _BINARY}, "application/octet-stream": {"schema": _BINARY}},
                 file=_BINARY)  # fmt: skip


def many_images_body() -> dict[str, Any]:
    """Return the request body of a route that takes a form with several files."""
    return _body({}, file={"type": "array", "items": _BINARY, "minItems": 1})


def _body(raw: dict[str, Any], **fields: dict[str, Any]) -> dict[str, Any]:
    form = {"type": "object", "properties": fields, "required": list(fields)}
    return {
        "requestBody": {
            "required": True,
            "content": {**raw, "multipart/form-data": {"schema": form}},
        }
    }


def describe(app: FastAPI) -> None:
    """Give an application its OpenAPI 3.1 document at ``/openapi.json``.

    FastAPI's own route for it has no template that a metric could name.
    """

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            _forget_frameworks_errors(document)
            app.openapi_schema = document
        return app.openapi_schema

    async def document() -> JSONResponse:
        return JSONResponse(app.openapi())

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
    app.get("/openapi.json", include_in_schema=False)(document)


def _forget_frameworks_errors(document: dict[str, Any]) -> None:
    """Take out FastAPI's own shape of a 422, which our handler never lets through."""
    for methods in document["paths"].values():
        for operation in methods.values():
            content = operation["responses"].get("422", {}).get("content", {})
            if content and MEDIA_TYPE not in content:
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
