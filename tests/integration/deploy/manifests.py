"""The manifests as Kustomize renders them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("overlays/cpu", "overlays/gpu", "overlays/dev", "kserve")

Manifest = dict[str, Any]


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """Return every object of an overlay, by the `kubectl kustomize` that an operator runs."""
    kubectl = Path(sys.executable).with_name("kubectl")
    finished = subprocess.run(
        [kubectl, "kustomize", KUBERNETES / overlay], check=True, capture_output=True, text=True
    )
    assert finished.stderr == "", finished.stderr  # what it deprecates
    return tuple(yaml.safe_load_all(finished.stdout))


def one(overlay: str, kind: str) -> Manifest:
    """Return the only object of a kind in an overlay."""
    (found,) = (manifest for manifest in rendered(overlay) if manifest["kind"] == kind)
    return found


def containers(overlay: str) -> Iterator[tuple[Manifest, Manifest]]:
    """Give the spec of each pod in an overlay with each of its containers."""
    for manifest in rendered(overlay):
        if manifest["kind"] == "Deployment":
            pod = manifest["spec"]["template"]["spec"]
        elif manifest["kind"] == "ServingRuntime":
            pod = manifest["spec"]
        else:
            continue
        for container in pod["containers"]:
            yield pod, container


def environment(overlay: str) -> dict[str, str]:
    """Return the variables that the service gets in an overlay, a Secret's excepted."""
    found: dict[str, str] = {}
    for manifest in rendered(overlay):
        if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"].startswith("rotulo-"):
            found |= manifest["data"]
    for _, container in containers(overlay):
        found |= {entry["name"]: entry["value"] for entry in container.get("env", ())}
    return found


def walk(node: object) -> Iterator[Manifest]:
    """Give every mapping within an object."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)
