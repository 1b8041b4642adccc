from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from service.contract import DecodedImage, InputSpec, decode_image
from service.errors import ImageTooLarge, UndecodableImage, UnsupportedImage
from tests.bundles import manifest_of
from tests.pictures import FORMATS, LOSSLESS, encode, encode_turned, noise, png, quarters

MANY = 10**8
TARGET: InputSpec = manifest_of(b"graph").input


def decode(data: bytes, *, max_pixels: int = MANY, target: InputSpec | None = None) -> DecodedImage:
    return decode_image(data, max_pixels=max_pixels, target=target)


def decoded_values(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    decoded = decode(data)
    assert decoded.image.mode == "RGB"
    return np.asarray(decoded.image)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_told_from_its_bytes(name: str) -> None:
    decoded = decode(encode(quarters(), name))
    assert decoded.media_type == f"image/{name.lower()}"
    assert (decoded.width, decoded.height) == decoded.image.size == (32, 16)
    centre = np.asarray(decoded.image)[[4, 4, 12, 12], [8, 24, 8, 24]].astype(int)
    expected = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]])
    assert np.abs(centre - expected).max() < 12


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_lossless_format_keeps_every_value(name: str) -> None:
    picture = noise(9, 7)
    assert np.array_equal(decoded_values(encode(picture, name)), np.asarray(picture))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_becomes_upright(name: str, orientation: int) -> None:
    upright = quarters()
    decoded = decode(encode_turned(upright, name, orientation))
    assert (decoded.width, decoded.height) == decoded.image.size == upright.size
    difference = np.asarray(decoded.image).astype(int) - np.asarray(upright)
    assert np.abs(difference[[4, 4, 12, 12], [8, 24, 8, 24]]).max() < 12


def test_a_turned_photo_that_is_decoded_small_still_reports_its_upright_size() -> None:
    decoded = decode(encode_turned(quarters(1600, 800), "JPEG", 6), target=TARGET)
    assert (decoded.width, decoded.height) == (1600, 800)
    assert decoded.image.size == (200, 100)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((64, 64), (64, 64)),
        ((127, 127), (127, 127)),
        ((128, 128), (64, 64)),
        ((512, 512), (64, 64)),
        ((4000, 3000), (500, 375)),
        ((4000, 100), (4000, 100)),
        ((8, 8), (8, 8)),
    ],
)
def test_a_jpeg_is_decoded_to_no_less_than_twice_the_target(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    decoded = decode(encode(Image.new("RGB", size), "JPEG"), target=TARGET)
    assert decoded.image.size == expected
    assert (decoded.width, decoded.height) == size


def test_a_grey_jpeg_stays_grey_when_decoded_small() -> None:
    decoded = decode(encode(Image.new("L", (600, 600), 77), "JPEG"), target=TARGET)
    assert (np.asarray(decoded.image) == 77).all()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7 some document",
        b"BM, or so a text may begin, and be no picture at all",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 40,
        b"\0\0\0\x18ftypisom\0\0\0\0isommp41" + b"\0" * 40,
        b"\0\0\0\x0aftypmif1",
        encode(quarters(), "ICO"),
        encode(quarters(), "PPM"),
        encode(quarters(), "TGA"),
        encode(quarters(), "JPEG2000"),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_other_bytes_are_of_no_supported_format(data: bytes) -> None:
    with pytest.raises(UnsupportedImage):
        decode(data)


@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_cut_short_is_damaged(name: str) -> None:
    whole = encode(noise(80, 80), name)
    for kept in (len(whole) // 4, len(whole) // 2, len(whole) * 3 // 4):
        with pytest.raises(UndecodableImage) as caught:
            decode(whole[:kept])
        assert f"image/{name.lower()}" in caught.value.detail("en")


@pytest.mark.parametrize("name", FORMATS)
def test_a_signature_followed_by_rubbish_is_damaged(name: str) -> None:
    with pytest.raises(UndecodableImage):
        decode(encode(quarters(), name)[:32] + b"\xa5" * 200)


@pytest.mark.parametrize("name", FORMATS)
def test_too_many_pixels_are_refused_by_the_header(name: str) -> None:
    data = encode(quarters(), name)
    assert decode(data, max_pixels=512).width == 32
    with pytest.raises(ImageTooLarge) as caught:
        decode(data, max_pixels=511)
    assert "511" in caught.value.detail("es")


def test_a_bomb_is_refused_before_its_pixels_exist() -> None:
    bomb = png(30000, 30000, depth=8, colour=2, rows=b"")
    with pytest.raises(ImageTooLarge):
        decode(bomb, max_pixels=50_000_000)


def test_pillow_s_own_limit_holds_where_ours_is_higher() -> None:
    with pytest.raises(ImageTooLarge):
        decode(png(60000, 60000, depth=8, colour=2, rows=b""), max_pixels=10**12)


def test_a_size_that_pillow_would_warn_of_is_judged_by_our_limit_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    data = encode(quarters(), "PNG")
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(data))
    assert decode(data, max_pixels=512).width == 32


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_a_picture_without_pixels_is_damaged(size: tuple[int, int]) -> None:
    with pytest.raises(UndecodableImage):
        decode(png(*size, depth=8, colour=2, rows=b""))
    bitmap = bytearray(encode(quarters(), "BMP"))
    bitmap[18:26] = struct.pack("<ii", *size)
    with pytest.raises(UndecodableImage):
        decode(bytes(bitmap))


@pytest.mark.parametrize("size", [(1, 1), (1, 65500), (65500, 1)])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_extreme_shapes_are_pictures(name: str, size: tuple[int, int]) -> None:
    decoded = decode(encode(Image.new("RGB", size, (200, 200, 200)), name), target=TARGET)
    assert (decoded.width, decoded.height) == size
    assert abs(np.asarray(decoded.image).astype(int) - 200).max() <= 1


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_of_several_frames_the_first_is_taken(name: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    found = decoded_values(encode(frames[0], name, save_all=True, append_images=frames[1:]))
    assert np.abs(found[8, 8].astype(int) - (255, 0, 0)).max() <= 3


def test_a_camera_s_picture_with_a_preview_behind_it_is_a_jpeg() -> None:
    preview = Image.new("RGB", (8, 8), "blue")
    buffer = io.BytesIO()
    Image.new("RGB", (600, 300), "red").save(buffer, "MPO", save_all=True, append_images=[preview])
    decoded = decode(buffer.getvalue(), target=TARGET)
    assert decoded.media_type == "image/jpeg"
    assert (decoded.width, decoded.height) == (600, 300)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0nonsense",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\xff\0\0\0\xf0\0\0\0",
    ],
)
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_is_ignored(exif: bytes, name: str) -> None:
    decoded = decode(encode(quarters(), name, exif=exif))
    assert decoded.image.size == (32, 16)


def test_damaged_exif_of_an_avif_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x010E] = "description"
    whole = encode(quarters(), "AVIF", exif=exif)
    damaged = whole.replace(b"MM\0*", b"oops")
    assert damaged != whole
    assert np.array_equal(decoded_values(damaged), decoded_values(whole))


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    assert decode(encode(quarters(), "JPEG", exif=exif)).image.size == (32, 16)


def test_an_orientation_that_is_not_a_number_is_upright() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x02\0\0\x006\0\0\0\0\0\0\0"
    with Image.open(io.BytesIO(encode(quarters(), "JPEG", exif=exif))) as opened:
        assert opened.getexif()[0x0112] == "6"
    assert decode(encode(quarters(), "JPEG", exif=exif)).image.size == (32, 16)


def test_a_remark_of_pillow_s_on_the_picture_is_no_error() -> None:
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    directory[TiffImagePlugin.X_RESOLUTION] = 1.0
    data = bytearray(encode(quarters(), "TIFF", tiffinfo=directory))
    tags = struct.unpack_from("<I", data, 4)[0]
    for entry in range(struct.unpack_from("<H", data, tags)[0]):
        at = tags + 2 + 12 * entry
        if struct.unpack_from("<H", data, at)[0] == TiffImagePlugin.X_RESOLUTION:
            struct.pack_into("<I", data, at + 8, 2**31)
    with pytest.warns(UserWarning, match="corrupt EXIF|Truncated File"):
        Image.open(io.BytesIO(bytes(data)))
    assert decode(bytes(data)).image.size == (32, 16)
