"""Whatever happens to a photo: nothing of it or of its sender is answered, logged or counted.

After a success, after every error there is, and after every way to leave.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import generate_latest

from service.classifier import Classifier
from service.inference_v2.wire import HEADER_LENGTH
from service.keys import new_key
from service.loading import load_classifier
from service.logs import configure_logging
from service.reference import kinds_of_problems
from service.settings import Settings
from tests.hostile import PRIVATE_PLACE, PRIVATE_WORDS, picture_bytes, private_photo
from tests.serving import Gated, RawRequest, Served, running

FILE_NAME = "ficha-de-ana-rojas.jpg"
ADDRESS = "198.51.100.77"
HEADERS = {"content-type": "image/jpeg", "x-forwarded-for": ADDRESS}
V1, INFER = "/v1/labels", "/v2/models/linear/infer"

ELSEWHERE = {
    "feedback-off", "feedback-unavailable", "feedback-full", "result-conflict",
    "unsupported-feedback", "reload-failed", "not-ready", "explanations-off", "unreadable-file",
}  # fmt: skip
"""What answers no image: corrections have tests of their own, the rest reads nothing."""


class Told:
    """All that a service said to anyone."""

    def __init__(self) -> None:
        self.photo = private_photo()
        self.words = io.StringIO()
        self.statuses: set[int] = set()
        self.slugs: set[str] = set()

    def keep(self, answer: httpx.Response) -> None:
        self.words.write(f"{answer.headers} {answer.text}\n")
        self.statuses.add(answer.status_code)

    async def post(self, served: Served, path: str = V1, **kwargs: Any) -> None:
        headers = HEADERS | kwargs.pop("headers", {})
        self.keep(await served.client.post(path, headers=headers, **kwargs))

    async def form(
        self, served: Served, path: str = V1, *files: bytes, field: str = "file"
    ) -> None:
        contents = files or (self.photo,)
        parts = [(field, (FILE_NAME, content, "image/jpeg")) for content in contents]
        answer = await served.client.post(path, files=parts, headers={"x-forwarded-for": ADDRESS})
        self.keep(answer)

    async def raw(self, served: Served, *chunks: bytes, leaves: bool = False, **more: str) -> None:
        """Send a body that does not end."""
        request = RawRequest(served.app, HEADERS | more)
        request.body(chunks, more=True)
        if leaves:
            request.leave()
        await request.start()
        self.words.write(f"{request.sent}\n")
        self.statuses.add(request.status or 499)

    @asynccontextmanager
    async def by(self, settings: Settings, *args: Any) -> AsyncIterator[Served]:
        async with running(settings, *args) as served:
            yield served
            self.scrape(served)

    def scrape(self, served: Served) -> None:
        self.words.write(generate_latest(served.registry).decode())
        self.slugs |= {reason for (reason,) in served.series("rotulo_rejections_total", "reason")}


@pytest.fixture
def told(settings: Settings) -> Iterator[Told]:
    """Write the log to where the answers go, all of it."""
    made = Told()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the client's own lines
    configure_logging(settings.model_copy(update={"log_level": "debug"}), made.words)
    yield made
    configure_logging(settings)


async def labelled_and_refused(told: Told, settings: Settings) -> None:
    photo, half = told.photo, told.photo[: len(told.photo) // 2]
    bounds = {
        "max_upload_bytes": len(photo) + 100,
        "max_batch_bytes": 4 * len(photo),
        "max_batch_files": 2,
        "max_pixels": 64 * 48,
        "upload_timeout_seconds": 0.05,
    }
    async with told.by(settings.model_copy(update=bounds)) as served:
        pixels = json.dumps({"inputs": [{"name": FILE_NAME}]}).encode()
        for path in (V1, "/v1/explanations", "/v1/models/linear/labels", "/v1/models/ana/labels"):
            await told.post(served, path, content=photo)
            await told.form(served, path)
        for path in ("/", f"{V1}/batch"):
            await told.form(served, path, photo, half)
            await told.form(served, path, *[photo] * 3)
        await told.form(served, V1, photo, field=FILE_NAME)
        for content in (half, b"", b"%PDF" + photo, photo + bytes(200)):
            await told.post(served, content=content)
        await told.post(served, content=private_photo().replace(b"\0\x30\0\x40", b"\x30\0\x40\0"))
        await told.post(served, content=photo, headers={"content-type": f"text/{FILE_NAME}"})
        form = {"content-type": "multipart/form-data; boundary=x"}
        await told.post(served, content=b"--x" + photo, headers=form)
        await told.post(served, f"{V1}?top_k={FILE_NAME}", content=photo)
        await told.post(served, f"/v1/explanations?label={FILE_NAME}", content=photo)
        await told.post(served, f"/{FILE_NAME}", content=photo)
        await told.post(served, "/livez", content=photo)
        await told.post(served, INFER, content=photo, headers={HEADER_LENGTH: "0"})
        await told.post(served, INFER, content=pixels)
        tensor = {"name": "image", "datatype": "BYTES", "shape": [99], "data": [PRIVATE_WORDS]}
        await told.post(served, INFER, content=json.dumps({"inputs": [tensor]}))
        await told.raw(served, half)
        await told.raw(served, half, leaves=True)
        await told.post(served, content=photo, headers={"content-length": str(len(photo) - 9)})


async def without_a_key_and_too_often(told: Told, settings: Settings, folder: Path) -> None:
    text, key = new_key(["metrics"])
    (folder / "keys").write_text(key.line(), "utf-8")
    closed = {"keys": folder / "keys", "rate_limit_address": "3/hour"}
    async with told.by(Settings.model_validate(settings.model_dump() | closed)) as served:
        for given in ("", FILE_NAME, FILE_NAME, FILE_NAME):
            bearer = {"authorization": f"Bearer {given}"} if given else {}
            await told.post(served, content=told.photo, headers=bearer)
        await told.post(served, content=told.photo, headers={"authorization": f"Bearer {text}"})


async def busy_and_late(told: Told, settings: Settings) -> None:
    tight = settings.model_copy(update={"max_images_in_flight": 2, "max_queue": 2})
    async with Gated.running(tight) as (served, gated):
        waiting = asyncio.create_task(told.post(served, content=told.photo))
        await gated.began.wait()
        await told.post(served, content=told.photo, headers={"x-request-timeout-ms": "30"})
        leaving = RawRequest(served.app, HEADERS)
        leaving.body([told.photo])
        left = leaving.start()
        await leaving.waiting.wait()
        await told.post(served, content=told.photo)
        await told.form(served, f"{V1}/batch")
        leaving.leave()
        await left
        gated.gate.set()
        await waiting
        told.scrape(served)


class Failing:
    """A classifier whose every run raises."""

    def __init__(self, behind: Classifier, error: BaseException) -> None:
        self.manifest, self.provider, self._error = behind.manifest, behind.provider, error
        self.images_per_run = behind.images_per_run

    def run(self, batch: object) -> NDArray[np.float32]:
        raise self._error


async def with_a_model_or_a_decoder_that_fails(
    told: Told, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with told.by(settings, lambda s: Failing(load_classifier(s), MemoryError())) as served:
        await told.post(served, content=told.photo)
        await told.form(served, f"{V1}/batch")

        def die(*_: object, **__: object) -> None:
            raise SystemExit

        monkeypatch.setattr("service.labeller.decode_image", die)
        await told.post(served, content=told.photo)
        await told.form(served, f"{V1}/batch")


async def test_nothing_of_a_photo_or_its_sender_is_told_whatever_happens(
    settings: Settings, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = Settings.model_validate(settings.model_dump() | {"trusted_proxies": "127.0.0.0/8"})
    await labelled_and_refused(told, trusting)
    await without_a_key_and_too_often(told, trusting, tmp_path)
    await busy_and_late(told, trusting)
    await with_a_model_or_a_decoder_that_fails(told, trusting, monkeypatch)
    words = told.words.getvalue()
    place = [str(number) for number in PRIVATE_PLACE]
    secrets = [FILE_NAME, PRIVATE_WORDS, ADDRESS, "127.0.0.1", "192.0.2.1", *place]
    assert [secret for secret in [*secrets, *picture_bytes(told.photo)] if secret in words] == []
    online = {slug for slug, kind in kinds_of_problems().items() if "bulk" not in kind.__module__}
    assert told.slugs == online - ELSEWHERE
    assert told.statuses == {
        200, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 499, 500, 503, 504,
    }  # fmt: skip
    assert '"event":"request"' in words
    assert "rotulo_requests_total" in words
