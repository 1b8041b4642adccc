"""The OpenAPI document is valid, complete and true."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.app import create_app
from service.errors import RotuloError
from service.examples import (
    BINARY_ANSWER,
    BINARY_ANSWER_HEAD_BYTES,
    EXAMPLES,
    PNG,
    example_error,
    example_problem,
)
from service.i18n import LANGUAGES
from service.images import decode_image
from service.inference_v2.wire import HEADER_LENGTH, InferResponse
from service.settings import Settings
from tests.serving import Served, running

OPERATIONS = {
    "describe_model": "get /v1/models/{name}",
    "describe_version": "get /v1/models/{name}/versions/{version}",
    "explain_by_model": "post /v1/models/{name}/explanations",
    "explain_by_version": "post /v1/models/{name}/versions/{version}/explanations",
    "explain_label": "post /v1/explanations",
    "give_feedback": "post /v1/feedback",
    "label_batch_by_model": "post /v1/models/{name}/labels/batch",
    "label_batch_by_version": "post /v1/models/{name}/versions/{version}/labels/batch",
    "label_by_model": "post /v1/models/{name}/labels",
    "label_by_version": "post /v1/models/{name}/versions/{version}/labels",
    "label_image": "post /v1/labels",
    "label_images": "post /v1/labels/batch",
    "list_models": "get /v1/models",
    "list_versions": "get /v1/models/{name}/versions",
    "livez": "get /livez",
    "metrics": "get /metrics",
    "read_record": "get /v1/transparency",
    "readyz": "get /readyz",
    "reload_models": "post /v1/admin/reload",
    "v2_infer": "post /v2/models/{name}/infer",
    "v2_infer_by_version": "post /v2/models/{name}/versions/{version}/infer",
    "v2_live": "get /v2/health/live",
    "v2_model": "get /v2/models/{name}",
    "v2_model_ready": "get /v2/models/{name}/ready",
    "v2_ready": "get /v2/health/ready",
    "v2_server": "get /v2",
    "v2_version": "get /v2/models/{name}/versions/{version}",
    "v2_version_ready": "get /v2/models/{name}/versions/{version}/ready",
}
"""Generated clients name their functions by these; one that is gone breaks programs of others.

One that is new is added here.
"""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every body of a request or an answer: where it is, its media type, what is said."""
    for where, operation in operations(document):
        for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
            yield where, media_type, body
        for status, response in operation["responses"].items():
            for media_type, body in response.get("content", {}).items():
                yield f"{where} {status}", media_type, body


def values(body: dict[str, Any]) -> list[Any]:
    """Return the examples of a body; of one that lies elsewhere, its address."""
    several = [
        one.get("value", one.get("externalValue")) for one in body.get("examples", {}).values()
    ]
    return several or ([body["example"]] if "example" in body else [])


async def test_the_document_is_served(served: Served, document: dict[str, Any]) -> None:
    assert (await served.client.get("/openapi.json")).json() == document


async def test_behind_a_prefix_the_first_server_has_it(settings: Settings) -> None:
    async with running(settings) as served:
        served.app.root_path = "/rotulo"
        (first, *_) = (await served.client.get("/openapi.json")).json()["servers"]
    assert first["url"] == "/rotulo"


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_no_operation_has_lost_its_name(document: dict[str, Any]) -> None:
    named = {operation["operationId"]: where for where, operation in operations(document)}
    assert len(named) == len(list(operations(document)))
    assert all(name.isidentifier() and name.islower() for name in named)
    assert named == OPERATIONS


def test_every_operation_is_described_under_a_described_tag(document: dict[str, Any]) -> None:
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert all(tags.values())
    for where, operation in operations(document):
        assert operation["summary"], where
        assert operation["description"], where
        assert set(operation["tags"]) <= set(tags), where
        for parameter in operation.get("parameters", []):
            assert parameter["schema"].get("type") or parameter["schema"].get("anyOf"), where


def test_every_problem_of_every_route_has_its_example(document: dict[str, Any]) -> None:
    known = {kind.slug: kind for kind in family(RotuloError)}
    for where, operation in operations(document):
        failures = {key: value for key, value in operation["responses"].items() if key >= "400"}
        assert "500" in failures, where
        for status, response in failures.items():
            (media_type,) = response["content"]
            body = response["content"][media_type]
            assert body["examples"], where
            if " /v2" in where:
                assert media_type == "application/json", where
                assert body["schema"] == {"$ref": "#/components/schemas/InferError"}, where
                assert set(body["examples"]) <= set(known)
                continue
            assert media_type == "application/problem+json", where
            assert body["schema"] == {"$ref": "#/components/schemas/Problem"}, where
            for slug, example in body["examples"].items():
                assert example["value"]["type"] == f"urn:rotulo:problem:{slug}"
                assert example["value"]["status"] == int(status) == known[slug].status
            assert ("Retry-After" in response["headers"]) == (status in {"429", "503"})


def test_nothing_of_the_framework_s_errors_is_left(document: dict[str, Any]) -> None:
    assert "ValidationError" not in re.sub("[\"']", " ", str(document)).split()
    assert "HTTPValidationError" not in str(document)
    assert "Successful Response" not in str(document)


def test_every_body_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    for where, media_type, body in bodies(document):
        assert values(body), f"{where}: no example of {media_type}"
        if media_type.endswith("json"):
            schema = {**body["schema"], "components": document["components"]}
            for value in values(body):
                OAS31Validator(schema).validate(value)


def test_the_example_of_an_image_is_an_image() -> None:
    assert decode_image(PNG, max_pixels=64).image.size == (8, 8)


@pytest.mark.parametrize("binary", [False, True])
async def test_an_inference_answers_as_the_document_tells(
    served: Served, document: dict[str, Any], *, binary: bool
) -> None:
    told = document["paths"]["/v2/models/{name}/infer"]["post"]["responses"]["200"]
    image = {"name": "image", "datatype": "BYTES", "shape": [1]}
    asked = {
        "inputs": [{**image, "data": [base64.b64encode(PNG).decode()]}],
        "outputs": [{"name": "probabilities", "parameters": {"binary_data": binary}}],
    }
    answer = await served.client.post("/v2/models/linear/infer", json=asked)
    assert answer.headers["content-type"] in told["content"]
    assert (HEADER_LENGTH.lower() in answer.headers) == binary
    assert HEADER_LENGTH in told["headers"]


def test_the_example_of_binary_data_parts_where_it_says() -> None:
    head, data = BINARY_ANSWER[:BINARY_ANSWER_HEAD_BYTES], BINARY_ANSWER[BINARY_ANSWER_HEAD_BYTES:]
    (output,) = InferResponse.model_validate_json(head).outputs
    assert output.parameters == {"binary_data_size": len(data)}
    assert np.frombuffer(data, "<f4").reshape(output.shape).sum() == pytest.approx(1)


def test_no_example_is_without_its_schema(document: dict[str, Any]) -> None:
    assert set(EXAMPLES) <= set(document["components"]["schemas"])


def family(kind: type[RotuloError]) -> Iterator[type[RotuloError]]:
    if kind.__module__.startswith("service."):
        yield kind
    for child in kind.__subclasses__():
        yield from family(child)


@pytest.mark.parametrize("kind", list(family(RotuloError)), ids=lambda kind: kind.slug)
def test_the_example_of_an_error_is_a_whole_sentence(kind: type[RotuloError]) -> None:
    assert type(example_error(kind)) is kind
    for lang in LANGUAGES:
        told = example_problem(kind, lang)
        assert told.detail.endswith(".")
        assert not re.search("[{}]|None|…", told.detail)


def test_labelling_lists_every_status_that_it_may_answer(document: dict[str, Any]) -> None:
    one = document["paths"]["/v1/labels"]["post"]["responses"]
    assert set(one) >= {
        "200",
        "400",
        "401",
        "403",
        "408",
        "413",
        "415",
        "422",
        "429",
        "500",
        "503",
        "504",
    }


def test_both_ways_to_send_an_image_are_described(document: dict[str, Any]) -> None:
    one = document["paths"]["/v1/labels"]["post"]["requestBody"]
    many = document["paths"]["/v1/labels/batch"]["post"]["requestBody"]
    assert set(one["content"]) == {"image/*", "application/octet-stream", "multipart/form-data"}
    assert set(many["content"]) == {"multipart/form-data"}
    assert many["content"]["multipart/form-data"]["schema"]["required"] == ["file"]
