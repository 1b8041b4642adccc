"""The exchange of models while people are served."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx
import numpy as np
import pytest

from service.bundles import Bundle
from service.classifier import Classifier
from service.contract import MANIFEST_FILE
from service.keys import new_key
from service.loading import load_classifier
from service.reloading import ReloadFailed
from service.settings import Settings
from service.signatures import create_key, read_private_key, sign
from tests.bundles import linear_graph, linear_model, manifest_of, write_bundle, write_parts
from tests.serving import RESCUE_SECONDS, RawRequest, Served, running

IMAGE = {"content-type": "image/png"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(tmp_path, seed=1)
    return tmp_path


@pytest.fixture
def changing(folder: Path) -> Settings:
    return Settings.model_validate({"bundles": folder, "model": "linear", "max_batch": 4})


async def label(served: Served, png: bytes, path: str = "/v1/labels") -> httpx.Response:
    return await served.client.post(path, content=png, headers=IMAGE)


@dataclass
class Clients:
    """Some clients that send without a pause, and which versions answered them."""

    served: Served
    image: bytes
    statuses: list[int] = field(default_factory=list)
    answered: dict[str, asyncio.Event] = field(
        default_factory=lambda: {version: asyncio.Event() for version in ("1", "2")}
    )
    stopped: bool = False

    def start(self, count: int) -> None:
        self._tasks = [asyncio.create_task(self._send()) for _ in range(count)]

    async def answered_by(self, version: str) -> None:
        """Wait for an answer by a version from now on."""
        self.answered[version].clear()
        await asyncio.wait_for(self.answered[version].wait(), RESCUE_SECONDS)

    async def stop(self) -> None:
        self.stopped = True
        await asyncio.gather(*self._tasks)

    async def _send(self) -> None:
        while not self.stopped:
            answer = await label(self.served, self.image)
            self.statuses.append(answer.status_code)
            if answer.status_code == 200:
                self.answered[answer.json()["model"]["version"]].set()


async def test_an_exchange_under_load_there_and_back_fails_no_request(
    changing: Settings, folder: Path, png: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Six clients send all the time; one upload begins before an exchange and ends after it."""
    place, aside = folder / "linear" / "2", tmp_path_factory.mktemp("aside") / "2"
    write_bundle(folder, version="2", seed=2)
    place.rename(aside)
    async with running(changing) as served:
        clients = Clients(served, png)
        clients.start(6)
        await clients.answered_by("1")
        slow = RawRequest(served.app, IMAGE)
        uploading = slow.start()
        slow.body([png[:100]], more=True)
        await asyncio.wait_for(slow.waiting.wait(), RESCUE_SECONDS)

        aside.rename(place)
        there = await served.state.reload()
        assert served.value("rotulo_models_draining") == 1
        await clients.answered_by("2")
        slow.body([png[100:]])
        await asyncio.wait_for(uploading, RESCUE_SECONDS)

        place.rename(aside)
        back = await served.state.reload()
        await clients.answered_by("1")
        await clients.stop()
        assert served.value("rotulo_model_reloads_total", outcome="done") == 2
    assert set(clients.statuses) == {200}
    assert [model.ref for model in there.loaded] == [("linear", "2")]
    assert [model.ref for model in back.retired] == [("linear", "2")]
    assert slow.status == 200
    assert json.loads(slow.text)["model"]["version"] == "1"


async def test_a_retired_model_is_forgotten_and_its_threads_of_work_end(
    changing: Settings, folder: Path, png: bytes
) -> None:
    write_bundle(folder, version="2", seed=2)
    async with running(changing) as served:
        await label(served, png)
        old = served.state.labeller
        shutil.rmtree(folder / "linear" / "2")
        await served.state.reload()
        await asyncio.wait(served.state._reloader._tasks, timeout=RESCUE_SECONDS)
        info = served.series("rotulo_model_info", "model", "version")
        owner = old._batcher._owner
    assert set(info) == {("linear", "1")}
    assert owner is not None
    assert owner.done()


async def test_other_bytes_under_the_same_version_are_loaded_too(
    changing: Settings, folder: Path, png: bytes
) -> None:
    async with running(changing) as served:
        before = (await label(served, png)).json()
        unchanged = await served.state.reload()
        shutil.rmtree(folder / "linear" / "1")
        write_bundle(folder, seed=9)
        await served.state.reload()
        after = (await label(served, png)).json()
        info = served.series("rotulo_model_info", "sha256")
    assert (unchanged.loaded, unchanged.retired) == ((), ())
    assert before["model"]["sha256"] != after["model"]["sha256"]
    assert set(info) == {(after["model"]["sha256"],)}


def altered(bundle: Bundle) -> None:
    graph = bytearray(bundle.model_path.read_bytes())
    graph[-1] ^= 1
    bundle.model_path.write_bytes(graph)


def of_another_schema(bundle: Bundle) -> None:
    path = bundle.path / MANIFEST_FILE
    document = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(document | {"schema_version": 2}), "utf-8")


def of_another_signature(bundle: Bundle) -> None:
    graph = linear_graph(linear_model(), output_name="probabilities").SerializeToString()
    shutil.rmtree(bundle.path)
    write_parts(bundle.path, graph, manifest_of(graph, version="2"))


def without_numbers(bundle: Bundle) -> None:
    model = linear_model()
    model.bias[3] = np.nan
    graph = linear_graph(model).SerializeToString()
    shutil.rmtree(bundle.path)
    write_parts(bundle.path, graph, manifest_of(graph, version="2"))


def not_onnx(bundle: Bundle) -> None:
    shutil.rmtree(bundle.path)
    write_parts(bundle.path, b"nonsense", manifest_of(b"nonsense", version="2"))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (altered, "was altered"),
        (of_another_schema, "schema_version"),
        (of_another_signature, "takes and gives"),
        (without_numbers, "no finite logits"),
        (not_onnx, "cannot be loaded by ONNX Runtime"),
    ],
)
async def test_a_bad_bundle_says_why_and_leaves_the_old_one_serving(
    changing: Settings, folder: Path, png: bytes, spoil: Callable[[Bundle], None], told: str
) -> None:
    text, key = new_key(["admin"])
    keys = folder / "keys"
    keys.write_text(key.line(), "utf-8")
    guarded = changing.model_copy(update={"keys": keys, "open": frozenset({"label"})})
    async with running(guarded) as served:
        spoil(write_bundle(folder, version="2", seed=2))
        answer = await served.client.post(
            "/v1/admin/reload?lang=en", headers={"authorization": f"Bearer {text}"}
        )
        labelled = await label(served, png)
        failed = served.value("rotulo_model_reloads_total", outcome="failed")
        ready = (await served.client.get("/readyz")).status_code
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:rotulo:problem:reload-failed"
    assert told in answer.json()["detail"]
    assert labelled.json()["model"]["version"] == "1"
    assert (failed, ready) == (1, 200)


async def test_a_superseded_bundle_takes_no_named_one_s_place_however_well_it_is_signed(
    changing: Settings, folder: Path, png: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`ROTULO_MODEL=NAME/VERSION` alone goes back to it; nobody who only writes files does."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    public = create_key(elsewhere / "key", None)
    old, new = folder / "linear" / "1", write_bundle(folder, version="2", seed=2).path
    for path in (old, new):
        sign(path, read_private_key(elsewhere / "key", None))
    pinned = changing.model_copy(update={"model": "linear/2", "bundle_public_key": public})
    async with running(pinned) as served:
        new.rename(elsewhere / "2")
        with pytest.raises(ReloadFailed):
            await served.state.reload()
        shutil.copytree(old, new)
        with pytest.raises(ReloadFailed):
            await served.state.reload()
        answers = [(await label(served, png)).json()["model"]["version"]]
        shutil.rmtree(new)
        (elsewhere / "2").rename(new)
    async with running(pinned.model_copy(update={"model": "linear/1"})) as served:
        answers.append((await label(served, png)).json()["model"]["version"])
    assert answers == ["2", "1"]


async def test_the_answer_to_a_reload_says_what_it_changed(
    changing: Settings, folder: Path
) -> None:
    admitted = changing.model_copy(update={"open": frozenset({"admin"})})
    async with running(admitted) as served:
        write_bundle(folder, version="2", seed=2)
        answer = (await served.client.post("/v1/admin/reload")).json()
    assert [model["version"] for model in answer["loaded"]] == ["2"]
    assert [model["version"] for model in answer["retired"]] == ["1"]
    assert [model["default"] for model in answer["models"]] == [True]


async def test_a_folder_that_is_watched_is_served_as_it_changes(
    changing: Settings, folder: Path
) -> None:
    async with running(changing.model_copy(update={"reload_seconds": 0.01})) as served:
        told = {outcome: asyncio.Event() for outcome in ("done", "failed")}
        metrics = served.state.metrics.models
        count = metrics.count_reload

        def note(outcome: Literal["done", "failed"]) -> None:
            count(outcome)
            told[outcome].set()

        metrics.count_reload = note  # type: ignore[method-assign]  # listens, and counts on
        write_bundle(folder.parent / "other", version="2", seed=2)
        (folder.parent / "other" / "linear" / "2").rename(folder / "linear" / "2")
        await asyncio.wait_for(told["done"].wait(), RESCUE_SECONDS)
        assert served.state.labeller.ref == ("linear", "2")
        (folder / "linear" / "2" / "model.onnx").write_bytes(b"")
        await asyncio.wait_for(told["failed"].wait(), RESCUE_SECONDS)
        assert served.state.labeller.ref == ("linear", "2")


async def test_reloads_run_one_at_a_time_and_those_that_wait_are_one(
    changing: Settings, folder: Path
) -> None:
    gate, began = threading.Event(), threading.Event()
    calls: list[str] = []

    def slow(settings: Settings) -> Classifier:
        calls.append(settings.model)
        if settings.model == "linear/2":
            began.set()
            assert gate.wait(RESCUE_SECONDS)
        return load_classifier(settings)

    async with running(changing, slow) as served:
        write_bundle(folder, version="2", seed=2)
        first = asyncio.create_task(served.state.reload())
        assert await asyncio.to_thread(began.wait, RESCUE_SECONDS)
        others = [asyncio.create_task(served.state.reload()) for _ in range(5)]
        await asyncio.sleep(0)  # each has asked
        gate.set()
        await first
        joined = await asyncio.gather(*others)
        done = served.value("rotulo_model_reloads_total", outcome="done")
    assert calls == ["linear/1", "linear/2"]
    assert {id(exchange) for exchange in joined} == {id(joined[0])}
    assert done == 2


async def test_a_reload_that_breaks_in_an_unknown_way_is_told_without_its_words(
    changing: Settings, folder: Path
) -> None:
    def failing(settings: Settings) -> Classifier:
        if settings.model == "linear/2":
            raise MemoryError("of somebody")
        return load_classifier(settings)

    async with running(changing, failing) as served:
        write_bundle(folder, version="2")
        with pytest.raises(ReloadFailed, match="reload-failed") as caught:
            await served.state.reload()
    assert caught.value.reason == "MemoryError while loading"


async def test_a_service_that_stops_while_it_reloads_stops(
    changing: Settings, folder: Path
) -> None:
    gate, began = threading.Event(), threading.Event()

    def stuck(settings: Settings) -> Classifier:
        if settings.model == "linear/2":
            began.set()
            assert gate.wait(RESCUE_SECONDS)
        return load_classifier(settings)

    async with running(changing, stuck) as served:
        write_bundle(folder, version="2")
        reloading = asyncio.create_task(served.state.reload())
        assert await asyncio.to_thread(began.wait, RESCUE_SECONDS)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await reloading
