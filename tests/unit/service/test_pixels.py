from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from service.contract import Filter, InputSpec, Resize, placement, to_pixels


def spec(
    resize: Resize = Resize.STRETCH,
    *,
    height: int = 4,
    width: int = 4,
    channels: int = 3,
    resampling: Filter = Filter.BOX,
) -> InputSpec:
    return InputSpec.model_validate(
        {
            "height": height,
            "width": width,
            "channels": channels,
            "resize": resize,
            "filter": resampling,
        }
    )


def three_bands() -> Image.Image:
    """Return 12 x 4 pixels: red, green and blue squares beside each other."""
    values = np.zeros((4, 12, 3), np.uint8)
    for band in range(3):
        values[:, band * 4 : band * 4 + 4, band] = 255
    return Image.fromarray(values)


@pytest.mark.parametrize("resize", Resize)
@pytest.mark.parametrize("resampling", Filter)
def test_a_picture_of_the_right_size_keeps_every_value(resize: Resize, resampling: Filter) -> None:
    values = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    pixels = to_pixels(
        Image.fromarray(values), spec(resize, height=5, width=7, resampling=resampling)
    )
    assert np.array_equal(pixels, values)


def test_stretch_shows_everything_and_ignores_proportions() -> None:
    pixels = to_pixels(three_bands(), spec(height=4, width=3))
    assert pixels[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_centre_crop_takes_the_middle() -> None:
    pixels = to_pixels(three_bands(), spec(Resize.CENTRE_CROP))
    assert (pixels == (0, 255, 0)).all()


def test_centre_crop_of_a_tall_picture_takes_the_middle() -> None:
    pixels = to_pixels(three_bands().transpose(Image.Transpose.ROTATE_90), spec(Resize.CENTRE_CROP))
    assert (pixels == (0, 255, 0)).all()


def test_pad_shows_everything_between_the_mean_colour_of_the_border() -> None:
    picture = Image.new("RGB", (8, 4), (10, 20, 30))
    pixels = to_pixels(picture, spec(Resize.PAD, height=8, width=8))
    assert (pixels == (10, 20, 30)).all()
    pixels = to_pixels(three_bands(), spec(Resize.PAD, height=12, width=12))
    assert np.array_equal(pixels[4:8], np.asarray(three_bands()))
    # Of 32 border values each colour has eight above and below, and the outer ones a side of four.
    red = round(255 * 12 / 32)
    green = round(255 * 8 / 32)
    assert (pixels[:4] == (red, green, red)).all()
    assert (pixels[8:] == (red, green, red)).all()


@pytest.mark.parametrize("resize", Resize)
@pytest.mark.parametrize("size", [(1, 1), (1, 65535), (65535, 1), (3, 1000), (33, 31)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_shape_becomes_the_model_s(
    resize: Resize, size: tuple[int, int], channels: int
) -> None:
    pixels = to_pixels(
        Image.new("RGB", size, (90, 90, 90)), spec(resize, height=5, width=8, channels=channels)
    )
    assert pixels.shape == (5, 8, channels)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert (pixels == 90).all()


def test_one_channel_is_luma() -> None:
    pixels = to_pixels(Image.new("RGB", (4, 4), (255, 0, 0)), spec(channels=1))
    assert (pixels == 76).all()  # ITU-R BT.601: 0.299 of 255


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grey_picture_keeps_every_value(channels: int) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels = to_pixels(Image.fromarray(values), spec(height=16, width=16, channels=channels))
    assert (pixels == values[..., np.newaxis]).all()


def test_other_modes_are_taken_as_colour() -> None:
    pixels = to_pixels(Image.new("CMYK", (4, 4), (0, 0, 0, 255)), spec())
    assert (pixels == 0).all()


@pytest.mark.parametrize("resize", [Resize.STRETCH, Resize.CENTRE_CROP])
def test_shrinking_in_two_steps_stays_close_to_one_exact_step(resize: Resize) -> None:
    ramp = np.linspace(0, 255, 1000)
    values = np.stack([np.tile(ramp, (1000, 1))] * 3, axis=-1).round().astype(np.uint8)
    picture = Image.fromarray(values)
    exact = np.asarray(picture.resize((32, 32), Image.Resampling.BILINEAR)).astype(int)
    pixels = to_pixels(picture, spec(resize, height=32, width=32, resampling=Filter.BILINEAR))
    assert np.abs(pixels.astype(int) - exact).max() <= 1


@pytest.mark.parametrize(
    ("resize", "size", "box"),
    [
        (Resize.STRETCH, (12, 4), (0, 0, 4, 4)),
        (Resize.CENTRE_CROP, (12, 4), (-4, 0, 8, 4)),
        (Resize.CENTRE_CROP, (8, 32), (0, -6, 4, 10)),
        (Resize.PAD, (8, 4), (0, 1, 4, 3)),
        (Resize.PAD, (4, 4), (0, 0, 4, 4)),
    ],
)
def test_a_whole_picture_lies_where_its_placement_says(
    resize: Resize, size: tuple[int, int], box: tuple[float, ...]
) -> None:
    assert placement(size, spec(resize)) == pytest.approx(box)


def test_the_middle_third_is_what_a_crop_of_three_bands_keeps() -> None:
    left, _, right, _ = placement((12, 4), spec(Resize.CENTRE_CROP))
    third = (right - left) / 3
    assert (left + third, left + 2 * third) == pytest.approx((0, 4))
    kept = to_pixels(three_bands(), spec(Resize.CENTRE_CROP))
    assert kept.reshape(-1, 3).any(axis=0).tolist() == [False, True, False]
