"""Keys at every door: who is let in, what the others are told, and what is open to all."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts
from structlog.testing import capture_logs

from service.access import check_exposure
from service.app import create_app
from service.errors import StartupError
from service.guard import OPEN_ROUTES, needed_scope
from service.keys import SCOPES, Key, KeyScope, new_key
from service.logs import configure_logging
from service.server import serve
from service.settings import Settings
from tests.serving import Served, running

IMAGE = {"content-type": "image/png"}


class Keys:
    """A file with one key for each scope, and their texts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.made: dict[KeyScope, tuple[str, Key]] = {scope: new_key([scope]) for scope in SCOPES}
        self.write()

    def write(self) -> None:
        self.path.write_text("\n".join(key.line() for _, key in self.made.values()), "utf-8")

    def bearer(self, scope: KeyScope) -> dict[str, str]:
        return {"authorization": f"Bearer {self.made[scope][0]}"}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


@pytest.fixture
def guarded(settings: Settings, keys: Keys) -> Settings:
    return settings.model_copy(update={"keys": keys.path})


@pytest.fixture
async def closed(guarded: Settings) -> AsyncIterator[Served]:
    async with running(guarded) as served:
        yield served


def doors() -> list[tuple[str, str, KeyScope | None]]:
    """Return every route of the application: method, template, and the scope it says it needs."""
    app = create_app(Settings())
    return [
        (method, str(route.path), needed_scope(route.endpoint))
        for route in iter_route_contexts(app.routes)
        for method in sorted(route.methods or ())
    ]


def test_every_route_names_its_scope_or_is_open_for_a_reason() -> None:
    found = doors()
    without = {f"{method} {path}" for method, path, scope in found if scope is None}
    assert {door.replace("HEAD ", "GET ") for door in without} == set(OPEN_ROUTES)
    assert all(len(reason.split()) > 3 for reason in OPEN_ROUTES.values())
    assert {scope for _, _, scope in found} - {None} <= set(SCOPES)


@pytest.mark.parametrize(("method", "path", "scope"), doors())
async def test_no_door_opens_without_its_key(
    closed: Served, keys: Keys, method: str, path: str, scope: KeyScope | None
) -> None:
    address = path.replace("{name}", "linear").replace("{number:int}", "1")
    nobody = await closed.client.request(method, address)
    if scope is None:
        assert nobody.status_code in {200, 404}
        return
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"] == 'Bearer realm="rotulo"'
    wrong = [other for other in SCOPES if other != scope]
    refused = [
        await closed.client.request(method, address, headers=keys.bearer(other)) for other in wrong
    ]
    let_in = await closed.client.request(method, address, headers=keys.bearer(scope))
    assert {answer.status_code for answer in refused} == {403}
    assert f'scope="{scope}"' in refused[0].headers["www-authenticate"]
    assert let_in.status_code not in {401, 403}


async def test_a_refusal_is_a_problem_in_the_language_of_the_client(closed: Served) -> None:
    answer = await closed.client.post("/v1/labels?lang=en", content=b"x", headers=IMAGE)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:rotulo:problem:unauthorized"
    assert "Authorization: Bearer" in answer.json()["detail"]
    assert closed.value("rotulo_rejections_total", reason="unauthorized") == 1


@pytest.mark.parametrize("given", ["Bearer nothing", "bearer rotulo_00000000_x", "Bearer ñ"])
async def test_an_unknown_key_is_told_to_be_unknown(closed: Served, given: str, png: bytes) -> None:
    answer = await closed.client.post(
        "/v1/labels",
        content=png,
        headers=[(b"content-type", b"image/png"), (b"authorization", given.encode())],
    )
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_key_labels_and_the_log_names_it_by_its_identifier_alone(
    guarded: Settings, keys: Keys, png: bytes
) -> None:
    lines = io.StringIO()
    configure_logging(guarded, lines)
    try:
        async with running(guarded) as served:
            answer = await served.client.post(
                "/v1/labels", content=png, headers={**IMAGE, **keys.bearer("label")}
            )
    finally:
        configure_logging(guarded)
    text, key = keys.made["label"]
    assert answer.status_code == 200
    assert f'"key":"{key.id}"' in lines.getvalue()
    assert text.split("_", 2)[2] not in lines.getvalue()


async def test_a_key_is_replaced_and_another_revoked_while_the_service_runs(
    closed: Served, keys: Keys, png: bytes
) -> None:
    old = keys.bearer("label")
    keys.made["label"] = new_key(["label"])
    keys.write()
    closed.state.access.refresh_keys()

    async def status(headers: dict[str, str]) -> int:
        sent = await closed.client.post("/v1/labels", content=png, headers={**IMAGE, **headers})
        return sent.status_code

    assert await status(old) == 401
    assert await status(keys.bearer("label")) == 200
    assert closed.value("rotulo_api_key_reloads_total", outcome="done") == 1
    keys.path.write_text("oops", "utf-8")
    closed.state.hang_up()
    assert await status(keys.bearer("label")) == 200
    assert closed.value("rotulo_api_key_reloads_total", outcome="failed") == 1
    assert closed.value("rotulo_api_keys") == len(SCOPES)


async def test_an_open_scope_needs_no_key_and_minds_no_foreign_one(
    guarded: Settings, keys: Keys, png: bytes
) -> None:
    partly = guarded.model_copy(update={"open": frozenset({"label"})})
    async with running(partly) as served:
        for authorization in ("", "Basic YW5hOnNlY3JldA==", "Bearer of-the-proxy"):
            answer = await served.client.post(
                "/v1/labels", content=png, headers={**IMAGE, "authorization": authorization}
            )
            assert answer.status_code == 200
        metrics = await served.client.get("/metrics")
        document = (await served.client.get("/openapi.json")).json()
    assert metrics.status_code == 401
    assert document["paths"]["/v1/labels"]["post"]["security"] == [{}, {"key": ["label"]}]
    assert document["paths"]["/metrics"]["get"]["security"] == [{"key": ["metrics"]}]
    assert {"401", "403", "429"} <= set(document["paths"]["/v1/labels"]["post"]["responses"])


async def test_on_loopback_without_keys_all_is_open_but_admin(served: Served) -> None:
    assert served.state.access.open_scopes == set(SCOPES) - {"admin"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1"])
def test_to_be_reached_by_others_without_keys_must_be_meant(host: str, keys: Keys) -> None:
    with pytest.raises(StartupError, match="rotulo key new"):
        check_exposure(Settings(host=host))
    check_exposure(Settings(host=host, keys=keys.path))
    check_exposure(Settings.model_validate({"host": host, "open": "label"}))


def test_neither_an_open_door_nor_a_broken_file_of_keys_starts_to_listen(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "keys"
    broken.write_text("someone label secret", "utf-8")
    try:
        for wrong in ({"host": "0.0.0.0"}, {"keys": broken}):
            assert serve(settings.model_copy(update=wrong)) == 1
    finally:
        configure_logging(settings, sys.__stderr__)
    exposed, misread = capsys.readouterr().err.splitlines()
    assert "cannot start" in exposed
    assert "rotulo key new" in exposed
    assert "line 1" in misread
    assert "secret" not in misread


def test_being_open_on_purpose_is_said_aloud() -> None:
    with capture_logs() as lines:
        check_exposure(Settings.model_validate({"host": "0.0.0.0", "open": "label, feedback"}))
    (said,) = lines
    assert (said["event"], said["log_level"]) == ("open to everyone", "warning")
    assert said["scopes"] == ["feedback", "label"]


async def test_the_plain_form_is_refused_with_a_page(closed: Served, png: bytes) -> None:
    answer = await closed.client.post("/", files={"file": ("a.png", png)})
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")
    assert "Inicie sesión" in answer.text
