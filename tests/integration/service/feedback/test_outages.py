"""A database that is down, locked or silent: a 503 in its time, and labelling goes on."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from service.feedback.database import connect
from service.feedback.recorder import MAX_PENDING
from service.feedback.store import CorrectionStore
from service.settings import Settings
from tests.serving import Served, running

PATH = "/v1/feedback"


def body(number: int = 0) -> dict[str, Any]:
    return {
        "result_id": f"{number:032x}",
        "label": "cat",
        "offered": "dog",
        "model": {"name": "linear", "version": "1"},
    }


@contextmanager
def held(url: str) -> Iterator[None]:
    """Hold the table of corrections, so that everybody else must wait."""
    engine = connect(url, timeout=60, threads=1)
    with engine.begin() as connection:  # which locks the whole of SQLite
        if engine.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE corrections"))
        yield
    engine.dispose()


async def labelling_works(served: Served, png: bytes) -> bool:
    headers = {"content-type": "image/png"}
    answer = await served.client.post("/v1/labels", content=png, headers=headers)
    return answer.status_code == 200


async def test_a_locked_database_is_a_503_and_works_again_once_it_is_free(
    settings: Settings, url: str, store: CorrectionStore, png: bytes
) -> None:
    store.ready()
    hasty = settings.model_copy(update={"feedback_timeout_seconds": 0.3})
    async with running(hasty) as served:
        await served.state.feedback.purged.wait()  # type: ignore[union-attr]  # it is on
        with held(url):
            answers = asyncio.gather(
                *(served.client.post(PATH, json=body(n)) for n in range(MAX_PENDING + 8))
            )
            assert await labelling_works(served, png)
            refused = await answers
        kinds = Counter(answer.json()["type"].rpartition(":")[2] for answer in refused)
        assert {answer.status_code for answer in refused} == {503}
        assert kinds == {"feedback-unavailable": MAX_PENDING, "overloaded": 8}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert served.value("rotulo_feedback_failures_total", work="record") == MAX_PENDING
    async with running(settings) as served:
        assert (await served.client.post(PATH, json=body(99))).status_code == 201


@pytest.fixture
def silent() -> Iterator[str]:
    """Return the address of what takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"postgresql://rotulo@127.0.0.1:{listening.getsockname()[1]}/x"


@pytest.fixture
def absent() -> str:
    """Return the address of a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"postgresql://rotulo@127.0.0.1:{port}/x"


@pytest.mark.parametrize("which", ["silent", "absent"])
async def test_a_server_that_is_not_there_is_a_503_and_labelling_goes_on(
    which: str, bundles: Path, png: bytes, request: pytest.FixtureRequest
) -> None:
    settings = Settings(
        bundles=bundles,
        feedback_url=request.getfixturevalue(which),
        feedback_timeout_seconds=0.5,
    )
    async with running(settings) as served:
        answer = asyncio.create_task(served.client.post(PATH, json=body()))
        assert await labelling_works(served, png)
        refused = await asyncio.wait_for(answer, 30)
        assert served.state.obstacle is None
    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:rotulo:problem:feedback-unavailable"


async def test_a_folder_that_does_not_exist_is_a_503(bundles: Path, tmp_path: Path) -> None:
    nowhere = f"sqlite:///{tmp_path}/missing/f.db"
    async with running(Settings(bundles=bundles, feedback_url=nowhere)) as served:
        assert (await served.client.post(PATH, json=body())).status_code == 503
        (tmp_path / "missing").mkdir()
        assert (await served.client.post(PATH, json=body())).status_code == 201


async def test_tables_of_a_later_version_are_left_alone(
    settings: Settings, url: str, store: CorrectionStore
) -> None:
    store.ready()
    engine = connect(url, timeout=5, threads=1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    async with running(settings) as served:
        assert (await served.client.post(PATH, json=body())).status_code == 503


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # another's disk is its own affair
async def test_a_full_disk_is_a_503_for_corrections_and_nothing_to_labelling(
    settings: Settings, store: CorrectionStore, png: bytes
) -> None:
    """SQLite's own bound on pages stands for the disk: it says the same of both."""
    store.ready()
    bounds = {"pages": "PRAGMA max_page_count=1"}  # it never goes below what there is

    def bound(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(bounds["pages"])

    async with running(settings) as served:
        assert served.state.feedback is not None
        await served.state.feedback.purged.wait()
        engine = served.state.feedback.store._engine
        engine.dispose()
        event.listen(engine, "connect", bound)
        answers = [await served.client.post(PATH, json=body(n)) for n in range(200)]
        assert await labelling_works(served, png)
        bounds["pages"] = "PRAGMA max_page_count=100000"
        engine.dispose()
        well_again = await served.client.post(PATH, json=body(1000))
    refused = [answer for answer in answers if answer.status_code != 201]
    assert refused
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.json()["type"] for answer in refused} == {
        "urn:rotulo:problem:feedback-unavailable"
    }
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert well_again.status_code == 201
