"""POST /v1/feedback, on SQLite and on PostgreSQL: what is kept, once, and what is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from service.feedback.store import CorrectionStore
from service.settings import Settings
from tests.serving import Served, running

PATH = "/v1/feedback"
RESULT = "21b9811a8616477a8e97232c94bf697f"


def body(**changes: Any) -> dict[str, Any]:
    return {
        "result_id": RESULT,
        "label": "cat",
        "offered": "dog",
        "model": {"name": "linear", "version": "1"},
        **changes,
    }


async def test_a_correction_is_kept_once_and_a_changed_mind_replaces_it(
    served: Served, store: CorrectionStore
) -> None:
    first = await served.client.post(PATH, json=body(comment="  Es un gato.\x00 "))
    again = await served.client.post(PATH, json=body(comment="Es un gato."))
    changed = await served.client.post(PATH, json=body(label="none"))
    assert (first.status_code, first.json()) == (
        201,
        {"result_id": RESULT, "status": "recorded", "label": "cat", "image": False},
    )
    assert (again.status_code, again.json()["status"]) == (200, "unchanged")
    assert (changed.status_code, changed.json()["status"]) == (200, "updated")
    assert changed.json()["label"] == "none"
    (kept,) = store.all()
    assert (kept.correction.label, kept.correction.offered) == (None, "dog")
    assert kept.correction.comment is None
    assert kept.received <= kept.changed
    assert served.series("rotulo_feedback_total", "offered", "verdict") == {("dog", "other"): 1}
    assert served.value("rotulo_feedback_changes_total") == 1


async def test_the_same_correction_many_times_at_once_is_kept_once(served: Served) -> None:
    answers = await asyncio.gather(*(served.client.post(PATH, json=body()) for _ in range(12)))
    told = Counter((answer.status_code, answer.json()["status"]) for answer in answers)
    assert told == {(201, "recorded"): 1, (200, "unchanged"): 11}
    assert served.value("rotulo_feedback_pending") == 0


async def test_counts_are_by_class_and_verdict(served: Served) -> None:
    labels = ["dog", "dog", "cat", "none"]
    for number, label in enumerate(labels):
        await served.client.post(PATH, json=body(result_id=f"{number:032x}", label=label))
    assert served.series("rotulo_feedback_total", "offered", "verdict") == {
        ("dog", "agree"): 2,
        ("dog", "other"): 1,
        ("dog", "none"): 1,
    }


async def test_the_id_of_a_real_answer_is_taken(served: Served, png: bytes) -> None:
    headers = {"content-type": "image/png"}
    answer = (await served.client.post("/v1/labels", content=png, headers=headers)).json()
    best = answer["labels"][0]["id"]
    told = await served.client.post(
        PATH,
        json=body(
            result_id=answer["id"], offered=best, label=best,
            model={key: answer["model"][key] for key in ("name", "version")},
        ),
    )  # fmt: skip
    assert told.status_code == 201


async def test_a_result_is_of_one_model_and_one_label_offered(served: Served) -> None:
    await served.client.post(PATH, json=body())
    other = await served.client.post(PATH, json=body(offered="frog"))
    assert other.status_code == 409
    assert other.json()["type"] == "urn:rotulo:problem:result-conflict"


async def test_no_more_is_kept_than_may_and_changes_are_still_taken(settings: Settings) -> None:
    full = settings.model_copy(update={"feedback_max_rows": 2})
    async with running(full) as served:
        told = [
            (await served.client.post(PATH, json=body(result_id=f"{n:032x}"))).status_code
            for n in range(3)
        ]
        changed = await served.client.post(PATH, json=body(result_id=f"{0:032x}", label="frog"))
    assert told == [201, 201, 507]
    assert changed.status_code == 200


WRONG = (
    (body(label="unicorn"), "label"),
    (body(offered="unicorn"), "offered"),
    (body(offered="none"), "offered"),
    (body(result_id="../../etc/passwd"), "result_id"),
    (body(result_id=RESULT.upper()), "result_id"),
    (body(model={"name": "linear", "version": "2"}), "model"),
    (body(model={"name": "other", "version": "1"}), "model"),
    (body(model="linear"), "model"),
    (body(comment="x" * 501), "comment"),
    (body(colour="red"), "colour"),
    ({"result_id": RESULT}, "label"),
)


async def test_what_the_model_cannot_have_said_is_a_422(
    served: Served, store: CorrectionStore
) -> None:
    for wrong, parameter in WRONG:
        answer = await served.client.post(PATH, json=wrong)
        assert answer.status_code == 422, wrong
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:rotulo:problem:invalid-parameter"
        assert f"«{parameter}»" in answer.json()["detail"]
    assert list(store.all()) == []


NO_CORRECTIONS = (
    (b"{", "application/json", 400),
    (b"[]", "application/json", 400),
    (b"\xff", "application/json", 400),
    (b"", "application/json", 422),
    (b"x" * 20_000, "application/json", 413),
    (b"x", "text/plain", 415),
    (b"--x\r\n", "multipart/form-data; boundary=x", 400),
    (b"x" * 100_000, "multipart/form-data; boundary=x", 413),
)


async def test_a_body_that_is_no_correction_is_told_why(served: Served) -> None:
    for content, media_type, status in NO_CORRECTIONS:
        answer = await served.client.post(
            PATH, content=content, headers={"content-type": media_type}
        )
        assert answer.status_code == status, content[:9]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_nothing_is_kept_by_default(bundles: Path) -> None:
    async with running(Settings(bundles=bundles)) as served:
        answer = await served.client.post(PATH, json=body())
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:rotulo:problem:feedback-off"
