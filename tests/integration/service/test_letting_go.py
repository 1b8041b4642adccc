"""An upload is let go of with its answer, and not when the garbage collector comes by.

Between two of its rounds hundreds of requests may be answered, of twenty megabytes each.
"""

from __future__ import annotations

import asyncio
import gc
import json
import struct
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from service.inference_v2.wire import HEADER_LENGTH
from service.settings import Settings
from tests.serving import RESCUE_SECONDS, listening, running

BODY_BYTES = 500_000
UPLOADS = 6
BOUNDARY = "----let-go"
BATCH = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'

Message = Callable[[bytes], tuple[str, dict[str, str], bytes]]
"""Makes of an image where a request goes, its headers and its body."""


def raw(image: bytes) -> tuple[str, dict[str, str], bytes]:
    return "/v1/labels", {"Content-Type": "image/png"}, image


def named(image: bytes) -> tuple[str, dict[str, str], bytes]:
    return "/v1/models/linear/labels", {"Content-Type": "image/png"}, image


def explained(image: bytes) -> tuple[str, dict[str, str], bytes]:
    return "/v1/explanations", {"Content-Type": "image/png"}, image


def batch(image: bytes) -> tuple[str, dict[str, str], bytes]:
    form = BATCH.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()
    return "/v1/labels/batch", {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, form


def inferred(image: bytes) -> tuple[str, dict[str, str], bytes]:
    data = struct.pack("<I", len(image)) + image
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1]}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(data)}}]})
    return "/v2/models/linear/infer", {HEADER_LENGTH: str(len(head))}, head.encode() + data


async def answer(port: int, message: tuple[str, dict[str, str], bytes]) -> int:
    """Send one request on a connection of its own, and return the status of its answer."""
    path, headers, body = message
    fields = {"Host": "x", "Connection": "close", "Content-Length": str(len(body)), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    async with asyncio.timeout(RESCUE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write("\r\n".join([*lines, "", ""]).encode())
        writer.write(body)
        text = await reader.read()
        writer.close()
        await writer.wait_closed()
    return int(text.split()[1])


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    gc.enable()


@pytest.mark.parametrize("cache_bytes", [0, 2**20], ids=["plain", "cache"])
@pytest.mark.parametrize("message", [raw, named, explained, batch, inferred])
@pytest.mark.parametrize(
    ("kept", "status"), [(0, 415), (60, 422), (None, 200)], ids=["unknown", "damaged", "sound"]
)
@pytest.mark.usefixtures("uncollected")
async def test_no_upload_outlives_its_answer(
    settings: Settings,
    png: bytes,
    message: Message,
    kept: int | None,
    status: int,
    cache_bytes: int,
) -> None:
    """Of a picture so many bytes are kept; zeros follow, which no sound one minds."""
    image = png[:kept] + bytes(BODY_BYTES)
    asked = settings.model_copy(update={"cache_bytes": cache_bytes})
    with capture_logs():
        async with running(asked) as served, listening(served) as port:
            await answer(port, message(image))
            before, _ = tracemalloc.get_traced_memory()
            statuses = [await answer(port, message(image)) for _ in range(UPLOADS)]
            after, _ = tracemalloc.get_traced_memory()
    assert set(statuses) == {200 if message is batch else status}
    # The last may still be in the hands of the thread that decoded it.
    assert after - before < UPLOADS * BODY_BYTES / 2
