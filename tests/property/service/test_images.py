"""Whatever bytes arrive, a picture comes out or one of three errors does."""

from __future__ import annotations

import functools

from hypothesis import given, settings
from hypothesis import strategies as st

from service.contract import decode_image
from service.errors import ImageTooLarge, UndecodableImage, UnsupportedImage
from tests.bundles import manifest_of
from tests.pictures import FORMATS, encode, encode_turned, noise

TARGET = manifest_of(b"graph").input


@functools.cache
def whole(name: str) -> bytes:
    if name in {"GIF", "BMP"}:
        return encode(noise(24, 16), name)
    return encode_turned(noise(24, 16), name, 6)


def decode_or_refuse(data: bytes) -> None:
    try:
        decoded = decode_image(data, max_pixels=10_000, target=TARGET)
    except (ImageTooLarge, UndecodableImage, UnsupportedImage):
        return
    assert decoded.image.mode == "RGB"
    assert 0 < decoded.width * decoded.height <= 10_000


@settings(deadline=None, max_examples=300)
@given(
    name=st.sampled_from(FORMATS),
    damage=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6
    ),
    kept=st.floats(0.1, 1),
)
def test_damaged_pictures_are_pictures_or_refusals(
    name: str, damage: list[tuple[float, int]], kept: float
) -> None:
    data = bytearray(whole(name))
    for where, value in damage:
        data[int(where * len(data))] = value
    decode_or_refuse(bytes(data[: int(len(data) * kept)]))


@settings(deadline=None, max_examples=100)
@given(
    head=st.sampled_from([b"", *(whole(name)[:32] for name in FORMATS)]),
    tail=st.binary(max_size=99),
)
def test_rubbish_behind_any_signature_is_refused_in_order(head: bytes, tail: bytes) -> None:
    decode_or_refuse(head + tail)
