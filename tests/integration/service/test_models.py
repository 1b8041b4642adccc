"""Several models at once: each under its name and version, and none with threads of its own."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import httpx
import pytest

from service.models import LATEST
from service.settings import Settings
from tests.bundles import write_bundle
from tests.serving import Served, running

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


async def test_each_model_answers_under_its_name_and_version(
    changing: Settings, folder: Path, png: bytes
) -> None:
    write_bundle(folder, version="2", seed=2)
    write_bundle(folder, name="pets", classes=2, height=8, width=8)
    both = changing.model_copy(update={"models": ("linear/1", "linear/2", "pets")})
    answers = {}
    async with running(both) as served:
        for path in (
            "/v1/labels",
            "/v1/models/linear/labels",
            "/v1/models/linear/versions/1/labels",
            f"/v1/models/linear/versions/{LATEST}/labels",
            "/v1/models/pets/labels",
        ):
            model = (await label(served, png, path)).json()["model"]
            answers[path] = f"{model['name']}/{model['version']}"
        for path in ("/v1/models/pets", "/v1/models/linear/versions/1"):
            files = [("file", ("x", png))] * 2
            batch = await served.client.post(f"{path}/labels/batch", files=files)
            (model,) = {
                str(item["model"]): item["model"] for item in batch.json()["items"]
            }.values()
            answers[f"{path}/labels/batch"] = f"{model['name']}/{model['version']}"
            model = (await label(served, png, f"{path}/explanations")).json()["model"]
            answers[f"{path}/explanations"] = f"{model['name']}/{model['version']}"
        missing = [
            (await label(served, png, f"/v1/models/{name}")).status_code
            for name in (
                "cats/labels",
                "linear/versions/3/labels",
                "pets/versions/2/labels",
                "cats/labels/batch",
                "cats/explanations",
                "pets/versions/2/labels/batch",
                "pets/versions/2/explanations",
            )
        ]
        listed = (await served.client.get("/v1/models")).json()["models"]
        versions = (await served.client.get("/v1/models/linear/versions")).json()["models"]
        pinned = (await served.client.get("/v1/models/linear/versions/1")).json()
        newest = (await served.client.get("/v1/models/linear")).json()
        nothing = await served.client.get("/v1/models/cats/versions")
        bound = served.value("rotulo_queue_bound")
    assert list(answers.values()) == [
        *("linear/2", "linear/2", "linear/1", "linear/2", "pets/1"),
        *("pets/1", "pets/1", "linear/1", "linear/1"),
    ]
    assert missing == [404] * 7
    assert [(m["name"], m["version"], m["default"]) for m in listed] == [
        ("linear", "1", False),
        ("linear", "2", True),
        ("pets", "1", False),
    ]
    assert [m["version"] for m in versions] == ["1", "2"]
    assert [pinned["version"], newest["version"]] == ["1", "2"]
    assert nothing.status_code == 404
    assert bound == 3 * changing.max_queue


async def test_threads_do_not_grow_with_the_models(
    changing: Settings, folder: Path, png: bytes
) -> None:
    names = ["linear", "pets", "birds"]
    for name in names[1:]:
        write_bundle(folder, name=name)
    narrow = changing.model_copy(update={"inference_threads": 2, "decode_threads": 2})
    before = set(threading.enumerate())
    async with running(narrow) as served:
        answers = await asyncio.gather(
            *(label(served, png, f"/v1/models/{name}/labels") for name in names * 8)
        )
        new = set(threading.enumerate()) - before
        working = [t.name for t in new if t.name.startswith(("decode", "infer"))]
    assert {answer.status_code for answer in answers} == {200}
    assert len(working) <= 4
