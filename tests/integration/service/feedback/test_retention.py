"""What is deleted is gone: rows, what was written in them, and images."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from service.feedback import store as store_module
from service.feedback.corrections import Correction
from service.feedback.database import connect
from service.feedback.store import CorrectionStore
from service.feedback.tables import CORRECTIONS
from service.settings import Settings
from tests.pictures import encode, quarters
from tests.serving import running

SECRET = "una frase que nadie debe volver a leer"


def correction(number: int) -> Correction:
    return Correction(f"{number:032x}", "linear", "1", "dog", "cat", f"{SECRET} {number}")


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"feedback_images": tmp_path / "images"})


@pytest.fixture
def filled(store: CorrectionStore, url: str) -> CorrectionStore:
    """Give a store of four corrections with an image each, two of them 200 days old."""
    picture = encode(quarters(), "JPEG")
    for number in range(4):
        store.record(correction(number), picture)
    engine = connect(url, timeout=5, threads=1)
    old = datetime.now(UTC) - timedelta(days=200)
    with engine.begin() as connection:
        connection.execute(update(CORRECTIONS).where(CORRECTIONS.c.id <= 2).values(received=old))
    engine.dispose()
    return store


def test_what_is_too_old_is_deleted_with_its_images(
    filled: CorrectionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "PAGE", 1)  # in several transactions
    assert len(list((tmp_path / "images").iterdir())) == 4
    assert filled.purge(days=180) == 2
    assert filled.purge(days=180) == 0
    kept = list(filled.all())
    assert [one.correction.result_id for one in kept] == [f"{n:032x}" for n in (2, 3)]
    assert {path.name for path in (tmp_path / "images").iterdir()} == {one.image for one in kept}


def test_nothing_of_a_deleted_correction_is_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "corrections.db"
    store = CorrectionStore.of(Settings(feedback_url=f"sqlite:///{path}"))
    for number in range(50):
        store.record(correction(number))
    assert SECRET.encode() in path.read_bytes()
    assert store.purge(days=0) == 50
    store.close()
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert SECRET.encode() not in left


def test_one_result_can_be_forgotten(filled: CorrectionStore, tmp_path: Path) -> None:
    assert filled.forget(f"{3:032x}")
    assert not filled.forget(f"{3:032x}")
    assert len(list(filled.all())) == 3
    assert len(list((tmp_path / "images").iterdir())) == 3


async def test_a_service_purges_by_itself_as_it_starts(
    filled: CorrectionStore, settings: Settings
) -> None:
    async with running(settings) as served:
        assert served.state.feedback is not None
        await served.state.feedback.purged.wait()
        assert served.value("rotulo_feedback_purged_total") == 2
    assert len(list(filled.all())) == 2


def test_an_image_that_no_correction_knows_is_swept_once_it_is_an_hour_old(
    filled: CorrectionStore, tmp_path: Path
) -> None:
    fresh, orphan, foreign = (
        tmp_path / "images" / name for name in ("a" * 32 + ".jpg", "b" * 32 + ".jpg", "mine.txt")
    )
    for path in (fresh, orphan, foreign):
        path.write_bytes(b"x")
    os.utime(orphan, (0, 0))
    os.utime(foreign, (0, 0))
    filled.purge(days=180)
    assert (fresh.exists(), orphan.exists(), foreign.exists()) == (True, False, True)
