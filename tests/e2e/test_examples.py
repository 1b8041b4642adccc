"""Each example of the documents does what it says, where its runtime is at hand.

The other site stands for a service that asks for a key: it keeps what it was sent, and refuses the
first call with `Retry-After: 1`, which every program must survive.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drawings import drawing
from tests.e2e.conftest import ROOT, free_port
from tests.site import Site

EXAMPLES = ROOT / "docs" / "examples"
PROBLEM = {"Content-Type": "application/problem+json"}
BUSY = (
    503,
    PROBLEM | {"Retry-After": "1"},
    b'{"type": "urn:rotulo:problem:overloaded", "status": 503, "detail": "Saturado."}',
)
WRONG = (
    415,
    PROBLEM,
    b'{"type": "urn:rotulo:problem:unsupported-image", "status": 415, "detail": "No es."}',
)

Tool = Callable[[str], Path]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "foto.jpg"
    path.write_bytes(drawing("barco"))
    return path


@pytest.fixture
def php(tool: Tool) -> str:
    """Return PHP with the module that the examples need; a missing one skips, and in CI fails."""
    found = str(tool("php"))
    listed = subprocess.run([found, "-m"], capture_output=True, text=True, check=True).stdout
    if "curl" not in listed.split():
        reason = "PHP has no curl: sudo apt-get install php-curl"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def run(
    *command: str | Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def command(tool: Tool, name: str) -> list[str | Path]:
    """Return how an example is started; what it needs is looked up first."""
    match Path(name).suffix:
        case ".sh":
            tool("curl")
            return ["sh", EXAMPLES / name]
        case ".mjs":
            return [tool("node"), EXAMPLES / name]
        case _:
            return [sys.executable, EXAMPLES / name]


PROGRAMS = ["labels.sh", "labels.mjs", "with_httpx.py", "with_client.py"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_comes_back_when_told_and_prints_the_label(
    tool: Tool, site: Site, photo: Path, name: str
) -> None:
    site.refusals.append(BUSY)
    finished = run(*command(tool, name), site.address, photo)
    assert finished.returncode == 0, finished.stderr
    assert len(site.keys) == 1
    (best, *_) = expected_labels(site, photo)
    assert best in finished.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_why_it_was_refused(tool: Tool, site: Site, photo: Path, name: str) -> None:
    site.refusals.append(WRONG)
    finished = run(*command(tool, name), site.address, photo)
    assert "No es." in finished.stdout + finished.stderr
    assert site.keys == []


def expected_labels(site: Site, photo: Path) -> list[str]:
    request = urllib.request.Request(  # noqa: S310  # our own service
        f"{site.service}/v1/labels?lang=es",
        photo.read_bytes(),
        {"Content-Type": "image/jpeg", "Authorization": f"Bearer {site.key}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return [label["name"] for label in json.load(answer)["labels"]]


def test_curl_takes_its_key_from_a_file(
    tool: Tool, site: Site, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(f"Authorization: Bearer {site.key}\n", "utf-8")
    environment = {"ROTULO_KEY_FILE": str(tmp_path / "key")}
    finished = run(*command(tool, "labels.sh"), site.service, photo, environment=environment)
    assert finished.returncode == 0, finished.stderr
    assert expected_labels(site, photo)[0] in finished.stdout


def test_our_own_command_takes_its_key_from_a_file(site: Site, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{site.key}\n", "utf-8")
    words = (sys.executable, "-m", "service", "label", photo, "--url", site.service)
    without = run(*words)
    assert without.returncode == 1
    assert "Envíe una clave válida" in without.stdout
    with_key = run(*words, "--key-file", tmp_path / "key")
    assert with_key.returncode == 0, with_key.stderr
    assert expected_labels(site, photo)[0] in with_key.stdout


def propose(php: str, url: str, key: str, photo: Path, alt: str = "") -> dict[str, str]:
    plugin = EXAMPLES / "wordpress" / "rotulo.php"
    finished = run(php, ROOT / "tests" / "e2e" / "wordpress.php", plugin, url, key, photo, alt)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    meta: dict[str, str] = json.loads(finished.stdout)
    return meta


ALT = "_wp_attachment_image_alt"


def test_wordpress_proposes_the_alternative_text_of_an_upload(
    php: str, site: Site, photo: Path
) -> None:
    meta = propose(php, site.service, site.key, photo)
    assert meta[ALT] == expected_labels(site, photo)[0]
    assert len(meta["_rotulo_result"]) == 32


def test_wordpress_leaves_what_the_editor_wrote(php: str, site: Site, photo: Path) -> None:
    meta = propose(php, site.address, site.key, photo, alt="El muelle de Valdivia")
    assert meta == {ALT: "El muelle de Valdivia"}
    assert site.keys == []


def test_wordpress_goes_on_without_a_label(php: str, site: Site, photo: Path) -> None:
    site.refusals.append(BUSY)
    assert propose(php, site.address, site.key, photo) == {}
    assert propose(php, site.service, "una-clave-vieja", photo) == {}
    assert propose(php, f"http://127.0.0.1:{free_port()}", site.key, photo) == {}


@pytest.fixture
def proxy(php: str, site: Site) -> Iterator[str]:
    """Run the proxy in PHP's own server, with the key in its environment."""
    port = free_port()
    process = subprocess.Popen(
        [php, "-S", f"127.0.0.1:{port}", str(EXAMPLES / "proxy.php")],
        env=os.environ | {"ROTULO_URL": site.service, "ROTULO_KEY": site.key},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "started" in line:
            break
    yield f"http://127.0.0.1:{port}/"
    process.terminate()
    process.communicate()


def post(address: str, body: bytes, **headers: str) -> tuple[int, str, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address, body, {"Content-Type": "image/jpeg"} | named)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


def test_the_proxy_in_php_adds_the_key_and_passes_on_the_answer(
    proxy: str, site: Site, photo: Path
) -> None:
    status, media_type, body = post(f"{proxy}?lang=es&top_k=1", photo.read_bytes())
    assert (status, media_type) == (200, "application/json")
    (label,) = json.loads(body)["labels"]
    assert label["name"] == expected_labels(site, photo)[0]


def test_the_proxy_in_php_refuses_as_the_service_does(proxy: str) -> None:
    status, media_type, body = post(proxy, b"no soy una imagen")
    assert (status, media_type) == (415, "application/problem+json")
    assert json.loads(body)["type"] == "urn:rotulo:problem:unsupported-image"
    status, _, body = post(proxy, b"x", Sec_Fetch_Site="cross-site")
    assert (status, json.loads(body)["type"]) == (403, "urn:rotulo:problem:forbidden")
