from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.contract import (
    Abstention,
    Figure,
    Filter,
    InputSpec,
    Label,
    LocalisedText,
    Manifest,
    Provenance,
    Resize,
    decode_image,
    to_pixels,
)
from tests.pictures import LOSSLESS, encode, encode_turned, noise

IDENTIFIERS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
SENTENCES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
DIGESTS = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
FRACTIONS = st.floats(0, 1)
COUNTS = st.integers(0, 10**9)
SPECS = st.builds(
    InputSpec,
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    resize=st.sampled_from(Resize),
    filter=st.sampled_from(Filter),
)


@st.composite
def abstentions(draw: st.DrawFn) -> Abstention:
    review, accept = sorted([draw(FRACTIONS), draw(FRACTIONS)])
    return Abstention(
        score="max_probability",
        accept=accept,
        review=review,
        coverage=draw(FRACTIONS),
        error=draw(FRACTIONS),
        n=draw(COUNTS),
        split=draw(SENTENCES),
    )


MANIFESTS = st.builds(
    Manifest,
    schema_version=st.just(1),
    name=IDENTIFIERS,
    version=st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,20}", fullmatch=True),
    title=st.builds(LocalisedText, es=SENTENCES, en=SENTENCES),
    labels=st.lists(
        st.builds(Label, id=IDENTIFIERS, es=SENTENCES, en=SENTENCES),
        min_size=2,
        max_size=6,
        unique_by=lambda label: label.id,
    ).map(tuple),
    input=SPECS,
    temperature=st.floats(1e-3, 1e3),
    abstention=abstentions(),
    opset=st.integers(1, 30),
    model_sha256=DIGESTS,
    model_bytes=st.integers(1, 2**40),
    provenance=st.builds(
        Provenance,
        recipe=SENTENCES,
        seed=COUNTS,
        data=SENTENCES,
        data_sha256=DIGESTS,
        commit=SENTENCES,
        created=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis wants naive bounds
        versions=st.dictionaries(IDENTIFIERS, SENTENCES, max_size=4),
        parameters=st.integers(1, 10**9),
        epochs=st.floats(0, 1e4),
    ),
    figures=st.lists(
        st.builds(
            Figure,
            name=SENTENCES,
            value=st.floats(allow_nan=False, allow_infinity=False),
            n=COUNTS,
            split=SENTENCES,
            conditions=SENTENCES,
        ),
        max_size=3,
    ).map(tuple),
)


@settings(deadline=None, max_examples=60)
@given(manifest=MANIFESTS)
def test_every_manifest_survives_its_json_and_is_written_the_same_again(manifest: Manifest) -> None:
    text = manifest.to_json()
    read = Manifest.model_validate_json(text)
    assert read == manifest
    assert read.to_json() == text


@settings(deadline=None, max_examples=60)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    bands=st.sampled_from([1, 3]),
    name=st.sampled_from(LOSSLESS),
    seed=st.integers(0, 1000),
)
def test_any_picture_in_a_lossless_format_keeps_every_value(
    width: int, height: int, bands: int, name: str, seed: int
) -> None:
    picture = noise(width, height, bands=bands, seed=seed)
    decoded = decode_image(encode(picture, name), max_pixels=1600)
    assert np.array_equal(np.asarray(decoded.image), np.asarray(picture.convert("RGB")))


@settings(deadline=None, max_examples=60)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    name=st.sampled_from(["PNG", "TIFF", "WEBP"]),
    orientation=st.integers(1, 8),
)
def test_any_picture_in_any_orientation_comes_out_upright(
    width: int, height: int, name: str, orientation: int
) -> None:
    upright = noise(width, height)
    decoded = decode_image(encode_turned(upright, name, orientation), max_pixels=1600)
    assert (decoded.width, decoded.height) == (width, height)
    assert np.array_equal(np.asarray(decoded.image), np.asarray(upright))


@settings(deadline=None, max_examples=100)
@given(width=st.integers(1, 90), height=st.integers(1, 90), spec=SPECS)
def test_any_picture_becomes_pixels_within_the_values_that_it_had(
    width: int, height: int, spec: InputSpec
) -> None:
    pixels = to_pixels(noise(width, height).point(lambda value: 100 + value // 4), spec)
    assert pixels.shape == (spec.height, spec.width, spec.channels)
    assert pixels.dtype == np.uint8
    if spec.filter not in {Filter.BICUBIC, Filter.LANCZOS}:  # these two overshoot by design
        assert pixels.min() >= 99
        assert pixels.max() <= 164
