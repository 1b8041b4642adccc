"""The README's commands do what it says, run as a reader would type them.

Only the port, the environment and the folder differ: a free port, the environment that the
tests run in (so that nothing is installed), and a folder of their own with a `foto.jpg`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from service.contract import Manifest
from service.settings import SHIPPED_BUNDLES

README_ADDRESS = "127.0.0.1:8000"
SERVE_ENVIRONMENT = ".venv-serve"


def commands(readme: Path) -> list[str]:
    """Return the lines of the README's shell blocks, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", readme.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [shlex.join(shlex.split(line, comments=True)) for line in "".join(blocks).splitlines()]


def the_one(lines: list[str], pattern: str) -> str:
    """Return the only command that matches."""
    (found,) = (line for line in lines if re.search(pattern, line))
    return found


def environment() -> dict[str, str]:
    """Return ours without what an outer `make` or a person's settings left there."""
    foreign = ("MAKE", "MFLAGS", "ROTULO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"ROTULO_LOG_FORMAT": "json", "ROTULO_LAME_DUCK_SECONDS": "0"}


@pytest.fixture(scope="module")
def lines(root: Path) -> list[str]:
    return commands(root / "README.md")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as the README's reader has it: a photo, and the environment."""
    here = tmp_path_factory.mktemp("reader")
    Image.effect_mandelbrot((640, 480), (-2, -1.5, 1, 1.5), 20).save(here / "foto.jpg")
    (here / SERVE_ENVIRONMENT).symlink_to(sys.prefix)
    return here


@pytest.fixture(scope="module")
def address(root: Path, lines: list[str], tool: Callable[[str], Path]) -> Iterator[str]:
    """Start the service by the README's command and return where it listens, once ready."""
    tool("make")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stamp = f"{sys.prefix}/.locked"
    command = f"{the_one(lines, '^make serve')} PORT={port} SERVE_VENV={sys.prefix} -o {stamp}"
    with subprocess.Popen(
        shlex.split(command), cwd=root, env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("{") and json.loads(line)["event"] == "ready":
                break
        else:
            pytest.fail(f"`{command}` ended before it was ready:\n{''.join(said)}")
        yield f"127.0.0.1:{port}"
        process.terminate()
        process.communicate()


def shipped_names() -> set[str]:
    """Return the Spanish names of every label that the shipped bundles know."""
    manifests = [
        Manifest.model_validate_json(path.read_text("utf-8"))
        for path in SHIPPED_BUNDLES.glob("*/*/manifest.json")
    ]
    return {label.es for manifest in manifests for label in manifest.labels}


def test_the_curl_of_the_readme_is_answered_with_labels(
    lines: list[str], folder: Path, address: str, tool: Callable[[str], Path]
) -> None:
    tool("curl")
    command = the_one(lines, "^curl .*/v1/labels").replace(README_ADDRESS, address)
    finished = subprocess.run(
        [*shlex.split(command), "--silent", "--show-error"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(finished.stdout)
    assert answer["image"] == {"width": 640, "height": 480, "media_type": "image/jpeg"}
    assert {label["name"] for label in answer["labels"]} <= shipped_names()
    scores = [label["score"] for label in answer["labels"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0


def test_the_command_line_of_the_readme_labels_a_photo(lines: list[str], folder: Path) -> None:
    command = the_one(lines, "rotulo label")
    assert command.startswith(f"{SERVE_ENVIRONMENT}/bin/")
    finished = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert any(name in finished.stdout for name in shipped_names())


def test_the_test_command_of_the_readme_runs_every_test(root: Path, lines: list[str]) -> None:
    """It cannot run inside itself; what it would run is read instead."""
    finished = subprocess.run(
        [*shlex.split(the_one(lines, "^make test")), "--dry-run"],
        cwd=root,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(
        r"-m pytest --cov( --(numprocesses=\w+|dist=\w+|no-loadscope-reorder))*$",
        finished.stdout,
        re.MULTILINE,
    )


def test_each_training_and_export_command_of_the_readme_exists(
    root: Path, lines: list[str]
) -> None:
    python = ".venv/bin/python"
    programs = [line for line in lines if line.startswith(f"{python} -m")]
    assert programs
    for line in programs:
        command = [sys.executable, *shlex.split(line)[1:], "--help"]
        finished = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stderr
