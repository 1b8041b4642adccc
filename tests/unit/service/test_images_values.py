"""Whatever a file holds, grey, ink, depth or transparency, becomes upright 8-bit RGB."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.contract import decode_image
from tests.pictures import encode, png, png_chunk, quarters


def decoded_values(data: bytes) -> NDArray[np.uint8]:
    decoded = decode_image(data, max_pixels=10**6)
    assert decoded.image.mode == "RGB"
    return np.asarray(decoded.image)


@pytest.mark.parametrize("name", ["PNG", "TIFF", "WEBP"])
def test_transparency_lies_over_white(name: str) -> None:
    values = np.zeros((2, 2, 4), np.uint8)
    values[0, 0] = (255, 0, 0, 255)
    values[0, 1] = (255, 0, 0, 0)
    values[1, 0] = (0, 0, 0, 128)
    found = decoded_values(encode(Image.fromarray(values), name))
    assert found[0].tolist() == [[255, 0, 0], [255, 255, 255]]
    assert abs(int(found[1, 0, 0]) - 127) <= 1


def test_transparent_avif_lies_over_white() -> None:
    found = decoded_values(encode(Image.new("RGBA", (16, 16), (0, 0, 0, 0)), "AVIF"))
    assert found.min() > 250


def test_grey_with_alpha_lies_over_white() -> None:
    assert decoded_values(encode(Image.new("LA", (2, 2), (0, 0)), "PNG")).min() == 255


def test_a_palette_s_transparent_colour_is_white() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    for name in ("GIF", "PNG"):
        data = encode(picture, name, transparency=1)
        assert decoded_values(data).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_a_palette_with_several_alphas_lies_over_white() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    found = decoded_values(encode(picture, "PNG", transparency=bytes([255, 0])))
    assert found.tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_a_transparent_colour_of_a_true_colour_png_is_white() -> None:
    data = png(
        2,
        1,
        depth=8,
        colour=2,
        rows=b"\0\x0a\x14\x1e\1\2\3",
        extra=png_chunk(b"tRNS", struct.pack(">HHH", 10, 20, 30)),
    )
    assert decoded_values(data).tolist() == [[[255, 255, 255], [1, 2, 3]]]


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    rows = b"\0" + struct.pack(">4H", 0, 257, 0x8000, 65535)
    assert decoded_values(png(4, 1, depth=16, colour=0, rows=rows))[0, :, 0].tolist() == [
        0,
        1,
        128,
        255,
    ]


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_sixteen_bit_tiff_is_scaled_in_either_byte_order(dtype: str) -> None:
    values = np.array([[0, 257, 0x8000, 65535]], dtype=dtype)
    assert decoded_values(encode(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [
        0,
        1,
        128,
        255,
    ]


def test_sixteen_bit_colour_is_scaled() -> None:
    rows = b"\0" + struct.pack(">6H", 0, 0x80FF, 65535, 65535, 0, 0x40FF)
    assert decoded_values(png(2, 1, depth=16, colour=2, rows=rows)).tolist() == [
        [[0, 128, 255], [255, 0, 64]]
    ]


def test_floats_between_zero_and_one_are_shares_of_white() -> None:
    values = np.array([[0.0, 0.5, 1.0]], dtype=np.float32)
    assert decoded_values(encode(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [
        0,
        128,
        255,
    ]


def test_other_floats_run_from_their_darkest_to_their_brightest() -> None:
    values = np.array([[100.0, 150.0, 200.0, np.nan, np.inf]], dtype=np.float32)
    found = decoded_values(encode(Image.fromarray(values), "TIFF"))[0, :, 0]
    assert found.tolist() == [0, 128, 255, 0, 0]


def test_floats_without_a_single_number_are_black() -> None:
    values = np.full((2, 2), np.nan, dtype=np.float32)
    assert (decoded_values(encode(Image.fromarray(values), "TIFF")) == 0).all()


def test_whole_numbers_of_32_bits_run_from_their_darkest_to_their_brightest() -> None:
    values = np.array([[1000, 2000, 3000]], dtype=np.int32)
    assert decoded_values(encode(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [
        0,
        128,
        255,
    ]


def test_deep_values_that_are_all_equal_are_clipped_to_a_byte() -> None:
    values = np.full((2, 2), 70_000, dtype=np.int32)
    assert (decoded_values(encode(Image.fromarray(values), "TIFF")) == 255).all()


def test_one_bit_is_black_and_white() -> None:
    picture = Image.new("1", (2, 1))
    picture.putpixel((1, 0), 1)
    for name in ("PNG", "TIFF", "BMP"):
        assert decoded_values(encode(picture, name))[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk_is_ink_and_not_light(name: str) -> None:
    inks = {(0, 0, 0, 0): (255, 255, 255), (0, 255, 255, 0): (255, 0, 0), (0, 0, 0, 255): (0, 0, 0)}
    for ink, light in inks.items():
        found = decoded_values(encode(Image.new("CMYK", (16, 16), ink), name))
        assert np.abs(found[8, 8].astype(int) - light).max() <= 2


def test_ycbcr_in_tiff_is_colour() -> None:
    data = encode(quarters().convert("YCbCr"), "TIFF")
    assert np.abs(decoded_values(data)[4, 8].astype(int) - (255, 0, 0)).max() <= 2
