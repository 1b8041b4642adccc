"""Whatever is sent to any address of the API, what comes back is what the OpenAPI document says.

Schemathesis draws the requests from the document; the images, and what almost fits, are ours. The
same requests every time. Others each time, and many more, for some minutes::

    pytest -m slow tests/property/service/test_openapi.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.media_types import unregister_all
from schemathesis.transport.serialization import Binary

from service.app import create_app
from service.deadlines import HEADER as DEADLINE
from service.inference_v2.wire import HEADER_LENGTH
from service.keys import SCOPES, new_key
from service.problems import MEDIA_TYPE as PROBLEM
from service.problems import TYPE_PREFIX
from service.settings import Settings
from tests.bundles import write_bundle
from tests.serving import Background, Served, running
from tests.strangers import binary_inferences, corrections, images, inferences

ADDRESS: Final = "http://rotulo.test"
SERVED: Final = {"name": "linear", "version": "1"}
TOO_LATE: Final = frozenset({503, 504})
CHECKS: Final = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
FEW: Final = hypothesis_settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),  # of data that is large for Hypothesis
)
MANY: Final = hypothesis_settings(FEW, derandomize=False, max_examples=500)


def _documented() -> dict[str, Any]:
    """Return each operation by its name; whose key it wants is what test_access.py is about."""
    document = create_app(Settings()).openapi()
    for methods in document["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
    by_path: Any = openapi.from_dict(document)
    found = [by_path[path][method] for path in by_path for method in by_path[path]]
    return {operation.definition.raw["operationId"]: operation for operation in found}


OPERATIONS: Final = _documented()


@dataclass(frozen=True)
class Api:
    """The real application with all that it can do switched on, and a key for everything."""

    loop: Background
    served: Served

    def answer(self, case: Case[Any]) -> httpx.Response:
        """Return what the application answers to a request."""
        said = case.as_transport_kwargs(base_url=ADDRESS)
        sent: Any = requests.Request(**said).prepare()
        headers = list(sent.headers.items())
        client = self.served.client
        return self.loop.run(
            client.request(sent.method, sent.url, content=sent.body, headers=headers)
        )


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("api")
    write_bundle(folder / "bundles")
    text, key = new_key(list(SCOPES))
    (folder / "keys").write_text(key.line(), "utf-8")
    settings = Settings(
        bundles=folder / "bundles",
        keys=folder / "keys",
        feedback_url=f"sqlite:///{folder}/corrections.db",
        feedback_images=folder / "images",
        max_upload_bytes=65536,
    )
    loop, stack = Background(), AsyncExitStack()
    try:
        served = loop.run(stack.enter_async_context(running(settings)))
        served.client.headers["authorization"] = f"Bearer {text}"
        yield Api(loop, served)
        loop.run(stack.aclose())
    finally:
        loop.close()


@pytest.fixture(scope="module", autouse=True)
def _images_where_images_belong() -> Iterator[None]:
    for name in ("image/png", "application/octet-stream"):
        openapi.media_type(name, images())
    openapi.format("binary", images().map(Binary))
    yield
    unregister_all()


ALMOST_RIGHT: Final = {
    ("/infer", "application/json"): st.fixed_dictionaries({"body": inferences()}),
    ("/infer", "application/octet-stream"): binary_inferences().map(
        lambda sent: {"body": sent[0], "headers": {HEADER_LENGTH: str(sent[1])}}
    ),
    ("/feedback", "application/json"): st.fixed_dictionaries({"body": corrections()}),
    ("/feedback", "multipart/form-data"): st.fixed_dictionaries({
        "body": st.fixed_dictionaries({
            "feedback": corrections().map(json.dumps),
            "consent": st.sampled_from(("true", "true", "false")),
            "file": images().map(Binary),
        })
    }),
}  # fmt: skip
"""By the end of an address and the media type: what Schemathesis would hardly ever draw."""


def requests_to(operation: Any) -> st.SearchStrategy[Case[Any]]:  # noqa: ANN401  # an untyped generic
    """Draw requests to an operation: as documented, otherwise, and almost right."""
    known = {name: SERVED[name] for name in SERVED if f"{{{name}}}" in operation.path}
    fixed = {"path_parameters": known} if known else {}
    drawn = [operation.as_strategy(generation_mode=mode, **fixed) for mode in GenerationMode]
    if known:
        drawn.append(operation.as_strategy())
    for (end, media_type), parts in ALMOST_RIGHT.items():
        if operation.path.endswith(end):
            about = st.fixed_dictionaries(
                {"path_parameters": st.just(known), "media_type": st.just(media_type)}
            )
            drawn.append(st.builds(lambda a, b: operation.Case(**a, **b), about, parts))
    return st.one_of(drawn)


def sends_text_for_files(case: Case[Any]) -> bool:
    """Tell whether a batch has what Schemathesis takes for no files: in a form, the text of one."""
    if not case.operation.path.endswith("/labels/batch") or case.meta is None:
        return False
    body = case.meta.components.get(ParameterLocation.BODY)
    wrong = body is not None and body.mode.is_negative
    return wrong and isinstance(case.body, dict) and "file" in case.body


def check(case: Case[Any], answer: httpx.Response) -> None:
    """Fail unless an answer is one that the document promises."""
    if answer.status_code >= 500:
        assert answer.status_code in TOO_LATE
        assert DEADLINE in case.headers
    text_for_files = sends_text_for_files(case)
    checks = [each for each in CHECKS if not (text_for_files and each is negative_data_rejection)]
    case.validate_response(answer, checks=checks)
    response = case.operation.definition.raw["responses"][str(answer.status_code)]
    if answer.headers["content-type"] == PROBLEM:
        told = answer.json()
        assert told["status"] == answer.status_code
        assert told["type"].removeprefix(TYPE_PREFIX) in response["content"][PROBLEM]["examples"]


def converse(api: Api, name: str, how: hypothesis_settings) -> None:
    """Send an operation many requests, and check every answer."""
    statuses: set[int] = set()

    @how
    @given(requests_to(OPERATIONS[name]))
    def exchange(case: Case[Any]) -> None:
        answer = api.answer(case)
        statuses.add(answer.status_code)
        check(case, answer)

    exchange()
    assert min(statuses) < 300, "nothing that was drawn was taken"


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_one_that_the_document_promises(api: Api, name: str) -> None:
    few = 32 if OPERATIONS[name].method == "post" else 6
    converse(api, name, hypothesis_settings(FEW, max_examples=few))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_so_are_many_more_answers(api: Api, name: str) -> None:
    converse(api, name, MANY)
