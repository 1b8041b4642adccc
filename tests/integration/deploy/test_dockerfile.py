"""The Dockerfile says what it should, and what it would put into the image starts and labels.

That the whole of it builds and runs is proven by `make imagecheck`, which takes minutes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from service.settings import ENV_PREFIX, Settings
from tests.architecture.tree import files
from tests.pictures import encode, quarters

ROOT = Path(__file__).resolve().parents[3]
TOOLS = Path(sys.executable).parent
CONTINUED = re.compile(r"\\\n")
EXEC_FORM = re.compile(r"^\[.*\]$")


@dataclass
class Stage:
    """One stage of the Dockerfile: what it stands on, and its instructions in their order."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        return [text for word, text in self.instructions if word == keyword]

    @property
    def environment(self) -> dict[str, str]:
        return dict(re.findall(r'(\w+)="?([^\s"]*)"?', " ".join(self.all("ENV"))))


def read_stages() -> dict[str, Stage]:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    stages: dict[str, Stage] = {}
    current: Stage | None = None
    for line in CONTINUED.sub(" ", kept).splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "FROM":
            base, _, name = rest.partition(" AS ")
            current = stages[name] = Stage(name, base)
        elif keyword and current is not None:
            current.instructions.append((keyword, rest.strip()))
    return stages


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return read_stages()


def lineage(stages: dict[str, Stage], name: str) -> list[Stage]:
    """Return a stage and those that it stands on, the first one first."""
    stage = stages[name]
    return [*(lineage(stages, stage.base) if stage.base in stages else []), stage]


def test_hadolint_has_nothing_to_say() -> None:
    finished = subprocess.run(
        [TOOLS / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout


def test_the_only_base_is_pinned_by_a_digest_that_has_no_default(stages: dict[str, Stage]) -> None:
    outside = {stage.base for stage in stages.values()} - set(stages) - {"scratch"}
    text = (ROOT / "Dockerfile").read_text("utf-8")
    assert outside == {"docker.io/library/debian:bookworm-slim@${DEBIAN_DIGEST}"}
    assert re.search(r"^ARG DEBIAN_DIGEST$", text.partition("FROM")[0], re.MULTILINE)


def copied_from_the_context(stages: dict[str, Stage]) -> set[str]:
    return {
        source
        for stage in stages.values()
        for copy in stage.all("COPY")
        if not copy.startswith("--from=")
        for source in copy.split()[:-1]
    }


def test_whatever_is_copied_exists_and_passes_the_dockerignore(stages: dict[str, Stage]) -> None:
    allowed = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    ]
    copied = copied_from_the_context(stages)
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert any(Path(source).match(pattern) for pattern in allowed), source


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_what_runs_has_no_shell_and_no_rights(stages: dict[str, Stage], target: str) -> None:
    parts = lineage(stages, target)
    assert parts[0].base == "scratch"
    said = [instruction for stage in parts for instruction in stage.instructions]
    for keyword, text in said:
        if keyword in {"RUN", "CMD", "ENTRYPOINT"}:
            assert EXEC_FORM.match(text), f"{keyword} {text} would need a shell"
    assert ("USER", "10001:10001") in said
    assert ("STOPSIGNAL", "SIGTERM") in said
    (health,) = (text for keyword, text in said if keyword == "HEALTHCHECK")
    assert json.loads(health.partition("CMD ")[2]) == ["rotulo", "health"]


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_its_environment_is_made_of_settings(stages: dict[str, Stage], target: str) -> None:
    parts = lineage(stages, target)
    given = {key: value for stage in parts for key, value in stage.environment.items()}
    ours = {k.removeprefix(ENV_PREFIX).lower(): v for k, v in given.items() if "ROTULO_" in k}
    settings = Settings(**ours)  # type: ignore[arg-type]  # Settings reads text
    assert settings.provider == target
    assert [text for stage in parts for text in stage.all("EXPOSE")] == [str(settings.port)]


def test_both_targets_install_their_lock_and_nothing_else(stages: dict[str, Stage]) -> None:
    for target in ("cpu", "cuda"):
        steps = " ".join(stages[f"packages-{target}"].all("RUN"))
        assert re.findall(r"-r (\S+)", steps) == [f"/requirements/serve-{target}.txt"]
        assert steps.count("pip ") == steps.count("--no-deps") == 2
        assert steps.count("--require-hashes") == steps.count("--no-index") == 1


@pytest.fixture(scope="module")
def prefix(stages: dict[str, Stage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the service's wheel unpacked, built of what the stage copies."""
    folder = tmp_path_factory.mktemp("image")
    for source in " ".join(c.rpartition(" ")[0] for c in stages["wheel"].all("COPY")).split():
        for path in files(ROOT, source):
            (folder / "source" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / path).symlink_to(ROOT / path)
    command = [
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
        "--no-index", "--wheel-dir", str(folder / "wheels"), str(folder / "source"),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    (wheel,) = (folder / "wheels").glob("rotulo-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "prefix")
    return folder / "prefix"


def test_the_wheel_holds_the_service_whole_and_nothing_else(prefix: Path) -> None:
    tops = {path.name.partition("-")[0] for path in prefix.iterdir()}
    expected = {path for path in files(ROOT, "service") if path.suffix != ".pyc"}
    found = {path.relative_to(prefix) for path in (prefix / "service").rglob("*")}
    assert tops == {"service", "rotulo"}
    assert expected - found == set()


def test_the_service_of_the_wheel_labels_an_image(prefix: Path, tmp_path: Path) -> None:
    photo = tmp_path / "foto.png"
    photo.write_bytes(encode(quarters(64, 48), "PNG"))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ROTULO_")}
    program = (
        "import sys, service; print(service.__file__, file=sys.stderr);"
        "from service.__main__ import main; main()"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program, "label", "--json", photo],
        cwd=tmp_path, env=clean | {"PYTHONPATH": str(prefix)}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert str(prefix) in finished.stderr.splitlines()[0]
    assert len(json.loads(finished.stdout)["items"][0]["labels"]) == 5
