"""`rotulo bulk` as a person or a script runs it, killed and starved, beside the service."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.archives import IMAGES, write_folder, write_parquet, write_tar
from tests.bulking import read_rows
from tests.bundles import write_bundle

ROOT = Path(__file__).resolve().parents[2]
TOO_LARGE = 2 * 2**20
"""More than the service of the tests takes (1 MiB)."""
RESCUE_SECONDS = 60


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the very bundle that the service of the tests serves."""
    folder = tmp_path_factory.mktemp("bundles")
    write_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    return write_folder(folder, IMAGES | {"too-large.jpg": bytes(TOO_LARGE)})


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "service", "bulk", *map(str, arguments)]


def environment(bundles: Path) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ROTULO_")}
    limits = {"ROTULO_BUNDLES": str(bundles), "ROTULO_MAX_UPLOAD_BYTES": "1048576"}
    return clean | limits | {"COLUMNS": "200"}


def rotulo(
    *arguments: str | Path, bundles: Path, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    variables = environment(bundles)
    if before:  # a limit on files is not for those in which coverage is measured
        variables = {k: v for k, v in variables.items() if not k.startswith("COV")}
        # Python would write its bytecode up to the limit, and leave the torn half for the next one.
        variables |= {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        preexec_fn=before,  # it sets a limit and nothing else
    )


def asked_over_http(address: str, data: bytes) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310  # our own service
        f"{address}/v1/labels?top_k=10",
        data=data,
        headers={"Content-Type": "application/octet-stream", "Accept-Language": "es"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    return found


def test_it_says_of_every_image_what_the_service_says_bit_for_bit(
    service_address: str, bundles: Path, photos: Path, tmp_path: Path
) -> None:
    target = tmp_path / "labels.parquet"
    images = {path.name: path.read_bytes() for path in photos.iterdir()}
    tar, parquet = (
        write_tar(tmp_path / "a.tar", images),
        write_parquet(tmp_path / "b.parquet", images),
    )
    ran = rotulo(
        photos, tar, parquet, "--out", target, "--top-k", "10", "--workers", "2", "--part-images",
        "20", "--json", bundles=bundles,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["images"] == 3 * len(images)
    rows = read_rows(target)
    assert len(rows) == 3 * len(images)
    # The service may close the connection before all of it is sent, so it is not asked for this.
    large = [row for row in rows if "too-large" in f"{row['file']} {row['member']}"]
    assert [row["error"] for row in large] == ["payload-too-large"] * 3
    del images["too-large.jpg"]
    answers = {name: asked_over_http(service_address, data) for name, data in images.items()}
    for row in rows:
        if row["error"] == "payload-too-large":
            continue
        answer = answers[Path(row["member"] or row["file"]).name]
        if row["error"]:
            assert answer["type"] == f"urn:rotulo:problem:{row['error']}"
            assert answer["detail"] == row["error_es"]
        else:
            found = [(label["id"], label["es"], label["score"]) for label in row["labels"]]
            assert found == [(lb["id"], lb["name"], lb["score"]) for lb in answer["labels"]]
            assert row["decision"] == answer["decision"]
            assert row["model_sha256"] == answer["model"]["sha256"]
            facts = {name: row[name] for name in ("width", "height", "media_type")}
            assert facts == answer["image"]


def test_killed_at_any_step_it_goes_on_to_the_same_bytes(bundles: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    images = {name: IMAGES[name] for name in ("cut.png", "grey.png", "noise00.png", "turned.jpg")}
    write_folder(source / "photos", images)
    write_tar(source / "all.tar.gz", {f"{n}.png": IMAGES["grey.png"] for n in range(11)})
    (tmp_path / "runs").mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "tests.killed_bulk", source, bundles, tmp_path / "runs"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert len(told["moments"]) > 40
    wrong = [
        moment
        for moment in told["moments"]
        if not (moment["whole"] and moment["same"] and moment["left"] == ["labels.jsonl"])
    ]
    assert wrong == []
    assert {moment["appeared"] for moment in told["moments"]} == {False, True}
    assert told["again"]["kills"] > 1
    assert told["again"]["same"]


def test_kill_9_and_a_stop_leave_no_process_and_the_same_command_goes_on(
    bundles: Path, tmp_path: Path
) -> None:
    images = {f"{n:04}.jpg": IMAGES["large.jpg"] for n in range(1000)}
    source, target = write_tar(tmp_path / "many.tar", images), tmp_path / "labels.csv"
    arguments = (source, "--out", target, "--part-images", "8", "--workers", "2")
    ends = []
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = started_and_writing(command(*arguments), bundles, target)
        workers = children(process.pid)
        process.send_signal(number)
        _, told = process.communicate()
        ends.append((process.returncode, "Repita la misma orden" in told))
        assert len(workers) >= 2
        wait_until_gone(workers)
        assert not target.exists()
    assert ends == [(-signal.SIGKILL, False), (128 + signal.SIGTERM, True)]
    ran = rotulo(*arguments, "--json", bundles=bundles)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["earlier"] >= 16
    assert [row["row"] for row in read_rows(target)] == list(range(1000))


def started_and_writing(arguments: list[str], bundles: Path, target: Path) -> subprocess.Popen[str]:
    """Start a run, and return when it has written one part more than there were."""
    parts = Path(f"{target}.partial/parts")

    def written() -> int:
        try:
            return sum(path.suffix == ".json" for path in parts.iterdir())
        except FileNotFoundError:  # not yet, or just being emptied
            return 0

    before, pause = written(), Event()
    process = subprocess.Popen(
        arguments, cwd=ROOT, env=environment(bundles), stderr=subprocess.PIPE, text=True
    )
    while written() <= before:
        assert process.poll() is None
        pause.wait(0.02)
    return process


def children(parent: int) -> list[int]:
    told = Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii")
    return [int(word) for word in told.split()]


def wait_until_gone(processes: list[int]) -> None:
    """Wait for processes that are nobody's children any more."""
    for process in processes:
        try:
            descriptor = os.pidfd_open(process)
        except ProcessLookupError:
            continue
        ended, _, _ = select.select([descriptor], [], [], RESCUE_SECONDS)
        os.close(descriptor)
        assert ended


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(
    bundles: Path, photos: Path, tmp_path: Path
) -> None:
    target = tmp_path / "labels.jsonl"
    arguments = (photos, "--out", target, "--part-images", "5", "--workers", "1")

    def allow_small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 * 1024, resource.RLIM_INFINITY))

    ran = rotulo(*arguments, "--lang", "en", bundles=bundles, before=allow_small_files)
    assert ran.returncode == 4
    assert re.search(r"no room left for .*labels\.jsonl", ran.stderr)
    assert "Traceback" not in ran.stderr
    assert not target.exists()
    ran = rotulo(*arguments, "--json", bundles=bundles)
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["earlier"] > 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere", "--out", "x.csv"], 3, "No such file"),
        (["README.md", "--out", "x.xlsx"], 2, "debe terminar en"),
        (["README.md", "--out", "README.csv", "--engine", "spark"], 2, "local"),
        (["README.md"], 2, "--out"),
    ],
)
def test_what_cannot_be_is_told_with_its_code(
    bundles: Path, arguments: list[str], code: int, told: str
) -> None:
    ran = rotulo(*arguments, bundles=bundles)
    assert ran.returncode == code
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_run_in_which_every_image_failed_is_code_1(bundles: Path, tmp_path: Path) -> None:
    folder, target = write_folder(tmp_path / "in", {"a.png": b"no"}), tmp_path / "labels.csv"
    ran = rotulo(folder, "--out", target, "--workers", "1", bundles=bundles)
    assert ran.returncode == 1
    assert "1 con error (unsupported-image 1)" in ran.stdout
    assert len(read_rows(target)) == 1
