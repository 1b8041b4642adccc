"""What strangers send to a real port: refused in order, and nothing of it stays or is told."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.bundles import write_bundle
from tests.e2e.conftest import free_port, wait_until_ready
from tests.hostile import (
    PRIVATE_PLACE,
    PRIVATE_WORDS,
    hostile_images,
    picture_bytes,
    private_photo,
)
from tests.pictures import encode, quarters
from tests.unmeasured import unmeasured

ROOT = Path(__file__).resolve().parents[2]
RESCUE_SECONDS = 60
MAX_GROWTH = 64 * 1024 * 1024
FILE_NAME = "ficha-de-ana-rojas.jpg"
ADDRESS = "198.51.100.77"
HEAD = "POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
FORM = "POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"


@dataclass
class Target:
    """A service on a port, with a folder for temporary files and a log of its own."""

    process: subprocess.Popen[bytes]
    port: int
    temporary: Path
    log: Path
    answers: list[str] = field(default_factory=list)
    warm_bytes: int = 0

    def resident(self) -> int:
        """Return the process's resident memory in bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def post(self, data: bytes, media_type: str = "image/png") -> int:
        """Send an image as a body and return the status."""
        headers = {"content-type": media_type, "x-forwarded-for": ADDRESS}
        return self.keep(
            httpx.post(
                f"http://127.0.0.1:{self.port}/v1/labels",
                content=data,
                headers=headers,
                timeout=RESCUE_SECONDS,
            )
        )

    def post_form(self, data: bytes) -> int:
        """Send an image as a file of a form and return the status."""
        return self.keep(
            httpx.post(
                f"http://127.0.0.1:{self.port}/v1/labels",
                files={"file": (FILE_NAME, data, "image/jpeg")},
                timeout=RESCUE_SECONDS,
            )
        )

    def keep(self, answer: httpx.Response) -> int:
        self.answers.append(f"{answer.headers}{answer.text}")
        return answer.status_code

    def drip(self, head: bytes, drop: bytes) -> int:
        """Send a body drop by drop until the service answers, and return the status."""
        with socket.create_connection(("127.0.0.1", self.port), RESCUE_SECONDS) as connection:
            connection.sendall(head)
            while not select.select([connection], [], [], 0.05)[0]:
                connection.sendall(drop)
            answer = connection.recv(65536)
        self.answers.append(answer.decode("latin-1"))
        return int(answer.split(b" ", 2)[1])

    def talk(self, *parts: bytes, endless: bytes = b"") -> int:
        """Send bytes as they are, perhaps without end, and return the first answer's status."""
        with socket.create_connection(("127.0.0.1", self.port), RESCUE_SECONDS) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                while endless:
                    connection.sendall(endless)
            except ConnectionError:
                pass  # the service has answered and hung up
            answer = connection.recv(65536)
        self.answers.append(answer.decode("latin-1"))
        return int(answer.split(b" ", 2)[1])


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("hostile")
    write_bundle(folder / "bundles")
    (folder / "temporary").mkdir()
    log = folder / "log"
    port = free_port()
    command = [
        sys.executable, "-m", "service", "serve", "--bundles", str(folder / "bundles"), "--port",
        str(port), "--lame-duck-seconds", "0", "--upload-timeout-seconds", "1", "--log-format",
        "json", "--log-level", "debug", "--max-upload-bytes", "8388608",
    ]  # fmt: skip
    environment = {**unmeasured(), "TMPDIR": str(folder / "temporary"), "MALLOC_ARENA_MAX": "2"}
    with log.open("wb") as lines:
        process = subprocess.Popen(command, cwd=ROOT, stderr=lines, env=environment)
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process)
            made = Target(process, port, folder / "temporary", log)
            for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
                assert made.post(encode(quarters(640, 480), name)) == 200
            made.warm_bytes = made.resident()
            yield made
        finally:
            process.terminate()
            process.wait(timeout=30)


def test_every_image_of_the_corpus_is_labelled_or_refused(target: Target) -> None:
    corpus = list(hostile_images())
    assert len({image.name for image in corpus}) > 100
    answered = [(image, target.post(image.data)) for image in corpus]
    assert [(image.name, told) for image, told in answered if told not in image.statuses] == []
    assert target.resident() - target.warm_bytes <= MAX_GROWTH
    assert list(target.temporary.iterdir()) == []


PART = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
NESTED = (
    b'--b\r\nContent-Disposition: form-data; name="file"\r\n'
    b"Content-Type: multipart/mixed; boundary=c\r\n\r\n"
    b'--c\r\nContent-Disposition: file; filename="a.png"\r\n\r\nx\r\n--c--\r\n\r\n--b--\r\n'
)


def sized(head: str, body: bytes) -> bytes:
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def ended(head: str, *lines: str) -> bytes:
    return (head + "\r\n".join(lines)).encode()


CHUNKED = "Transfer-Encoding: chunked\r\n"
REQUESTS: dict[str, tuple[bytes, set[int]]] = {
    "slow chunks": (ended(HEAD, CHUNKED, "1", "x", ""), {408}),
    "too long a length": (ended(HEAD, "Content-Length: 100", "", "abc"), {408}),
    "two lengths": (ended(HEAD, "Content-Length: 3", "Content-Length: 4", "", "abcd"), {400}),
    "a negative length": (ended(HEAD, "Content-Length: -3", "", "abc"), {400}),
    "a length without end": (ended(HEAD, f"Content-Length: {'9' * 40}", "", ""), {400, 413}),
    "both ways to end": (ended(HEAD, "Content-Length: 3", CHUNKED, "0", "", ""), {400}),
    "a chunk of no size": (ended(HEAD, CHUNKED, "zz", "abc", ""), {400}),
    "thousands of parts": (sized(FORM, PART * 5000 + b"--b--\r\n"), {400}),
    "a nested form": (sized(FORM, NESTED), {415}),
    "a form without end": (sized(FORM, PART), {400}),
    "a part's endless header": (sized(FORM, b"--b\r\n" + b"x" * 100_000), {400}),
    "a flood of headers": (HEAD.encode() + b"x: y\r\n" * 20_000, {400}),
    "one giant header": (HEAD.encode() + b"x: " + b"y" * 100_000, {400}),
    "a giant address": (b"GET /" + b"x" * 100_000, {400}),
    "zeros in a header": (b"POST /v1/labels HTTP/1.1\r\nHost: x\0y\r\n\r\n", {400}),
    "no HTTP": (b"\x16\x03\x01\2\0\1\0\1\xfc" + b"\0" * 200 + b"\r\n\r\n", {400}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_no_proper_request_is_refused(target: Target, name: str) -> None:
    sent, statuses = REQUESTS[name]
    assert target.talk(sent) in statuses


def test_a_body_without_end_is_refused(target: Target) -> None:
    head = (HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode()
    assert target.talk(head, endless=b"10000\r\n" + b"x" * 65536 + b"\r\n") == 413


def test_a_body_that_drips_is_given_up(target: Target) -> None:
    """Each chunk comes soon after the last: it is the whole that has a bound."""
    head = (HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode()
    assert target.drip(head, b"1\r\nx\r\n") == 408


def test_none_of_these_requests_left_memory_or_files_behind(target: Target) -> None:
    for sent, statuses in REQUESTS.values():
        if 408 not in statuses:  # those take a second each
            assert target.talk(sent) in statuses
    assert target.resident() - target.warm_bytes <= MAX_GROWTH
    assert list(target.temporary.iterdir()) == []


def test_nothing_of_an_image_or_its_sender_is_kept_or_told(target: Target) -> None:
    """After a success, after each kind of error above, and after clients who left."""
    photo = private_photo()
    assert target.post(photo, "image/jpeg") == target.post_form(photo) == 200
    assert target.post_form(photo[: len(photo) // 2]) == 422
    assert target.post_form(b"") in {400, 422}
    for sent in (len(photo) // 2, len(photo)):
        with socket.create_connection(("127.0.0.1", target.port), RESCUE_SECONDS) as leaving:
            head = f"{HEAD}X-Forwarded-For: {ADDRESS}\r\nContent-Length: {len(photo)}\r\n\r\n"
            leaving.sendall(head.encode() + photo[:sent])
    assert target.post(photo) == 200
    metrics = httpx.get(f"http://127.0.0.1:{target.port}/metrics", timeout=RESCUE_SECONDS).text
    lines = target.log.read_text("utf-8").splitlines()
    logged = "\n".join(line for line in lines if '"listening"' not in line)
    told = "\n".join([logged, metrics, *target.answers])
    place = [str(number) for number in PRIVATE_PLACE]
    secrets = [FILE_NAME, PRIVATE_WORDS, ADDRESS, "127.0.0.1", *place, *picture_bytes(photo)]
    assert [secret for secret in secrets if secret in told] == []
    assert '"status":422' in told
    assert '"status":200' in told
    assert list(target.temporary.iterdir()) == []
