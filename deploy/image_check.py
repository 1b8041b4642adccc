"""Build the image on a Debian made here, run it as a cluster would, and prove what it promises.

    make imagecheck                     the CPU target; some minutes
    make imagecheck TARGET=cuda         the CUDA target: some gigabytes of wheels, and no GPU needed

Needs root, debootstrap, podman and runc, and reaches Debian's and Python's packages; it reaches no
registry of images. All that it keeps lies in one folder, podman's images included.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
BASE: Final = "docker.io/library/debian:bookworm-slim"
SUITE: Final = "bookworm"
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30
HARDENING: Final = (
    "--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=16m",
    "--cap-drop=all", "--security-opt=no-new-privileges",
)  # fmt: skip
"""What deploy/compose.yaml and deploy/kubernetes ask for, in Podman's words."""

# Taken by every container, so that no limit is asked for that the machine does not grant.
_PODMAN_CONF: Final = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""

_PROGRAM: Final = """
import json, os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
try:
    os.mkdir("/opt/rotulo/written")
    written = True
except OSError:
    written = False
seen = {"uid": os.getuid(), "written": written, "shell": os.path.exists("/bin/sh")}
seen |= {"capabilities": int(status["CapEff"], 16), "no_new": int(status["NoNewPrivs"])}
print(json.dumps(seen))
"""


class CheckFailed(Exception):
    """The image does not do what it promises; the message says what was seen."""


@dataclass(frozen=True)
class Podman:
    """Podman with its images and its settings in a folder of our own."""

    folder: Path

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command of Podman's; its output is the result's."""
        command = [*self._command, *arguments]
        return subprocess.run(command, check=check, capture_output=True, text=True)

    def build(self, target: str, digest: str, volumes: Sequence[str]) -> str:
        """Build a target of the Dockerfile and return the image's name; the steps are shown."""
        name = f"rotulo:{target}"
        flags = ["--layers", "--pull=never", "--format=docker", "--isolation=chroot"]
        pinned = f"--build-arg=DEBIAN_DIGEST={digest}"
        mounted = [f"--volume={volume}" for volume in volumes]
        subprocess.run(
            [*self._command, "build", *flags, pinned, *mounted, f"--target={target}",
             f"--tag={name}", str(ROOT)],
            check=True,
        )  # fmt: skip
        return name

    @property
    def _command(self) -> list[str]:
        settings = f"CONTAINERS_CONF={self._settings()}"
        folders = [f"--root={self.folder / 'images'}", f"--runroot={self.folder / 'run'}"]
        return ["env", settings, "podman", *folders]

    def _settings(self) -> Path:
        path = self.folder / "containers.conf"
        path.write_text(_PODMAN_CONF, encoding="utf-8")
        return path


def make_base(podman: Podman, sources: Path | None) -> str:
    """Make Debian's base image from its packages, and return the digest that pins it."""
    tree = podman.folder / SUITE
    if not (tree / "etc/debian_version").is_file():
        subprocess.run(["debootstrap", "--variant=minbase", SUITE, str(tree)], check=True)
        if sources is not None:
            (tree / "etc/apt/sources.list").unlink()
            shutil.copy(sources, tree / "etc/apt/sources.list.d/")
    with tempfile.NamedTemporaryFile(dir=podman.folder, suffix=".tar") as archive:
        subprocess.run(["tar", "-C", str(tree), "-cf", archive.name, "."], check=True)
        podman.run("import", archive.name, BASE)
    return podman.run("image", "inspect", "--format={{.Digest}}", BASE).stdout.strip()


@contextmanager
def running(podman: Podman, image: str, port: int) -> Iterator[str]:
    """Start the image as it would run in production, and give the container's name."""
    command = ["run", "--detach", "--network=host", "--no-healthcheck", *HARDENING]
    given = ["--env=ROTULO_PROVIDER=cpu", "--env=ROTULO_OPEN=label"]
    started = podman.run(*command, *given, f"--env=ROTULO_PORT={port}", image)
    name = started.stdout.strip()
    try:
        yield name
    finally:
        podman.run("rm", "--force", name, check=False)


def wait_until_healthy(podman: Podman, name: str) -> float:
    """Return after how many seconds the image's own health check passed.

    Raises:
        CheckFailed: it did not within a minute.
    """
    started = time.monotonic()
    while time.monotonic() - started < START_SECONDS:
        if podman.run("exec", name, "rotulo", "health", check=False).returncode == 0:
            return time.monotonic() - started
    raise CheckFailed(f"not healthy after {START_SECONDS:.0f} s: {podman.run('logs', name)}")


def labels_of(port: int, image: bytes) -> list[str]:
    """Return what the service says an image shows, the likeliest first."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    connection.request("POST", "/v1/labels", image, {"Content-Type": "application/octet-stream"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return [label["id"] for label in answer["labels"]]


def prove(podman: Podman, image: str, photo: Path) -> dict[str, Any]:
    """Return what was seen of a running image.

    Raises:
        CheckFailed: something that the image promises is not so.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with running(podman, image, port) as name:
        ready = wait_until_healthy(podman, name)
        labels = labels_of(port, photo.read_bytes())
        inside = json.loads(podman.run("exec", name, "python", "-c", _PROGRAM).stdout)
        shell = podman.run("exec", name, "sh", "-c", "true", check=False).returncode
        podman.run("stop", f"--time={STOP_SECONDS}", name)
        ended = podman.run("inspect", "--format={{.State.ExitCode}}", name).stdout.strip()
    expected = {"uid": 10001, "written": False, "shell": False, "capabilities": 0, "no_new": 1}
    if inside != expected:
        raise CheckFailed(f"inside it is {inside}, and should be {expected}")
    if not labels or shell == 0 or ended != "0":
        raise CheckFailed(f"labels {labels}, a shell's code {shell}, its own at the end {ended}")
    return {"ready_seconds": round(ready, 2), "labels": labels, "exit_code": int(ended)}


def main() -> None:
    """Build, prove, and print what was seen as one line of JSON."""
    parser = argparse.ArgumentParser(description="Build the image and prove what it promises.")
    parser.add_argument("photo", type=Path, help="an image to label")
    parser.add_argument("--target", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--work", type=Path, required=True, help="folder for all that it keeps")
    parser.add_argument("--sources", type=Path, help="apt's list of sources for the base")
    parser.add_argument("--volume", action="append", default=[], help="mounted while building")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    podman = Podman(given.work.resolve())
    image = podman.build(given.target, make_base(podman, given.sources), given.volume)
    size = podman.run("image", "inspect", "--format={{.Size}}", image).stdout.strip()
    seen = prove(podman, image, given.photo)
    print(json.dumps({"image": image, "bytes": int(size), **seen}))  # noqa: T201  # its result


if __name__ == "__main__":
    main()
