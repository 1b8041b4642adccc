from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from service.bundles import Bundle, find_bundles, load_bundle
from service.classifier import OnnxClassifier
from service.contract import MANIFEST_FILE, decode_image, to_pixels
from service.errors import BundleError
from service.labelling import Decision, label
from service.settings import SHIPPED_BUNDLES
from tests.bundles import write_bundle

PRECISE_BUNDLES = SHIPPED_BUNDLES.parent / "bundles-precise"
PHOTO_BUNDLES = SHIPPED_BUNDLES.parent / "bundles-fotos"
SMALL_BUNDLES = SHIPPED_BUNDLES.parent / "bundles-int8"


def test_a_whole_bundle_is_loaded(tmp_path: Path) -> None:
    written = write_bundle(tmp_path, name="pets", version="2")
    bundle = load_bundle(tmp_path / "pets" / "2")
    assert bundle == written
    assert bundle.manifest.name == "pets"
    assert bundle.model_path.read_bytes()[:1] == b"\x08"
    with pytest.raises(dataclasses.FrozenInstanceError):
        bundle.path = tmp_path  # type: ignore[misc]


def test_a_model_with_one_other_byte_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path)
    graph = bytearray(bundle.model_path.read_bytes())
    graph[-1] ^= 1
    bundle.model_path.write_bytes(graph)
    with pytest.raises(BundleError, match=r"model\.onnx was altered") as caught:
        load_bundle(bundle.path)
    assert str(bundle.model_path) in str(caught.value)


def test_a_model_cut_short_is_refused_by_its_size(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path)
    bundle.model_path.write_bytes(bundle.model_path.read_bytes()[:-1])
    with pytest.raises(BundleError, match=f"where its manifest says {bundle.manifest.model_bytes}"):
        load_bundle(bundle.path)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    bundle = write_bundle(tmp_path)
    (bundle.path / name).unlink()
    with pytest.raises(BundleError, match="No such file") as caught:
        load_bundle(bundle.path)
    assert str(bundle.path / name) in str(caught.value)


def test_a_manifest_that_is_not_json_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path)
    (bundle.path / MANIFEST_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(BundleError, match=r"is not a manifest .* the file: Invalid JSON"):
        load_bundle(bundle.path)


def test_a_wrong_manifest_names_the_first_field_and_how_many_there_are(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path)
    path = bundle.path / MANIFEST_FILE
    document = json.loads(path.read_text(encoding="utf-8"))
    document["input"]["height"] = -3
    document["opset"] = "latest"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(BundleError, match=r"input\.height: .* \(2 in all\)"):
        load_bundle(bundle.path)


@pytest.mark.parametrize("moved", ["other/1", "linear/2"])
def test_a_bundle_in_another_s_place_is_refused(tmp_path: Path, moved: str) -> None:
    bundle = write_bundle(tmp_path)
    (tmp_path / moved).parent.mkdir(exist_ok=True)
    bundle.path.rename(tmp_path / moved)
    with pytest.raises(BundleError, match="describes linear/1"):
        load_bundle(tmp_path / moved)


def test_bundles_are_found_by_name_with_the_newest_version_last(tmp_path: Path) -> None:
    for name, version in [
        ("b", "1"),
        ("a", "10"),
        ("a", "9"),
        ("a", "1.10"),
        ("a", "1.9"),
        ("a", "1"),
    ]:
        write_bundle(tmp_path, name=name, version=version, classes=2, height=1, width=1)
    found = [(b.manifest.name, b.manifest.version) for b in find_bundles(tmp_path)]
    assert found == [("a", "1"), ("a", "1.9"), ("a", "1.10"), ("a", "9"), ("a", "10"), ("b", "1")]


def test_a_version_may_have_letters(tmp_path: Path) -> None:
    for version in ("2", "2rc1", "v1", "1"):
        write_bundle(tmp_path, version=version, classes=2, height=1, width=1)
    assert [b.manifest.version for b in find_bundles(tmp_path)] == ["v1", "1", "2", "2rc1"]


def test_what_export_is_still_building_is_passed_over(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    half = tmp_path / "linear" / ".2.partial"
    half.mkdir()
    (half / MANIFEST_FILE).write_text("{", encoding="utf-8")
    (tmp_path / "README.md").write_text("no bundle", encoding="utf-8")
    assert [bundle.path.name for bundle in find_bundles(tmp_path)] == ["1"]


def test_an_empty_folder_has_no_bundles(tmp_path: Path) -> None:
    assert find_bundles(tmp_path) == ()


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere is not a folder"):
        find_bundles(tmp_path / "nowhere")


def test_one_broken_bundle_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    write_bundle(tmp_path, version="2").model_path.unlink()
    with pytest.raises(BundleError, match=r"linear/2/model\.onnx"):
        find_bundles(tmp_path)


def shipped(folder: Path, name: str, *, most_bytes: int) -> Bundle:
    """Return the only bundle of the folder, after a look at its name and size."""
    (bundle,) = find_bundles(folder)
    assert bundle.manifest.name == name
    assert bundle.manifest.model_bytes <= most_bytes
    return bundle


def figure_of(bundle: Bundle, name: str, split: str, n: int) -> float:
    """Return what the manifest says was measured."""
    (figure,) = (
        figure
        for figure in bundle.manifest.figures
        if (figure.name, figure.split, figure.n) == (name, split, n)
    )
    return figure.value


@pytest.mark.parametrize(
    ("folder", "name", "least"),
    [
        (SHIPPED_BUNDLES, "cifar10", 0.955),
        (PRECISE_BUNDLES, "cifar10-precise", 0.96),
        (SMALL_BUNDLES, "cifar10-int8", 0.955),
    ],
)
def test_what_ships_is_as_small_and_as_right_as_promised(
    root: Path, folder: Path, name: str, least: float
) -> None:
    bundle = shipped(folder, name, most_bytes=16_000_000)
    assert figure_of(bundle, "accuracy", "test", 10_000) >= least
    spec = bundle.manifest.input
    drawing = (root / "service/static/example-ship.webp").read_bytes()
    decoded = decode_image(drawing, max_pixels=10**7, target=spec)
    classifier = OnnxClassifier(bundle, provider="cpu")
    (evidence,) = classifier.run(to_pixels(decoded.image, spec)[None])
    said = label(evidence, bundle.manifest)
    assert bundle.manifest.labels[said.best].en == "ship"
    # Though it is a drawing, and drawings are among the other things that the networks were shown.
    assert said.decision is Decision.ACCEPT


def test_the_model_in_8_bits_is_the_one_that_ships_and_costs_little_accuracy() -> None:
    small = shipped(SMALL_BUNDLES, "cifar10-int8", most_bytes=6_000_000)
    whole = shipped(SHIPPED_BUNDLES, "cifar10", most_bytes=16_000_000)
    assert small.manifest.version == whole.manifest.version
    assert small.manifest.provenance.data_sha256 == whole.manifest.provenance.data_sha256
    before, after = (
        figure_of(small, name, "validation", 5_000) for name in ("accuracy_float32", "accuracy")
    )
    assert before - after <= 0.002
    fall = figure_of(whole, "accuracy", "test", 10_000) - figure_of(
        small, "accuracy", "test", 10_000
    )
    assert fall <= 0.002


@pytest.mark.shared
def test_the_model_for_photos_is_right_on_photos(shared_data: Path) -> None:
    """And says so of itself; of those that it accepts none is wrong."""
    bundle = shipped(PHOTO_BUNDLES, "fotos", most_bytes=20_000_000)
    assert figure_of(bundle, "accuracy", "test", 10_000) >= 0.97
    classifier, spec = OnnxClassifier(bundle, provider="cpu"), bundle.manifest.input
    right = []
    for photo in sorted((shared_data / "photos").glob("*/*")):
        decoded = decode_image(photo.read_bytes(), max_pixels=10**8, target=spec)
        (evidence,) = classifier.run(to_pixels(decoded.image, spec)[None])
        said = label(evidence, bundle.manifest)
        right.append(bundle.manifest.labels[said.best].en == photo.parent.name)
        assert right[-1] or said.decision is not Decision.ACCEPT, photo
    assert np.mean(right) >= 0.95
    assert np.mean(right) == pytest.approx(
        figure_of(bundle, "accuracy", "photos", len(right)), abs=0.012
    )
