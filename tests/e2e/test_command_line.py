"""`label` and `doctor`, as a person or a script runs them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from service.keys import KeyRing
from service.settings import Settings, flag
from tests.bundles import write_bundle
from tests.pictures import encode, quarters

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    write_bundle(folder)
    return folder


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "foto.png"
    path.write_bytes(encode(quarters(64, 48), "PNG"))
    return path


def rotulo(*arguments: str | Path, bundles: Path) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ROTULO_")}
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env=clean | {"ROTULO_BUNDLES": str(bundles), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_a_photo_gets_a_table_in_spanish_with_chilean_numbers(bundles: Path, photo: Path) -> None:
    ran = rotulo("label", photo, bundles=bundles)
    assert ran.returncode == 0
    assert "Etiquetas" in ran.stdout
    assert ",3 %" in ran.stdout or " %" in ran.stdout.replace("\u00a0", " ")
    assert "." not in ran.stdout.split("Etiquetas")[1].replace("foto.png", "")


def test_one_bad_file_is_code_1_and_the_others_are_labelled(bundles: Path, photo: Path) -> None:
    missing = photo.with_name("no-existe.png")
    ran = rotulo("label", photo, missing, "--json", "--top-k", "2", bundles=bundles)
    good, bad = json.loads(ran.stdout)["items"]
    assert ran.returncode == 1
    assert [len(good["labels"]), good["file"]] == [2, str(photo)]
    assert bad["type"] == "urn:rotulo:problem:unreadable-file"


def test_a_service_elsewhere_labels_as_it_would_here(
    bundles: Path, photo: Path, service_address: str
) -> None:
    missing = photo.with_name("no-existe.png")
    here = rotulo("label", photo, missing, "--json", bundles=bundles)
    there = rotulo("label", photo, missing, "--json", "--url", service_address, bundles=bundles)
    assert (here.returncode, there.returncode) == (1, 1)
    ends = [json.loads(ran.stdout)["items"] for ran in (here, there)]
    assert ends[0][0]["labels"] == ends[1][0]["labels"]
    assert ends[0][1] == ends[1][1]


def test_no_service_at_an_address_is_told(bundles: Path, photo: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ran = rotulo("label", photo, "--url", f"http://127.0.0.1:{port}", bundles=bundles)
    assert ran.returncode == 1
    assert "ConnectError" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["label"],
        ["label", "x.png", "--lang", "fr"],
        ["label", "x.png", "--top-k", "99"],
        ["label", "x.png", "--url", "http://127.0.0.1:9", "--provider", "cpu"],
        ["serve", "--port", "puerto"],
        ["serve", "--no-such-flag"],
    ],
)
def test_wrong_usage_is_code_2(bundles: Path, arguments: list[str]) -> None:
    ran = rotulo(*arguments, bundles=bundles)
    assert ran.returncode == 2
    assert ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_doctor_says_what_works(bundles: Path) -> None:
    ran = rotulo("doctor", "--json", bundles=bundles)
    found = json.loads(ran.stdout)
    assert ran.returncode == 0
    assert found["served"] == "linear/1"
    assert found["cores"] >= 1
    assert found["bundles"][0]["provider"] in found["providers"]
    assert "avx2" in found["cpu_flags"]


def test_the_doctor_says_what_is_missing(tmp_path: Path) -> None:
    ran = rotulo("doctor", bundles=tmp_path)
    assert ran.returncode == 1
    assert "Problem" in ran.stdout
    assert str(tmp_path) in ran.stdout.replace("\n", "")


def test_every_setting_has_its_flag(bundles: Path) -> None:
    told = rotulo("serve", "--help", bundles=bundles).stdout
    assert [name for name in Settings.model_fields if flag(name) not in told] == []


def test_importing_the_application_loads_neither_tensorflow_nor_matplotlib() -> None:
    code = (
        "import sys, service.app;"
        "print(sorted({n.split('.')[0] for n in sys.modules} & "
        "{'tensorflow', 'keras', 'matplotlib', 'training', 'export', 'sklearn'}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_a_new_key_is_shown_once_and_its_line_goes_to_the_file(
    bundles: Path, tmp_path: Path
) -> None:
    ran = rotulo("key", "new", "--scopes", "label,feedback", bundles=bundles)
    keys = tmp_path / "keys"
    keys.write_text(ran.stdout, "utf-8")
    found = KeyRing(keys).find(ran.stderr.strip())
    assert ran.returncode == 0
    assert found is not None
    assert found.scopes == {"label", "feedback"}


def test_a_key_for_nothing_is_a_usage_error(bundles: Path) -> None:
    ran = rotulo("key", "new", "--scopes", "everything", bundles=bundles)
    assert ran.returncode == 2
    assert "label, feedback, metrics, admin" in " ".join(ran.stderr.split())
    assert ran.stdout == ""


def test_the_lines_for_another_site_have_the_digest_of_what_is_served(
    bundles: Path, service_address: str
) -> None:
    ran = rotulo(
        "widget", service_address, "--proxy", "/etiquetas", "--lang", "en", bundles=bundles
    )
    assert ran.returncode == 0, ran.stderr
    source, digest = re.findall(r'src="(http[^"]+)" integrity="sha384-([^"]+)"', ran.stdout)[0]
    with urllib.request.urlopen(source, timeout=30) as module:  # noqa: S310  # our own service
        assert base64.b64encode(hashlib.sha384(module.read()).digest()).decode() == digest
    assert '<rotulo-etiquetas src="/etiquetas" name="etiquetas" lang="en">' in ran.stdout
