"""A request keeps its caller's trace, says how long it took, and sends spans where asked."""

from __future__ import annotations

import io
import itertools
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from service.logs import configure_logging
from service.settings import Settings
from tests.serving import RESCUE_SECONDS, Served, running

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CALLER}-01"
IMAGE = {"content-type": "image/png"}


class Collector:
    """A receiver of OTLP over HTTP on a port of its own."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        collector = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}/v1/traces"

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(RESCUE_SECONDS)


async def test_a_request_keeps_the_trace_of_its_caller(served: Served) -> None:
    headers = {"traceparent": PARENT, "tracestate": "vendor=1,other=2"}
    answer = await served.client.get("/livez", headers=headers)
    found = re.fullmatch(f"00-{TRACE}-([0-9a-f]{{16}})-01", answer.headers["traceparent"])
    assert found
    assert found[1] != CALLER
    assert answer.headers["tracestate"] == "vendor=1,other=2"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00",
        PARENT + "-more",
        PARENT.replace("00-", "ff-", 1),
        PARENT.upper(),
        PARENT.replace(TRACE, "0" * 32),
        PARENT.replace(CALLER, "0" * 16),
    ],
)
async def test_an_unsound_trace_is_replaced(served: Served, given: str) -> None:
    headers = {"traceparent": given, "tracestate": "vendor=1"}
    answer = await served.client.get("/livez", headers=headers)
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", answer.headers["traceparent"])
    assert TRACE not in answer.headers["traceparent"]
    assert "tracestate" not in answer.headers


async def test_a_later_version_is_understood_as_far_as_it_is_known(served: Served) -> None:
    headers = {"traceparent": PARENT.replace("00-", "cc-", 1) + "-more"}
    answer = await served.client.get("/livez", headers=headers)
    assert answer.headers["traceparent"].startswith(f"00-{TRACE}-")


@pytest.mark.parametrize("path", ["/v1/labels", "/v2/models/linear/infer"])
async def test_an_answer_tells_the_time_of_each_stage(
    served: Served, png: bytes, path: str
) -> None:
    shape = served.state.labeller.manifest.input
    pixels = bytes(shape.height * shape.width * shape.channels)
    raw = path.startswith("/v2")
    answer = await served.client.post(
        path,
        content=pixels if raw else png,
        headers={"inference-header-content-length": "0"} if raw else IMAGE,
    )
    stages = dict(re.findall(r"(\w+);dur=([0-9.]+)", answer.headers["server-timing"]))
    assert list(stages) == ["read", "decode", "queue", "inference"]
    assert "timing-allow-origin" not in answer.headers
    if not raw:
        assert float(stages["inference"]) == answer.json()["timing_ms"]["inference"]


async def test_the_log_line_names_the_trace(settings: Settings) -> None:
    lines = io.StringIO()
    configure_logging(settings, lines)
    try:
        async with running(settings) as served:
            await served.client.get("/livez", headers={"traceparent": PARENT})
    finally:
        configure_logging(settings)
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["trace_id"] for line in logged if line["event"] == "request"] == [TRACE]


async def test_each_stage_is_a_span_below_the_request_s(
    settings: Settings, collector: Collector, png: bytes
) -> None:
    traced = settings.model_copy(update={"otlp_endpoint": collector.endpoint})
    headers = {**IMAGE, "traceparent": PARENT}
    async with running(traced) as served:
        answer = await served.client.post("/v1/labels", content=png, headers=headers)
        unsampled = {"traceparent": PARENT[:-2] + "00"}
        await served.client.get("/livez", headers=unsampled)
    own, *stages = collector.spans()
    assert own.name == "POST /v1/labels"
    assert (own.trace_id.hex(), own.parent_span_id.hex()) == (TRACE, CALLER)
    assert own.span_id.hex() == answer.headers["traceparent"].split("-")[2]
    assert [span.name for span in stages] == ["read", "queue", "decode", "queue", "inference"]
    assert {span.parent_span_id for span in stages} == {own.span_id}
    second = 10**9
    for before, after in itertools.pairwise(stages):
        # each moment is translated to the wall clock by itself
        assert before.end_time_unix_nano <= after.start_time_unix_nano + second // 1000
    assert own.start_time_unix_nano <= stages[0].start_time_unix_nano + second // 1000
    assert stages[-1].end_time_unix_nano <= own.end_time_unix_nano + second // 1000


def test_opentelemetry_is_imported_only_where_spans_are_sent() -> None:
    """What sends them, that is: FastAPI itself imports the bare API where it is installed."""
    program = (
        "import sys, service.app; from service.settings import Settings; "
        "service.app.create_app(Settings()); "
        "print([m for m in sys.modules if m.startswith(('opentelemetry.sdk', 'service.otlp'))])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert found.stdout == b"[]\n"
