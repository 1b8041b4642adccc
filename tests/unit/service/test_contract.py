from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service.contract import Familiarity, Manifest
from tests.bundles import knowing, manifest_of


def as_json(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(manifest_of(b"graph").to_json())
    for path, value in changes.items():
        *parents, last = path.split("__")
        part = document
        for name in parents:
            part = part[name]
        part[last] = value
    return document


def test_a_manifest_reads_what_it_wrote(tmp_path: Path) -> None:
    manifest = manifest_of(b"graph")
    manifest.write(tmp_path / "manifest.json")
    assert Manifest.read(tmp_path / "manifest.json") == manifest


def test_equal_manifests_are_equal_bytes_in_whatever_order_their_versions_came(
    tmp_path: Path,
) -> None:
    forwards = Manifest.model_validate(as_json(provenance__versions={"a": "1", "b": "2"}))
    backwards = Manifest.model_validate(as_json(provenance__versions={"b": "2", "a": "1"}))
    forwards.write(tmp_path / "one")
    backwards.write(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_manifest_keeps_spanish_readable_and_ends_with_one_newline() -> None:
    text = manifest_of(b"graph").to_json()
    assert '"es": "avión"' in text
    assert text.endswith("}\n")


def baseline(**changes: Any) -> dict[str, Any]:
    labels = {label.id: 0 for label in manifest_of(b"graph").labels}
    counts = {
        "n": 5,
        "labels": {**labels, "cat": 5},
        "decisions": {"accept": 3, "review": 2, "abstain": 0},
        "scores": [*[0] * 11, 5],
        "split": "validation",
    }
    return counts | changes


def test_a_baseline_is_read_and_a_manifest_without_one_has_none() -> None:
    assert Manifest.model_validate(as_json()).baseline is None
    read = Manifest.model_validate(as_json(baseline=baseline())).baseline
    assert read is not None
    assert read.labels["cat"] == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 6},
        {"labels": {"cat": 5}},
        {"decisions": {"accept": 5}},
        {"decisions": {"accept": 5, "review": 1, "abstain": 0}},
        {"scores": [5]},
        {"scores": [*[0] * 11, 4]},
    ],
)
def test_a_baseline_counts_every_image_once_in_each_part(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="baseline"):
        Manifest.model_validate(as_json(baseline=baseline(**changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"surprise": 1},
        {"schema_version": 2},
        {"name": "../escape"},
        {"name": "Upper"},
        {"version": ".hidden"},
        {"version": "1/2"},
        {"title": {"es": "", "en": "x"}},
        {"labels": [{"id": "one", "es": "uno", "en": "one"}]},
        {"labels": [{"id": "one", "es": "uno", "en": "one"}] * 2},
        {"labels": [{"id": "a b", "es": "a", "en": "a"}, {"id": "c", "es": "c", "en": "c"}]},
        {"input__height": 0},
        {"input__width": 100_000},
        {"input__channels": 4},
        {"input__resize": "squeeze"},
        {"input__filter": "magic"},
        {"temperature": 0},
        {"temperature": "Infinity"},
        {"abstention__score": "energy"},
        {"abstention__accept": 1.5},
        {"abstention__review": 0.9},
        {"abstention__coverage": -0.1},
        {"abstention__n": -1},
        {"opset": 0},
        {"model_sha256": "F" * 64},
        {"model_sha256": "0" * 63},
        {"model_bytes": 0},
        {"provenance__created": "2026-11-21T12:00:00"},
        {"provenance__data_sha256": "none"},
        {"provenance__seed": -1},
        {"provenance__parameters": 0},
        {"figures": [{"name": "accuracy", "value": 0.9, "n": 10, "split": "test"}]},
    ],
    ids=str,
)
def test_what_is_not_a_manifest_is_refused(changes: dict[str, Any]) -> None:
    Manifest.model_validate(as_json())
    with pytest.raises(ValidationError):
        Manifest.model_validate(as_json(**changes))


def test_a_refusal_names_the_labels_that_are_repeated() -> None:
    twins = [{"id": "dog", "es": "perro", "en": "dog"}] * 2
    with pytest.raises(ValidationError, match="repeated: dog"):
        Manifest.model_validate(as_json(labels=twins))


def test_a_manifest_cannot_be_changed() -> None:
    manifest = manifest_of(b"graph")
    with pytest.raises(ValidationError, match="frozen"):
        manifest.temperature = 2.0  # type: ignore[misc]


def test_the_contract_loads_no_web_framework_no_runtime_and_no_trainer(root: Path) -> None:
    program = (
        "import sys, service.contract; "
        "print([name for name in ('fastapi', 'onnxruntime', 'tensorflow', 'onnx') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("half", [{"others": 3}, {"others_accepted": 0.1}])
def test_what_a_method_was_shown_is_told_with_how_it_judges_such(half: dict[str, float]) -> None:
    known = knowing(manifest_of(b"graph"), accept=1.0, review=0.0)
    familiarity = known.abstention.familiarity
    assert familiarity is not None
    with pytest.raises(ValidationError, match="given together"):
        Familiarity.model_validate(familiarity.model_dump() | half)
