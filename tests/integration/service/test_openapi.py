"""The OpenAPI document is valid, complete and true."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.serving import Served

ROUTES = {
    "/livez": "get",
    "/metrics": "get",
    "/readyz": "get",
    "/v1/explanations": "post",
    "/v1/labels": "post",
    "/v1/labels/batch": "post",
    "/v1/models": "get",
    "/v1/models/{name}": "get",
}


@pytest.fixture
async def document(served: Served) -> dict[str, Any]:
    response = await served.client.get("/openapi.json")
    described: dict[str, Any] = response.json()
    return described


async def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_every_route_is_described(document: dict[str, Any]) -> None:
    described = {path: next(iter(methods)) for path, methods in document["paths"].items()}
    assert described == ROUTES


async def test_every_route_lists_its_problems(document: dict[str, Any]) -> None:
    for path, method in ROUTES.items():
        responses = document["paths"][path][method]["responses"]
        failures = {status for status in responses if status >= "400"}
        assert "500" in failures
        for status in failures:
            (media_type,) = responses[status]["content"]
            assert media_type == "application/problem+json"
            schema = responses[status]["content"][media_type]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}


async def test_labelling_lists_every_status_that_it_may_answer(document: dict[str, Any]) -> None:
    one = document["paths"]["/v1/labels"]["post"]["responses"]
    assert set(one) == {"200", "400", "408", "413", "415", "422", "500", "503", "504"}
    assert "Retry-After" in one["503"]["headers"]


async def test_both_ways_to_send_an_image_are_described(document: dict[str, Any]) -> None:
    one = document["paths"]["/v1/labels"]["post"]["requestBody"]
    many = document["paths"]["/v1/labels/batch"]["post"]["requestBody"]
    assert set(one["content"]) == {"image/*", "application/octet-stream", "multipart/form-data"}
    assert set(many["content"]) == {"multipart/form-data"}
    assert many["content"]["multipart/form-data"]["schema"]["required"] == ["file"]
