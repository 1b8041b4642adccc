"""POST /v1/labels/batch: many files, each with its own end."""

from __future__ import annotations

from tests.pictures import encode, noise
from tests.serving import Served


async def test_items_stand_in_the_order_of_the_files(served: Served) -> None:
    images = [encode(noise(40 + n, 30), "PNG") for n in range(6)]
    answer = await served.client.post(
        "/v1/labels/batch", files=[("file", ("x.png", image)) for image in images]
    )
    assert [item["image"]["width"] for item in answer.json()["items"]] == [40 + n for n in range(6)]


async def test_one_bad_file_never_sinks_the_others(served: Served, png: bytes) -> None:
    files = [b"%PDF-1.7", png, png[:50], b"", png]
    answer = await served.client.post(
        "/v1/labels/batch?lang=en", files=[("file", ("x.png", data)) for data in files]
    )
    items = answer.json()["items"]
    assert answer.status_code == 200
    assert [item.get("status", "labelled") for item in items] == [
        415,
        "labelled",
        422,
        400,
        "labelled",
    ]
    assert items[0]["detail"].startswith("The file is not")
    assert items[0]["request_id"] == answer.headers["x-request-id"]
    counted = served.series("rotulo_images_total", "decision")
    assert {decision: n for decision, n in counted.items() if n} == {(items[1]["decision"],): 2}


async def test_a_file_that_is_too_long_is_a_problem_of_its_own(served: Served, png: bytes) -> None:
    limit = served.state.settings.max_upload_bytes
    files = [("file", ("x", b"x" * (limit + 1))), ("file", ("x", png))]
    answer = await served.client.post("/v1/labels/batch", files=files)
    assert [item.get("status", "labelled") for item in answer.json()["items"]] == [413, "labelled"]
