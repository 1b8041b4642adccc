"""Against a real HTTP server on the loopback that can be told to misbehave."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from training.datasets import Archive
from training.download import fetch
from training.errors import DataError

CONTENT = np.random.default_rng(0).bytes(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Origin:
    """What the server offers, how it behaves, and which ranges it was asked for."""

    content: bytes = CONTENT
    cut_after: int | None = None
    knows_ranges: bool = True
    status: int | None = None
    garbage: bool = False
    ranges: list[str | None] = field(default_factory=list)
    port: int = 0

    def archive(self, digest: str = DIGEST) -> Archive:
        return Archive(f"http://127.0.0.1:{self.port}/colours.tar.gz", len(CONTENT), digest)


@pytest.fixture
def origin() -> Iterator[Origin]:
    offered = Origin()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            offered.ranges.append(asked)
            if offered.garbage:
                self.wfile.write(b"this is no HTTP\r\n\r\n")
                return
            if offered.status:
                self.send_error(offered.status)
                return
            start = 0
            if asked and offered.knows_ranges:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            rest = offered.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: offered.cut_after])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Keep the tests' output for the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    offered.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield offered
    server.shutdown()
    thread.join()
    server.server_close()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_arrives_whole_under_its_name_alone(origin: Origin, tmp_path: Path) -> None:
    path = fetch(origin.archive(), tmp_path / "cache")
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == {"colours.tar.gz"}


def test_what_is_there_is_not_fetched_again(origin: Origin, tmp_path: Path) -> None:
    fetch(origin.archive(), tmp_path)
    fetch(origin.archive(), tmp_path)
    assert len(origin.ranges) == 1


def test_what_arrived_before_a_cut_is_kept_and_the_next_try_goes_on(
    origin: Origin, tmp_path: Path
) -> None:
    origin.cut_after = 100_000
    with pytest.raises(DataError, match=r"Try again: it goes on where it stopped"):
        fetch(origin.archive(), tmp_path)
    assert names(tmp_path) == {"colours.tar.gz.part"}
    assert (tmp_path / "colours.tar.gz.part").read_bytes() == CONTENT[:100_000]
    origin.cut_after = None
    assert fetch(origin.archive(), tmp_path).read_bytes() == CONTENT
    assert origin.ranges == [None, "bytes=100000-"]
    assert names(tmp_path) == {"colours.tar.gz"}


def test_a_server_without_ranges_sends_it_all_again(origin: Origin, tmp_path: Path) -> None:
    (tmp_path / "colours.tar.gz.part").write_bytes(b"x" * 1000)
    origin.knows_ranges = False
    assert fetch(origin.archive(), tmp_path).read_bytes() == CONTENT


def test_a_download_that_was_killed_after_its_last_byte_is_only_checked(
    origin: Origin, tmp_path: Path
) -> None:
    (tmp_path / "colours.tar.gz.part").write_bytes(CONTENT)
    assert fetch(origin.archive(), tmp_path).read_bytes() == CONTENT
    assert origin.ranges == []


@pytest.mark.parametrize(
    "content", [CONTENT[::-1], CONTENT + b"more"], ids=["other-bytes", "more-bytes"]
)
def test_what_is_not_the_expected_file_is_removed(
    origin: Origin, tmp_path: Path, content: bytes
) -> None:
    origin.content = content
    with pytest.raises(DataError, match=r"colours\.tar\.gz\.part: has .*It was removed; run again"):
        fetch(origin.archive(), tmp_path)
    assert names(tmp_path) == set()


def test_a_wrong_file_in_the_cache_is_named_and_left_to_its_owner(
    origin: Origin, tmp_path: Path
) -> None:
    path = tmp_path / "colours.tar.gz"
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(DataError) as caught:
        fetch(origin.archive(), tmp_path)
    wrong = hashlib.sha256(CONTENT[::-1]).hexdigest()
    assert str(caught.value) == (
        f"{path}: has the SHA-256 {wrong}, not {DIGEST}. "
        "Delete it and run again: it is fetched anew."
    )
    assert origin.ranges == []


@pytest.mark.parametrize("status", [404, 503])
def test_a_refusal_names_the_address_and_what_else_to_do(
    origin: Origin, tmp_path: Path, status: int
) -> None:
    origin.status = status
    archive = origin.archive()
    with pytest.raises(DataError, match=r"cannot be fetched .*ROTULO_DATA_DIR") as caught:
        fetch(archive, tmp_path)
    assert str(caught.value).startswith(f"{archive.url}: ")


def test_an_answer_that_is_no_http_is_an_error_with_advice(origin: Origin, tmp_path: Path) -> None:
    origin.garbage = True
    with pytest.raises(DataError, match="cannot be fetched"):
        fetch(origin.archive(), tmp_path)


def test_an_origin_that_nobody_answers_for_is_an_error_with_advice(tmp_path: Path) -> None:
    nobody = Archive("http://127.0.0.1:9/colours.tar.gz", 10, DIGEST)
    with pytest.raises(DataError, match=r"cannot be fetched .*Try again"):
        fetch(nobody, tmp_path)
