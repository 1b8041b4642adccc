"""What FastAPI cannot see of the API: bodies read as they arrive, every problem, and examples."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.responses import JSONResponse

from service.errors import RotuloError
from service.examples import (
    BINARY_ANSWER,
    BINARY_ANSWER_HEAD_BYTES,
    BINARY_INFERENCE,
    EXAMPLES,
    PNG,
    example_problem,
)
from service.guard import needed_scope
from service.inference_v2.wire import HEADER_LENGTH, InferError, InferRequest
from service.keys import KeyScope
from service.problems import MEDIA_TYPE as PROBLEM_TYPE
from service.problems import speaks_v2
from service.refusals import Forbidden, TooManyRequests, Unauthorized
from service.schemas import Problem

DESCRIPTION: Final = (
    "Labels images, and says how sure it is. Problems are problem+json (RFC 9457) in Spanish, "
    "or in English with `lang=en` or Accept-Language. Every answer carries X-Request-ID."
)
TAGS: Final = (
    ("labels", "Send images, get labels with calibrated scores and a decision."),
    ("models", "What the models in service know, where they come from, how well they do."),
    ("inference", "The Open Inference Protocol V2, for clients of KServe and Triton."),
    ("feedback", "Say which label is right, where the operator keeps corrections."),
    ("admin", "Change what is served; needs a key of its own."),
    ("health", "For whoever operates the service: probes and metrics."),
)
_SERVERS: Final = (
    {
        "url": "https://{host}",
        "description": "An installation: wherever a site runs its own.",
        "variables": {"host": {"default": "rotulo.example.cl", "description": "Its host."}},
    },
)
_BINARY: Final = {"type": "string", "format": "binary"}
JSON_TYPE: Final = "application/json"
BYTES_TYPE: Final = "application/octet-stream"
_IMAGE_EXAMPLE: Final = {
    "image": {
        "summary": "The bytes of an image, as they are in its file",
        "externalValue": f"data:image/png;base64,{base64.b64encode(PNG).decode()}",
    }
}
_REQUEST_ID: Final = {
    "description": "Of this request: the client's own, where it sent a sound one.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    "example": "6f1c2f1e8f0c4d7f9a53c1f1b0f5a9d2",
}
_RETRY_AFTER: Final = {
    "description": "Seconds to wait before trying again.",
    "schema": {"type": "integer", "minimum": 1},
    "example": 2,
}
_RATES: Final = {
    "RateLimit": {
        "description": "Requests left, and seconds until all are there again, of each quota; "
        "only where there are quotas (draft-ietf-httpapi-ratelimit-headers-10).",
        "schema": {"type": "string"},
        "example": '"key-60s";r=599;t=60',
    },
    "RateLimit-Policy": {
        "description": "The quotas: requests in so many seconds.",
        "schema": {"type": "string"},
        "example": '"key-60s";q=600;w=60',
    },
}
_FRAMEWORKS_WORDS: Final = "Successful Response"
_FRAMEWORKS_ERROR: Final = "HTTPValidationError"
RETRIES: Final = frozenset({429, 503})


def problems(*errors: type[RotuloError]) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that may answer with these problems."""
    by_status: dict[int, list[type[RotuloError]]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {status: _response(status, kinds) for status, kinds in sorted(by_status.items())}


def inference_errors(*errors: type[RotuloError]) -> dict[int | str, dict[str, Any]]:
    """Return the same for a route of the Open Inference Protocol, whose errors are its own."""
    return {
        status: response | {"content": {JSON_TYPE: _as_inference_error(response["content"])}}
        for status, response in problems(*errors).items()
    }


def _as_inference_error(content: dict[str, Any]) -> dict[str, Any]:
    examples = {
        slug: {**example, "value": {"error": example["value"]["detail"]}}
        for slug, example in content[PROBLEM_TYPE]["examples"].items()
    }
    return {"schema": {"$ref": "#/components/schemas/InferError"}, "examples": examples}


def _response(status: int, kinds: Iterable[type[RotuloError]]) -> dict[str, Any]:
    examples = {
        kind.slug: {
            "summary": kind.title.en,
            "value": example_problem(kind, "en").model_dump(mode="json"),
        }
        for kind in kinds
    }
    response: dict[str, Any] = {
        "description": "; ".join(f"`{kind.slug}`: {kind.title.en}" for kind in kinds),
        "content": {
            PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
        },
    }
    if status in RETRIES:
        response["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    return response


def one_image_body() -> dict[str, Any]:
    """Return the request body of a route that takes one image, raw or in a form."""
    raw = {"schema": _BINARY, "examples": _IMAGE_EXAMPLE}
    return _body({"image/*": raw, BYTES_TYPE: raw}, "foto.jpg", file=_BINARY)


def _after_json(body: bytes) -> dict[str, Any]:
    """Return what is said of a body with binary data after its JSON, of which one is shown."""
    shown = {
        "summary": "JSON of Inference-Header-Content-Length bytes, then the tensor's",
        "externalValue": f"data:{BYTES_TYPE};base64,{base64.b64encode(body).decode()}",
    }
    return {"schema": _BINARY, "examples": {"binary": shown}}


def inference_answer() -> dict[int | str, dict[str, Any]]:
    """Return the answer of an inference besides its JSON: binary data, where that was asked for."""
    return {
        200: {
            "description": "The outputs; with binary data after the JSON where that was asked for.",
            "headers": {
                HEADER_LENGTH: {
                    "description": "Bytes of JSON before binary data; only where there is some.",
                    "schema": {"type": "integer"},
                    "example": BINARY_ANSWER_HEAD_BYTES,
                }
            },
            "content": {BYTES_TYPE: _after_json(BINARY_ANSWER)},
        }
    }


def inference_body() -> dict[str, Any]:
    """Return the request of an inference: JSON, or JSON and binary data and where they part."""
    return {
        "parameters": [
            {
                "name": HEADER_LENGTH,
                "in": "header",
                "description": "Bytes of JSON before the binary data, where there is some. With 0, "
                "the body is the pixels of one image and nothing else.",
                "schema": {"type": "integer", "minimum": 0},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON_TYPE: {"schema": {"$ref": "#/components/schemas/InferRequest"}},
                BYTES_TYPE: _after_json(BINARY_INFERENCE),
            },
        },
    }


def many_images_body() -> dict[str, Any]:
    """Return the request body of a route that takes a form with several files."""
    files = {"type": "array", "items": _BINARY, "minItems": 1}
    return _body({}, ["una.jpg", "otra.png"], file=files)


def _body(raw: dict[str, Any], shown: object, **fields: dict[str, Any]) -> dict[str, Any]:
    form = {
        "schema": {"type": "object", "properties": fields, "required": list(fields)},
        "examples": {
            "form": {
                "summary": "Files of a form, here by their names",
                "value": dict.fromkeys(fields, shown),
            }
        },
    }
    return {"requestBody": {"required": True, "content": {**raw, "multipart/form-data": form}}}


def describe(app: FastAPI, open_scopes: AbstractSet[KeyScope]) -> None:
    """Give an application its OpenAPI 3.1 document at ``/openapi.json``.

    FastAPI's own route for it has no template that a metric could name.
    """

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, open_scopes)
        return app.openapi_schema

    async def document(request: Request) -> JSONResponse:
        return JSONResponse(app.openapi() | {"servers": servers(request.scope["root_path"])})

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
    app.get("/openapi.json", include_in_schema=False)(document)


def servers(root_path: str) -> list[dict[str, Any]]:
    """Return where the API may be called; first the very place that the document came from."""
    here = {"url": root_path.rstrip("/") or "/", "description": "The service that was asked."}
    return [here, *_SERVERS]


def _document(app: FastAPI, open_scopes: AbstractSet[KeyScope]) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary="Labels for images, with how sure they are.",
        description=app.description,
        license_info={"name": "MIT", "identifier": "MIT"},
        tags=[{"name": name, "description": description} for name, description in TAGS],
        servers=servers(""),
        routes=app.routes,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (Problem, InferError, InferRequest):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    components["headers"] = {"X-Request-ID": _REQUEST_ID, "Retry-After": _RETRY_AFTER} | _RATES
    _forget_frameworks_errors(document)
    _tell_who_may(app, document, open_scopes)
    for operation in operations(document):
        for response in operation["responses"].values():
            if response["description"] == _FRAMEWORKS_WORDS:
                response["description"] = "As asked."
            headers = response.setdefault("headers", {})
            headers["X-Request-ID"] = {"$ref": "#/components/headers/X-Request-ID"}
            _show_examples(response.get("content", {}), schemas)
        _show_examples(operation.get("requestBody", {}).get("content", {}), schemas)
    return document


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every operation of a document."""
    for methods in document["paths"].values():
        yield from methods.values()


def _show_examples(content: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Put the example of a JSON body's schema beside it, where it has none of its own."""
    for media_type, body in content.items():
        name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
        if media_type != JSON_TYPE or not name or "example" in body or "examples" in body:
            continue
        shown = [EXAMPLES[name]] if name in EXAMPLES else schemas[name].get("examples", [])
        if shown:
            body["example"] = shown[0]


def _tell_who_may(
    app: FastAPI, document: dict[str, Any], open_scopes: AbstractSet[KeyScope]
) -> None:
    """Add to each operation its scope, as a role of the key (OpenAPI 3.1), and the refusals."""
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key."}
    }
    for route in iter_route_contexts(app.routes):
        scope = needed_scope(route.endpoint)
        if scope is None or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = document["paths"][route.path_format].get(method.lower())
            if operation is None:
                continue
            operation["security"] = [*([{}] if scope in open_scopes else []), {"key": [scope]}]
            said = inference_errors if speaks_v2(str(route.path_format)) else problems
            operation["responses"] |= {
                str(status): response
                for status, response in said(Unauthorized, Forbidden, TooManyRequests).items()
            }
            for response in operation["responses"].values():
                fields = {name: {"$ref": f"#/components/headers/{name}"} for name in _RATES}
                response["headers"] = fields | response.get("headers", {})


def _forget_frameworks_errors(document: dict[str, Any]) -> None:
    """Take out FastAPI's own shape of a 422, which our handler never lets through."""
    for operation in operations(document):
        content = operation["responses"].get("422", {}).get("content", {})
        if content.get(JSON_TYPE, {}).get("schema", {}).get("$ref", "").endswith(_FRAMEWORKS_ERROR):
            del operation["responses"]["422"]
    for name in (_FRAMEWORKS_ERROR, "ValidationError"):
        document["components"]["schemas"].pop(name, None)
