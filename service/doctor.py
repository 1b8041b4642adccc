"""What works on this machine and what is missing, for ``python -m service doctor``."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final

import onnxruntime
from pydantic import BaseModel, ConfigDict

from service.bundles import Bundle, load_bundle
from service.classifier import OnnxClassifier
from service.contract import MANIFEST_FILE
from service.cores import usable_cores
from service.errors import RotuloError, StartupError
from service.loading import choose_bundle, provider_options, trusted_signers
from service.processor import cpu_flags
from service.providers.attempts import OBSTACLES, TITLES
from service.settings import Settings
from service.version import VERSION

_FASTER: Final = ("cuda", "openvino")
"""Providers whose absence leaves the service slower than it could be."""


class _Finding(BaseModel):
    model_config = ConfigDict(frozen=True)


class BundleFinding(_Finding):
    """One bundle on disk: whether it can be served, and why not."""

    folder: str
    name: str = ""
    version: str = ""
    sha256: str = ""
    provider: str = ""
    problem: str = ""


class Diagnosis(_Finding):
    """What works here; ``problems`` stop the service, ``missing`` only leave it slower.

    ``obstacles`` say of each execution provider that cannot work why.
    """

    version: str
    python: str
    onnxruntime: str
    cores: int
    host_cores: int
    inference_threads: int
    decode_threads: int
    cpu_flags: dict[str, bool]
    providers: tuple[str, ...]
    obstacles: dict[str, str]
    bundles: tuple[BundleFinding, ...]
    served: str
    missing: tuple[str, ...]
    problems: tuple[str, ...]


def diagnose(settings: Settings) -> Diagnosis:
    """Try what the service would do at its start, and say how each part went."""
    findings: list[BundleFinding] = []
    sound: list[Bundle] = []
    for manifest in sorted(settings.bundles.glob(f"*/*/{MANIFEST_FILE}")):
        finding, bundle = _try_bundle(manifest.parent, settings)
        findings.append(finding)
        if bundle is not None:
            sound.append(bundle)
    problems = [f"{finding.folder}: {finding.problem}" for finding in findings if finding.problem]
    served = ""
    try:
        chosen = choose_bundle(tuple(sound), settings).manifest
        served = f"{chosen.name}/{chosen.version}"
    except StartupError as error:
        problems.append(str(error))
    obstacles = {name: why for name, look in OBSTACLES.items() if (why := look())}
    return Diagnosis(
        version=VERSION,
        python=platform.python_version(),
        onnxruntime=onnxruntime.__version__,
        cores=usable_cores(),
        host_cores=os.cpu_count() or 1,
        inference_threads=settings.inference_threads or usable_cores(),
        decode_threads=settings.decode_threads or usable_cores(),
        cpu_flags=cpu_flags(),
        providers=("cpu", *(name for name in OBSTACLES if name not in obstacles)),
        obstacles=obstacles,
        bundles=tuple(findings),
        served=served,
        missing=tuple(
            f"{TITLES[name]}: {obstacles[name]}" for name in _FASTER if name in obstacles
        ),
        problems=tuple(problems),
    )


def _try_bundle(folder: Path, settings: Settings) -> tuple[BundleFinding, Bundle | None]:
    """Load one bundle and run it once, as the service would."""
    shown = f"{folder.parent.name}/{folder.name}"
    try:
        bundle = load_bundle(folder, trusted=trusted_signers(settings))
        classifier = OnnxClassifier(
            bundle, provider=settings.provider, options=provider_options(settings)
        )
        classifier.warm_up(1)
    except (StartupError, RotuloError) as error:
        return BundleFinding(folder=shown, problem=str(error)), None
    manifest = bundle.manifest
    finding = BundleFinding(
        folder=shown,
        name=manifest.name,
        version=manifest.version,
        sha256=manifest.model_sha256,
        provider=classifier.provider,
    )
    return finding, bundle
