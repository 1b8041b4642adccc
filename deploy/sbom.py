"""Complete a bill of materials: to the wheels it adds Debian's packages and the models.

    python3 sbom.py wheels.cdx.json --packages FOLDER --bundles FOLDER > rotulo.cdx.json

Reads what `cyclonedx-py environment` wrote (CycloneDX 1.6, JSON), one file of Debian's control
fields a package, and the manifests of the bundles. The Dockerfile runs it with nothing installed,
so it needs the standard library alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from email.parser import Parser
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]


def debian_components(folder: Path) -> list[Component]:
    """Return a component for each file of control fields in a folder, by name."""
    packages = [Parser().parsestr(path.read_text("utf-8")) for path in sorted(folder.iterdir())]
    return [
        _debian_component(fields["Package"], fields["Version"], fields["Architecture"])
        for fields in packages
    ]


def _debian_component(name: str, version: str, architecture: str) -> Component:
    purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={architecture}"
    return {
        "bom-ref": purl,
        "type": "library",
        "name": name,
        "version": version,
        "purl": purl,
    }


def model_components(folder: Path) -> list[Component]:
    """Return a component for each bundle ``NAME/VERSION`` in a folder, with its graph's digest."""
    manifests = [
        json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*/*/manifest.json"))
    ]
    return [
        {
            "bom-ref": f"model:{manifest['name']}/{manifest['version']}",
            "type": "machine-learning-model",
            "name": manifest["name"],
            "version": manifest["version"],
            "description": manifest["title"]["en"],
            "hashes": [{"alg": "SHA-256", "content": manifest["model_sha256"]}],
        }
        for manifest in manifests
    ]


def completed(bill: dict[str, Any], added: Sequence[Component]) -> dict[str, Any]:
    """Return a bill with more components, each of which stands on nothing that the bill knows."""
    nothing_below = [{"ref": component["bom-ref"]} for component in added]
    return {
        **bill,
        "components": [*bill.get("components", []), *added],
        "dependencies": [*bill.get("dependencies", []), *nothing_below],
    }


def main() -> None:
    """Write the completed bill to the standard output."""
    parser = argparse.ArgumentParser(description="Complete a bill of materials.")
    parser.add_argument("bill", type=Path)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--bundles", type=Path, required=True)
    given = parser.parse_args()
    added = [*debian_components(given.packages), *model_components(given.bundles)]
    bill = completed(json.loads(given.bill.read_text("utf-8")), added)
    json.dump(bill, sys.stdout, ensure_ascii=False, indent=2)


if __name__ == "__main__":
    main()
