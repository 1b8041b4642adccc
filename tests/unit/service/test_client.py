"""The Python client: what it sends, what it makes of answers, and how patient it is."""

from __future__ import annotations

import inspect
import io
import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from pydantic import BaseModel

from service import client as door
from service import schemas
from service.client import (
    AsyncRotulo,
    ClientError,
    Labelling,
    NoConnection,
    Problem,
    Retries,
    Rotulo,
    TimedOut,
    UnexpectedAnswer,
    answers,
)
from service.examples import EXAMPLES
from service.feedback.schemas import FeedbackAnswer

ADDRESS = "https://rotulo.example.cl/api/"
LABELS = EXAMPLES["LabelsAnswer"]

Answer = httpx.Response | Exception


class Script:
    """Stands for the network: gives the next answer to each call, and keeps the calls."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.calls: list[httpx.Request] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options: object) -> Rotulo:
        transport = httpx.MockTransport(self)
        return Rotulo(ADDRESS, transport=transport, sleep=self.waits.append, **options)  # type: ignore[arg-type]


def good() -> httpx.Response:
    return httpx.Response(200, json=LABELS)


def refusal(status: int, retry_after: str | None = None) -> httpx.Response:
    told = {"type": "urn:rotulo:problem:overloaded", "title": "Servicio saturado",
            "status": status, "detail": "Reintente.", "request_id": "r1"}  # fmt: skip
    headers = {"Content-Type": "application/problem+json"}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return httpx.Response(status, content=json.dumps(told), headers=headers)


def test_an_image_goes_as_the_raw_body_below_the_address() -> None:
    script = Script(good())
    found = script.client(key="secreta").label(b"bytes", top_k=2, min_score=0.1, lang="en")
    (sent,) = script.calls
    assert str(sent.url) == f"{ADDRESS}v1/labels?top_k=2&min_score=0.1&lang=en"
    assert sent.content == b"bytes"
    assert sent.headers["authorization"] == "Bearer secreta"
    assert found.labels[0].name == LABELS["labels"][0]["name"]
    assert (found.decision, found.image.width) == (LABELS["decision"], LABELS["image"]["width"])


def test_without_a_key_there_is_no_authorization() -> None:
    script = Script(good())
    script.client().label(b"bytes")
    assert "authorization" not in script.calls[0].headers


def test_paths_and_open_files_are_read_and_their_names_kept_back(tmp_path: Path) -> None:
    path = tmp_path / "ficha de Ana.jpg"
    path.write_bytes(b"uno")
    script = Script(httpx.Response(200, json=EXAMPLES["BatchAnswer"]))
    script.client().label_many([path, io.BytesIO(b"dos")])
    body = script.calls[0].content
    assert b"uno" in body
    assert b"dos" in body
    assert b"Ana" not in body


def test_the_problem_of_one_file_in_a_batch_is_its_item() -> None:
    script = Script(httpx.Response(200, json=EXAMPLES["BatchAnswer"]))
    first, second = script.client().label_many([b"uno", b"dos"])
    assert isinstance(first, Labelling)
    assert isinstance(second, Problem)
    assert (second.slug, second.status) == ("undecodable-image", 422)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed_to_the_second(status: int) -> None:
    script = Script(refusal(status, "7"), good())
    script.client().label(b"x")
    assert script.waits == [7.0]


def test_retry_after_may_be_a_date() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    script = Script(refusal(503, until), good())
    script.client().label(b"x")
    assert 10 < script.waits[0] <= 20


def test_a_longer_wait_than_the_bound_is_the_caller_s_to_decide() -> None:
    script = Script(refusal(503, "3600"))
    with pytest.raises(Problem) as caught:
        script.client().label(b"x")
    assert caught.value.retry_after == 3600
    assert script.waits == []


def test_tries_are_counted_and_the_last_refusal_is_told() -> None:
    script = Script(*(refusal(503, "1") for _ in range(3)))
    with pytest.raises(Problem, match="503 overloaded: Reintente"):
        script.client(retries=Retries(attempts=3)).label(b"x")
    assert script.waits == [1.0, 1.0]


def test_without_retry_after_waits_grow_and_stay_below_the_bound() -> None:
    script = Script(*(refusal(502, "soon") for _ in range(8)))
    with pytest.raises(Problem):
        script.client(retries=Retries(attempts=8, longest_wait=4.0)).label(b"x")
    bounds = [0.5, 1, 2, 4, 4, 4, 4]
    assert len(script.waits) == len(bounds)
    assert all(b / 2 <= wait <= b for wait, b in zip(script.waits, bounds, strict=True))


@pytest.mark.parametrize("status", [400, 401, 404, 413, 415, 422, 500])
def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    script = Script(refusal(status, "1"))
    with pytest.raises(Problem) as caught:
        script.client().label(b"x")
    assert caught.value.status == status
    assert script.waits == []


def test_a_broken_connection_is_tried_again() -> None:
    script = Script(httpx.ConnectError("refused"), httpx.ReadError("reset"), good())
    assert script.client().label(b"x").id == LABELS["id"]
    assert len(script.waits) == 2


def test_a_connection_that_stays_broken_is_told() -> None:
    script = Script(*(httpx.ConnectError("refused") for _ in range(4)))
    with pytest.raises(NoConnection, match="ConnectError"):
        script.client().label(b"x")


def test_a_time_that_is_over_is_over() -> None:
    script = Script(httpx.ReadTimeout("late"))
    with pytest.raises(TimedOut):
        script.client().label(b"x")
    assert script.waits == []


def test_a_proxy_s_own_refusal_is_a_problem_too() -> None:
    script = Script(httpx.Response(403, html="<h1>No</h1>"))
    with pytest.raises(Problem) as caught:
        script.client().label(b"x")
    assert (caught.value.type, caught.value.title) == ("about:blank", "Forbidden")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<h1>Hola</h1>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json=LABELS | {"decision": "maybe"}),
        httpx.Response(200, json=LABELS | {"labels": {}}),
        httpx.Response(200, json=LABELS | {"id": 3}),
    ],
)
def test_an_answer_of_something_else_is_not_believed(answer: httpx.Response) -> None:
    with pytest.raises(UnexpectedAnswer):
        Script(answer).client().label(b"x")


def test_what_a_newer_service_adds_is_left_out() -> None:
    script = Script(httpx.Response(200, json=LABELS | {"brand_new": True}))
    assert script.client().label(b"x").id == LABELS["id"]


def test_an_address_on_its_way_out_warns_whoever_calls_it() -> None:
    headers = {"Deprecation": "@1798761600", "Sunset": "Thu, 31 Dec 2027 23:59:59 GMT"}
    script = Script(httpx.Response(200, json=LABELS, headers=headers))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        script.client().label(b"x")
    (one,) = told
    assert one.category is DeprecationWarning
    assert "31 Dec 2027" in str(one.message)
    assert one.filename == __file__


SCHEMAS = {
    "Correction": FeedbackAnswer,
    "Explanation": schemas.ExplanationAnswer,
    "Grid": schemas.Grid,
    "ImageFacts": schemas.ImageFacts,
    "Labelling": schemas.LabelsAnswer,
    "ModelRef": schemas.ModelRef,
    "ModelSummary": schemas.ModelSummary,
    "ScoredLabel": schemas.ScoredLabel,
    "Timing": schemas.Timing,
}


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_the_values_have_the_fields_of_the_schemas(name: str, schema: type[BaseModel]) -> None:
    """The client stands alone, so it has its own copy of them; this keeps the copies one."""
    assert list(getattr(answers, name).__dataclass_fields__) == list(schema.model_fields)


def public(kind: type) -> dict[str, inspect.Signature]:
    functions = inspect.getmembers(kind, inspect.isfunction)
    return {name: inspect.signature(f) for name, f in functions if not name.startswith("_")}


def test_both_clients_have_the_same_methods() -> None:
    assert public(Rotulo) == public(AsyncRotulo)


def test_every_error_is_a_client_error() -> None:
    assert all(issubclass(kind, ClientError) for kind in (Problem, NoConnection, UnexpectedAnswer))


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return a run of some Python beside a copy of the client, without our packages."""
    source = Path(inspect.getfile(door)).parent
    target = tmp_path / "rotulo_client"
    target.mkdir()
    for file in source.glob("*.py"):
        (target / file.name).write_text(file.read_text("utf-8"), "utf-8")

    def run(program: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_a_copy_of_the_folder_needs_httpx_alone(
    copied: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    program = (
        "import sys; before = set(sys.modules); import httpx; known = set(sys.modules);"
        "import rotulo_client; print(*{n.partition('.')[0] for n in set(sys.modules) - known})"
    )
    ran = copied(program)
    assert ran.returncode == 0, ran.stderr
    assert set(ran.stdout.split()) - set(sys.stdlib_module_names) == {"rotulo_client"}
