"""What holds for every request: identifiers, headers, and nothing private in the log."""

from __future__ import annotations

import io
import json
import logging

import pytest

from service.logs import configure_logging
from service.middleware import DEFAULT_HEADERS
from service.settings import Settings
from tests.serving import Served, running


@pytest.mark.parametrize("path", ["/livez", "/nada", "/openapi.json", "/metrics"])
async def test_every_answer_carries_the_protective_headers(served: Served, path: str) -> None:
    response = await served.client.get(path)
    assert {name: response.headers.get(name) for name in DEFAULT_HEADERS} == DEFAULT_HEADERS


async def test_a_sound_request_id_is_kept(served: Served) -> None:
    response = await served.client.get("/livez", headers={"x-request-id": "abc-1.2_3"})
    assert response.headers["x-request-id"] == "abc-1.2_3"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", 'a"b'])
async def test_an_unsound_request_id_is_replaced(served: Served, given: str) -> None:
    response = await served.client.get("/livez", headers={"x-request-id": given})
    assert response.headers["x-request-id"] != given
    assert len(response.headers["x-request-id"]) == 32


async def test_only_the_named_origins_may_call_from_a_page(settings: Settings) -> None:
    friendly = settings.model_copy(update={"cors_origins": ("https://www.example.cl",)})
    async with running(friendly) as served:
        friend = await served.client.get("/livez", headers={"origin": "https://www.example.cl"})
        stranger = await served.client.get("/livez", headers={"origin": "https://example.cl"})
    assert friend.headers["access-control-allow-origin"] == "https://www.example.cl"
    assert "access-control-allow-origin" not in stranger.headers


async def test_a_page_elsewhere_may_send_images_but_never_a_key(settings: Settings) -> None:
    """A key in a page would be everybody's, so the preflight that it needs is refused."""
    origin = "https://www.example.cl"
    friendly = settings.model_copy(update={"cors_origins": (origin,)})

    async def ask(served: Served, **headers: str) -> tuple[int, str]:
        asked = {"origin": origin, "access-control-request-method": "POST"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        answer = await served.client.request("OPTIONS", "/v1/labels", headers=asked)
        assert "Origin" in answer.headers["vary"]
        return answer.status_code, answer.headers.get("access-control-allow-origin", "")

    async with running(friendly) as served:
        sending = await ask(served, access_control_request_headers="content-type,x-request-id")
        with_key = await ask(served, access_control_request_headers="authorization")
        stranger = await ask(served, origin="https://example.cl")
        read = await served.client.get("/v1/models", headers={"origin": origin})
        plain = await served.client.get("/v1/models")
    assert sending == (200, origin)
    assert with_key[0] == 400
    assert stranger == (400, "")
    exposed = set(read.headers["access-control-expose-headers"].split(", "))
    assert exposed == {"X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy"}
    assert "access-control-allow-credentials" not in read.headers
    # A cache in between must not give one origin's answer to another.
    assert [answer.headers["vary"] for answer in (read, plain)] == ["Origin", "Origin"]


async def test_a_refusal_can_be_read_by_the_page_that_caused_it(settings: Settings) -> None:
    origin = "https://www.example.cl"
    friendly = settings.model_copy(update={"cors_origins": (origin,), "open": frozenset({"admin"})})
    async with running(friendly) as served:
        refused = await served.client.post("/v1/labels", headers={"origin": origin})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin


async def test_a_log_line_tells_the_request_and_nothing_private(
    settings: Settings, png: bytes
) -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the client's own lines
    lines = io.StringIO()
    configure_logging(settings, lines)
    try:
        async with running(settings) as served:
            await served.client.post(
                "/v1/labels?top_k=1",
                files={"file": ("ficha de Ana.png", png)},
                headers={"x-request-id": "la-de-ana"},
            )
            await served.client.get("/wp-admin/ana.php")
    finally:
        configure_logging(settings)
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    labelled, unknown = (line for line in logged if line["event"] == "request")
    assert labelled["request_id"] == "la-de-ana"
    assert (labelled["method"], labelled["route"], labelled["status"]) == (
        "POST",
        "/v1/labels",
        200,
    )
    assert set(labelled["timing_ms"]) == {"read", "decode", "queue", "inference", "total"}
    assert unknown["route"] == "unmatched"
    assert "Ana" not in lines.getvalue()
    assert "ana.php" not in lines.getvalue()
    assert "127.0.0.1" not in lines.getvalue()


@pytest.mark.parametrize("log_labels", [False, True])
async def test_a_label_is_logged_only_where_the_operator_wants_it(
    settings: Settings, png: bytes, *, log_labels: bool
) -> None:
    """Alone or in a batch; the decision and the model are logged in either case."""
    lines = io.StringIO()
    configure_logging(settings, lines)
    try:
        async with running(settings.model_copy(update={"log_labels": log_labels})) as served:
            alone = await served.client.post(
                "/v1/labels", content=png, headers={"content-type": "image/png"}
            )
            await served.client.post("/v1/labels/batch", files=[("file", ("x", png))] * 2)
    finally:
        configure_logging(settings)
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    single, batch = (line for line in logged if line["event"] == "request")
    answer = alone.json()
    expected = {"model": "linear/1", "decision": answer["decision"]}
    if log_labels:
        best = answer["labels"][0]
        expected |= {"label": best["id"], "score": pytest.approx(best["score"], abs=1e-6)}
    assert {key: single.get(key) for key in ("model", "decision")} == {
        key: expected[key] for key in ("model", "decision")
    }
    assert batch["labelled"] == [expected] * 2
    assert ("label" in single) is log_labels
