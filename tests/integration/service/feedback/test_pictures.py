"""An image is kept only where the operator stores images and its sender agrees."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from service.settings import Settings
from tests.pictures import encode, noise, quarters
from tests.serving import Served, running

PATH = "/v1/feedback"


def stored_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=["sqlite"])
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/corrections.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def settings(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(update={"feedback_images": folder})


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Served]:
    async with running(settings) as running_service:
        yield running_service


def form(label: str = "cat", number: int = 0, consent: str | None = None) -> dict[str, str]:
    feedback = {
        "result_id": f"{number:032x}",
        "label": label,
        "offered": "dog",
        "model": {"name": "linear", "version": "1"},
    }
    return {"feedback": json.dumps(feedback)} | ({} if consent is None else {"consent": consent})


def photo_with_a_position() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "CamaraSecreta"
    exif.get_ifd(0x8825)[1] = "S"
    return encode(noise(1600, 1200), "JPEG", exif=exif, comment=b"secreto")


async def test_what_is_stored_is_pixels_alone_and_its_owner_s_alone(
    served: Served, folder: Path
) -> None:
    sent = photo_with_a_position()
    assert b"CamaraSecreta" in sent
    answer = await served.client.post(
        PATH, data=form(consent="true"), files={"file": ("casa de ana.jpg", sent)}
    )
    assert (answer.status_code, answer.json()["image"]) == (201, True)
    (path,) = stored_in(folder)
    stored = path.read_bytes()
    with Image.open(io.BytesIO(stored)) as image:
        assert image.size == (1024, 768)
        assert not image.getexif()
    assert b"CamaraSecreta" not in stored
    assert b"secreto" not in stored
    assert "ana" not in path.name
    assert mode(path) == 0o600
    assert mode(folder) == 0o700


async def test_without_consent_nothing_is_stored(served: Served, folder: Path, png: bytes) -> None:
    for consent in (None, "false", "", "on"):
        data = form(consent=consent)
        answer = await served.client.post(PATH, data=data, files={"file": png})
        assert answer.status_code == 422, consent
        assert "«consent»" in answer.json()["detail"]
        assert stored_in(folder) == []


async def test_where_no_images_are_stored_one_is_refused(settings: Settings, png: bytes) -> None:
    none = settings.model_copy(update={"feedback_images": None})
    async with running(none) as served:
        refused = await served.client.post(PATH, data=form(consent="true"), files={"file": png})
        taken = await served.client.post(PATH, data=form(), files={"file": b""})
    assert refused.status_code == 422
    assert "«file»" in refused.json()["detail"]
    assert (taken.status_code, taken.json()["image"]) == (201, False)


async def test_a_new_image_replaces_the_old_one_and_a_changed_label_keeps_it(
    served: Served, folder: Path, png: bytes
) -> None:
    told = []
    for label, files in (
        ("cat", {"file": png}),
        ("cat", {"file": png}),
        ("frog", {}),
        ("bird", {"file": encode(quarters(), "PNG")}),
    ):
        data = form(label, consent="true")
        answer = await served.client.post(PATH, data=data, files=files or {"file": b""})
        told.append((answer.json()["status"], answer.json()["image"]))
    assert told == [
        ("recorded", True), ("unchanged", True), ("updated", True), ("updated", True),
    ]  # fmt: skip
    assert len(stored_in(folder)) == 1


@pytest.mark.parametrize(
    ("broken", "status"), [(b"%PDF-1.7", 415), (b"\xff\xd8\xff\xe0broken", 422)]
)
async def test_what_is_no_image_is_refused_whole(
    served: Served, folder: Path, broken: bytes, status: int
) -> None:
    answer = await served.client.post(PATH, data=form(consent="true"), files={"file": broken})
    assert answer.status_code == status
    assert stored_in(folder) == []
    assert served.value("rotulo_feedback_total", offered="dog", verdict="other") == 0


async def test_images_take_no_more_room_than_they_may(
    settings: Settings, folder: Path, png: bytes
) -> None:
    tight = settings.model_copy(update={"feedback_images_max_bytes": 3000})
    sent = encode(noise(24, 24), "PNG")
    async with running(tight) as served:
        told = [
            (
                await served.client.post(
                    PATH, data=form(number=n, consent="true"), files={"file": sent}
                )
            ).status_code
            for n in range(4)
        ]
        without = await served.client.post(PATH, data=form(number=9), files={"file": b""})
    assert told[0] == 201
    assert told[-1] == 507
    assert sum(len(path.read_bytes()) for path in stored_in(folder)) <= 3000
    assert without.status_code == 201
