"""The short way to a labelling says what the long way says, and is taken where it is sure to."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from httpx import Response
from starlette.types import Scope

from service.direct import DirectLabels
from service.settings import Settings
from tests.serving import Served, running

PNG = {"content-type": "image/png"}
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n%s\r\n--b--'
FORM = {"content-type": "multipart/form-data; boundary=b"}
WAIT = "x-request-timeout-ms"
# Of one request alone: its identifiers, and how long it took.
OWN = re.compile(r'[0-9a-f]{32}|"(read|decode|queue|inference|total)":[0-9.e-]+')
OWN_HEADERS = {"x-request-id", "traceparent", "server-timing", "content-length"}


@dataclass(frozen=True)
class Asked:
    """One request, and whether the short way is sure of it."""

    query: str = ""
    headers: tuple[tuple[str, str], ...] = tuple(PNG.items())
    form: bool = False
    empty: bool = False
    short: bool = True


REQUESTS = (
    Asked(),
    Asked(headers=tuple(FORM.items()), form=True),
    Asked(query="?top_k=2&lang=en&min_score=0.01"),
    Asked(query="?top_k=99"),  # more than the model has
    Asked(query="?other=1&top_k=1&top_k=3"),
    Asked(query="?top_k=&lang=en", short=False),
    Asked(query="?top_k=0", short=False),
    Asked(query="?top_k=2.5", short=False),
    Asked(query="?lang=mapudungun", short=False),
    Asked(query="?min_score=nan", short=False),
    Asked(query="?min_score=%2B0.5"),
    Asked(query=f"?other={'x' * 300}", short=False),
    Asked(query="?lang=en%C3%B1", short=False),
    Asked(headers=(*PNG.items(), (WAIT, "60000"))),
    Asked(headers=(*PNG.items(), (WAIT, "0")), short=False),
    Asked(headers=(*PNG.items(), (WAIT, "-5")), short=False),
    Asked(headers=(*PNG.items(), (WAIT, "9" * 5000)), short=False),
    Asked(headers=(*PNG.items(), (WAIT, "3600001")), short=False),
    Asked(headers=(*PNG.items(), (WAIT, "20"), (WAIT, "60000")), short=False),
    Asked(headers=(*PNG.items(), ("accept-language", "en")), empty=True),
    Asked(headers=(("content-type", "text/plain"),)),
    Asked(headers=()),
)


@pytest.mark.parametrize("asked", REQUESTS, ids=range(len(REQUESTS)))
async def test_both_ways_say_the_same(
    served: Served, png: bytes, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = DirectLabels.takes
    taken = []

    def watched(self: DirectLabels, scope: Scope) -> bool:
        taken.append(takes(self, scope))
        return taken[-1]

    async def ask() -> Response:
        body = b"" if asked.empty else PART % png if asked.form else png
        path = f"/v1/labels{asked.query}"
        return await served.client.post(path, content=body, headers=asked.headers)

    monkeypatch.setattr(DirectLabels, "takes", watched)
    short = await ask()
    monkeypatch.setattr(DirectLabels, "takes", lambda _self, _scope: False)
    long = await ask()

    assert taken == [asked.short]
    assert short.status_code == long.status_code
    assert OWN.sub("", short.text) == OWN.sub("", long.text)
    ours, theirs = (
        {name: value for name, value in answer.headers.items() if name not in OWN_HEADERS}
        for answer in (short, long)
    )
    assert ours == theirs
    counted = served.series("rotulo_requests_total", "route", "method", "status")
    assert counted == {("/v1/labels", "POST", str(short.status_code)): 2}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/labels"), ("POST", "/v1/labels/"), ("POST", "/v1/labels/batch")],
)
async def test_other_requests_go_the_long_way(
    served: Served, method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(DirectLabels, "__call__", never)
    answer = await served.client.request(method, path)
    assert answer.status_code in {404, 405, 415}


async def test_a_page_of_another_origin_goes_the_long_way(settings: Settings, png: bytes) -> None:
    origin = "https://www.example.cl"
    async with running(settings.model_copy(update={"cors_origins": (origin,)})) as served:
        headers = PNG | {"origin": origin}
        answer = await served.client.post("/v1/labels", content=png, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin


async def test_the_short_way_has_a_door(settings: Settings, png: bytes) -> None:
    async with running(settings.model_copy(update={"open": frozenset({"admin"})})) as served:
        answer = await served.client.post("/v1/labels", content=png, headers=PNG)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_late_client_is_told_so_on_the_short_way(served: Served, png: bytes) -> None:
    headers = PNG | {WAIT: "1"}
    answers = [
        await served.client.post("/v1/labels", content=png, headers=headers) for _ in range(20)
    ]
    assert {answer.status_code for answer in answers} <= {200, 503, 504}
    assert all(answer.json()["status"] in {503, 504} for answer in answers if answer.is_error)
