"""The bill of materials names what is in the image, and is valid CycloneDX."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from service.settings import SHIPPED_BUNDLES

CONTROL = """\
Package: libssl3
Status: install ok installed
Architecture: amd64
Version: 3.0.17-1~deb12u2
Description: Secure Sockets Layer toolkit
 with a second line: and a colon
"""


@pytest.fixture(scope="module")
def bill(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run what the Dockerfile runs, on an environment that holds one package of ours."""
    folder = tmp_path_factory.mktemp("bill")
    venv.create(folder / "small")
    (packages,) = (folder / "small").glob("lib/*/site-packages")
    (metadata,) = Path(onnxruntime.__file__).parents[1].glob("onnxruntime-*.dist-info")
    shutil.copytree(metadata, packages / metadata.name)
    (folder / "packages").mkdir()
    (folder / "packages" / "libssl3").write_text(CONTROL, "utf-8")
    tool = Path(sys.executable).with_name("cyclonedx-py")
    subprocess.run(
        [tool, "environment", "--pyproject", root / "pyproject.toml", "--spec-version", "1.6",
         "--output-reproducible", "--output-file", folder / "wheels.json",
         folder / "small/bin/python"],
        check=True,
    )  # fmt: skip
    finished = subprocess.run(
        [sys.executable, "-I", root / "deploy" / "sbom.py", folder / "wheels.json",
         "--packages", folder / "packages", "--bundles", SHIPPED_BUNDLES],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    written: dict[str, Any] = json.loads(finished.stdout)
    return written


def test_it_is_valid_cyclonedx(bill: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None


def test_it_holds_wheels_debian_s_packages_and_models(bill: dict[str, Any]) -> None:
    found = {component["name"]: component for component in bill["components"]}
    manifest = json.loads((SHIPPED_BUNDLES / "cifar10/5/manifest.json").read_text("utf-8"))
    assert bill["metadata"]["component"]["name"] == "rotulo"
    assert found["onnxruntime"]["purl"].startswith("pkg:pypi/onnxruntime@")
    assert found["libssl3"]["purl"] == "pkg:deb/debian/libssl3@3.0.17-1~deb12u2?arch=amd64"
    assert found["cifar10"]["type"] == "machine-learning-model"
    assert found["cifar10"]["hashes"][0]["content"] == manifest["model_sha256"]


def test_every_component_has_its_place_among_the_dependencies(bill: dict[str, Any]) -> None:
    components = {component["bom-ref"] for component in bill["components"]}
    assert components <= {dependency["ref"] for dependency in bill["dependencies"]}
