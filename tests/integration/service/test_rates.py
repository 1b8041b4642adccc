"""Rate limits: who is counted, what the answer says, and what a Redis that is gone changes."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from service.keys import new_key
from service.settings import Settings
from tests.serving import RESCUE_SECONDS, Served, running

IMAGE = {"content-type": "image/png"}


def limited(settings: Settings, **quotas: object) -> Settings:
    return Settings.model_validate({**settings.model_dump(), **quotas})


async def send(served: Served, png: bytes, **headers: str) -> httpx.Response:
    return await served.client.post("/v1/labels", content=png, headers={**IMAGE, **headers})


async def test_every_answer_tells_how_the_client_stands(settings: Settings, png: bytes) -> None:
    async with running(limited(settings, rate_limit_address="2/hour;100/day")) as served:
        answers = [await send(served, png) for _ in range(3)]
        open_route = await served.client.get("/livez")
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    policy = '"address-3600s";q=2;w=3600, "address-86400s";q=100;w=86400'
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {policy}
    told = [re.findall(r";r=(\d+);t=(\d+)", answer.headers["ratelimit"]) for answer in answers]
    assert [[int(left) for left, _ in item] for item in told] == [[1, 99], [0, 98], [0, 97]]
    assert 3590 <= int(answers[2].headers["retry-after"]) <= 3600
    assert answers[2].json()["type"] == "urn:rotulo:problem:too-many-requests"
    assert "ratelimit" not in open_route.headers


async def test_an_obedient_client_succeeds_at_its_first_retry(
    settings: Settings, png: bytes
) -> None:
    async with running(limited(settings, rate_limit_address="1/second")) as served:
        windows = served.state.access._rates._windows
        await send(served, png)
        refused = await send(served, png)
        windows._clock = late(windows._clock, int(refused.headers["retry-after"]))  # type: ignore[attr-defined]
        retried = await send(served, png)
    assert (refused.status_code, retried.status_code) == (429, 200)


def late(clock: Callable[[], float], seconds: float) -> Callable[[], float]:
    return lambda: clock() + seconds


async def test_clients_are_told_apart_by_key_and_by_address_behind_a_proxy(
    settings: Settings, png: bytes, tmp_path: Path
) -> None:
    (text, key), path = new_key(["label"]), tmp_path / "keys"
    path.write_text(key.line(), "utf-8")
    quotas = limited(
        settings,
        keys=path,
        open="label",
        rate_limit_key="3/hour",
        rate_limit_address="1/hour",
        trusted_proxies="127.0.0.0/8",
    )
    async with running(quotas) as served:
        ana, ben = {"x-forwarded-for": "203.0.113.1"}, {"x-forwarded-for": "203.0.113.2"}
        strangers = [await send(served, png, **who) for who in (ana, ben, ana)]
        bearer = {"authorization": f"Bearer {text}"}
        keyed = [await send(served, png, **who, **bearer) for who in (ana, ben, ana, ben)]
        windows = served.value("rotulo_rate_limit_clients")
    assert [answer.status_code for answer in strangers] == [200, 200, 429]
    assert [answer.status_code for answer in keyed] == [200, 200, 200, 429]
    assert '"key-3600s"' in keyed[0].headers["ratelimit-policy"]
    assert windows == 3


async def test_who_guesses_keys_is_slowed_down(
    settings: Settings, png: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "keys"
    path.write_text(new_key(["label"])[1].line(), "utf-8")
    async with running(limited(settings, keys=path, rate_limit_address="2/hour")) as served:
        guesses = [
            await send(served, png, authorization=f"Bearer rotulo_00000000_{n}") for n in range(3)
        ]
    assert [answer.status_code for answer in guesses] == [401, 401, 429]


async def test_each_file_of_a_batch_counts(settings: Settings, png: bytes) -> None:
    async with running(limited(settings, rate_limit_address="5/hour")) as served:

        async def batch(size: int) -> httpx.Response:
            files = [("file", ("a.png", png))] * size
            return await served.client.post("/v1/labels/batch", files=files)

        first, second = await batch(3), await batch(3)
    assert first.status_code == 200
    assert first.headers["ratelimit"].startswith('"address-3600s";r=2;')
    assert second.status_code == 429
    assert second.headers["ratelimit"].startswith('"address-3600s";r=0;')


async def test_a_batch_larger_than_the_quota_takes_all_of_it(
    settings: Settings, png: bytes
) -> None:
    async with running(limited(settings, rate_limit_address="3/hour")) as served:
        files = [("file", ("a.png", png))] * 4
        answer = await served.client.post("/v1/labels/batch", files=files)
        after = await send(served, png)
    assert answer.status_code == 200
    assert after.status_code == 429


@dataclass
class Redis:
    """Debian's Redis on a port of its own."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"redis://127.0.0.1:{self.port}/0")

    def dump(self) -> str:
        with socket.create_connection(("127.0.0.1", self.port), RESCUE_SECONDS) as connection:
            connection.sendall(b"KEYS *\r\nQUIT\r\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


@pytest.fixture
def redis(tool: Callable[[str], Path], tmp_path: Path) -> Iterator[Redis]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [str(tool("redis-server")), "--port", str(port), "--bind", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--save", "", "--appendonly", "no", "--dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Ready to accept connections" in line:
            break
    yield Redis(process, port)
    process.kill()
    process.wait(RESCUE_SECONDS)
    process.stdout.close()


async def test_replicas_count_together_in_redis(
    settings: Settings, png: bytes, redis: Redis
) -> None:
    shared = limited(settings, rate_limit_address="2/minute").model_copy(
        update={"rate_limit_redis": redis.url}
    )
    async with running(shared) as one, running(shared) as two:
        answers = [await send(replica, png) for replica in (one, two, one)]
        assert one.value("rotulo_rate_limit_shared") == 1
        names = redis.dump()
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [re.findall(r"r=(\d)", answer.headers["ratelimit"]) for answer in answers] == [
        ["1"],
        ["0"],
        ["0"],
    ]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert "rotulo:" in names
    assert "127.0.0.1" not in names


@pytest.mark.parametrize("trouble", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_redis_that_is_gone_or_hangs_stops_no_labelling(
    settings: Settings, png: bytes, redis: Redis, trouble: signal.Signals
) -> None:
    shared = limited(settings, rate_limit_address="2/minute").model_copy(
        update={"rate_limit_redis": redis.url}
    )
    async with running(shared) as served:
        before = await send(served, png)
        redis.process.send_signal(trouble)
        answers = [await send(served, png) for _ in range(3)]
        assert served.value("rotulo_rate_limit_shared") == 0
    assert before.status_code == 200
    assert [answer.status_code for answer in answers] == [200, 200, 429]
