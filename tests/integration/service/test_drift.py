"""`rotulo drift` on what `rotulo label --json` wrote, as an operator runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.__main__ import cli
from service.contract import Manifest
from service.drift.statistics import Counts, baseline_of
from tests.bundles import write_bundle
from tests.pictures import encode, noise


def rotulo(*arguments: str | Path, bundles: Path) -> Result:
    words = [str(argument) for argument in arguments]
    environment = {"ROTULO_BUNDLES": str(bundles), "COLUMNS": "200"}
    return CliRunner().invoke(cli, words, env=environment)


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundles")
    return tmp_path / "bundles"


@pytest.fixture
def labelled(tmp_path: Path, bundles: Path) -> Path:
    """Return what the command line said of one picture, 600 times over."""
    photo = tmp_path / "foto.png"
    photo.write_bytes(encode(noise(32, 32), "PNG"))
    ran = rotulo("label", photo, "--json", bundles=bundles)
    assert ran.exit_code == 0, ran.stderr
    items = json.loads(ran.stdout)["items"] * 600
    path = tmp_path / "labelled.json"
    path.write_text(json.dumps({"items": items}, indent=1), "utf-8")
    return path


def test_a_log_is_compared_adopted_and_then_stable(bundles: Path, labelled: Path) -> None:
    """No baseline: code 1. One that says otherwise: 3. After --adopt, and signing nothing: 0."""
    without = rotulo("drift", "--log", labelled, bundles=bundles)
    assert without.exit_code == 1
    assert "no tiene línea base" in without.stdout

    folder = bundles / "linear" / "1"
    manifest = Manifest.read(folder / "manifest.json")
    even = Counts(
        labels=dict.fromkeys((label.id for label in manifest.labels), 100.0),
        decisions={"accept": 900, "review": 50, "abstain": 50},
        scores=[0.0] * 11 + [1000.0],
    )
    manifest.model_copy(update={"baseline": baseline_of(even, even.labels, "even")}).write(
        folder / "manifest.json"
    )
    shifted = rotulo("drift", "--log", labelled, "--json", bundles=bundles)
    assert shifted.exit_code == 3, shifted.stderr
    (model,) = json.loads(shifted.stdout)["models"]
    assert (model["model"], model["images"], model["baseline_images"]) == ("linear/1", 600, 1000)
    assert {each["kind"] for each in model["comparisons"] if each["drifted"]} >= {"label"}

    adopted = rotulo("drift", "--log", labelled, "--adopt", folder, bundles=bundles)
    assert adopted.exit_code == 0, adopted.stderr
    stable = rotulo("drift", "--log", labelled, bundles=bundles)
    assert stable.exit_code == 0, stable.stdout + stable.stderr
    assert stable.stdout.count("estable") == 3
    assert "0,000" in stable.stdout


def test_wrong_usage_is_code_2_and_an_unreadable_log_code_1(bundles: Path, tmp_path: Path) -> None:
    neither = rotulo("drift", bundles=bundles)
    missing = rotulo("drift", "--log", tmp_path / "none", bundles=bundles)
    (tmp_path / "other.log").write_text('{"event": "ready"}\n', "utf-8")
    other = rotulo("drift", "--log", tmp_path / "other.log", bundles=bundles)
    nobody = rotulo("drift", "--prometheus", "http://127.0.0.1:9", bundles=bundles)
    assert [each.exit_code for each in (neither, missing, other, nobody)] == [2, 1, 1, 1]
    assert all(each.stderr.startswith("rotulo: ") for each in (neither, missing, other, nobody))
    assert "says nothing of linear/1" in other.stderr
