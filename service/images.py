"""From bytes that a stranger sent to one upright RGB picture.

The container is told from the bytes alone, only seven formats are ever opened, and the pixel count
that the header promises is checked before anything is decoded.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from service.errors import ImageTooLarge, UndecodableImage, UnsupportedImage

if TYPE_CHECKING:
    from service.manifest import InputSpec

_PLUGINS: Final = {
    plugin.format: plugin
    for plugin in (
        AvifImagePlugin.AvifImageFile,
        BmpImagePlugin.BmpImageFile,
        GifImagePlugin.GifImageFile,
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        TiffImagePlugin.TiffImageFile,
        WebPImagePlugin.WebPImageFile,
    )
}
"""Imported here by name, or Pillow would load every plugin that it has on the first request."""

MEDIA_TYPES: Final = {name: f"image/{name.lower()}" for name in _PLUGINS}
"""Pillow's name of each format that we take, with its media type."""

# Requests already run in parallel; a decoder that starts a thread per core of its own would make
# them wait for each other.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

_BMP_HEADER_BYTES: Final = frozenset({12, 40, 52, 56, 64, 108, 124})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_EXIF_ITEM: Final = re.compile(rb"(infe\x02.{7})Exif", re.DOTALL)
"""Where an AVIF says that one of its items is EXIF (ISO 14496-12, 8.11.6)."""
_SIGNATURES: Final = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}

_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each value of EXIF's Orientation (TIFF 6.0, tag 274)."""
_LYING: Final = frozenset({5, 6, 7, 8})


class DecodedImage(NamedTuple):
    """An upright RGB picture; width and height are the original's, in pixels, as a person sees it.

    ``image`` may be smaller than the original when a target was given to ``decode_image``.
    """

    image: Image.Image
    width: int
    height: int
    media_type: str


def decode_image(data: bytes, *, max_pixels: int, target: InputSpec | None = None) -> DecodedImage:
    """Return the first frame of an image, upright, in RGB, with transparency over white.

    Sixteen-bit and floating-point values are scaled to 0-255. With a ``target``, a JPEG is decoded
    at the smallest of libjpeg's scales that still has twice the target's size.

    Raises:
        UnsupportedImage: the bytes are of no format that we take.
        ImageTooLarge: the header promises more than ``max_pixels`` (or than Pillow's own limit of
            179 million); nothing was decoded.
        UndecodableImage: the format is known, the bytes are damaged, cut short or without pixels.
    """
    name = _sniff(data)
    if name is None:
        raise UnsupportedImage
    media_type = MEDIA_TYPES[name]
    _ignore_pillow_warnings()
    try:
        opened = _open(data, name)
        width, height = opened.size
        _check_size(width, height, max_pixels)
        if target is not None:
            twice = 2 * max(target.width, target.height)
            opened.draft(None, (twice, twice))
        opened.load()
        orientation = _orientation(opened)
        image = _flatten(opened)
    except ImageTooLarge:
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(max_pixels) from error
    except Exception as error:
        # A decoder may raise anything on bytes that were made to break it, and each such exception
        # says the same: this picture cannot be read.
        raise UndecodableImage(media_type) from error
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    if orientation in _LYING:
        width, height = height, width
    return DecodedImage(image, width, height, media_type)


def _open(data: bytes, name: str) -> Image.Image:
    """Return a picture whose header is read.

    libavif gives up a whole picture for its damaged EXIF; without it, it opens.
    """
    try:
        return Image.open(io.BytesIO(data), formats=[name])
    except Exception:
        without = _EXIF_ITEM.sub(rb"\1skip", data, count=1) if name == "AVIF" else data
        if without == data:
            raise
        return Image.open(io.BytesIO(without), formats=[name])


def _sniff(data: bytes) -> str | None:
    """Return Pillow's name of the format whose signature the bytes begin with, or None."""
    for name, signatures in _SIGNATURES.items():
        if data.startswith(signatures):
            return name
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADER_BYTES:
        return "BMP"
    return "AVIF" if data[4:8] == b"ftyp" and _has_avif_brand(data) else None


def _has_avif_brand(data: bytes) -> bool:
    """Tell AVIF from HEIC and MP4 by the brands in the first box (ISO 14496-12, 4.3)."""
    size = min(struct.unpack(">I", data[:4])[0], 256)
    brands = data[8:12] + data[16:size]
    return any(brands[at : at + 4] in _AVIF_BRANDS for at in range(0, len(brands), 4))


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageTooLarge(max_pixels)
    if width < 1 or height < 1:
        message = "a picture without pixels"
        raise ValueError(message)


def _ignore_pillow_warnings() -> None:
    """Keep Pillow's remarks on a stranger's picture out of our log, and from becoming exceptions.

    A filter and not ``catch_warnings``, which swaps global state under the other threads; checked
    each time, because whoever resets the filters (a test runner does) drops this one.
    """
    first = warnings.filters[0] if warnings.filters else None
    if first is None or first[0] != "ignore" or getattr(first[3], "pattern", "") != r"PIL\.":
        warnings.filterwarnings("ignore", module=r"PIL\.")


def _orientation(image: Image.Image) -> int:
    """Return EXIF's orientation, 1 (upright) where there is none or it cannot be read.

    Asked for after loading: a PNG may carry it behind the pixels, and Pillow has by then turned a
    TIFF itself.
    """
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - metadata that is damaged in any way is metadata we do without
        return 1
    return value if isinstance(value, int) else 1


def _flatten(image: Image.Image) -> Image.Image:
    """Return the picture in RGB: deep values scaled, transparency over white."""
    if image.mode.startswith(("I", "F")):
        return _scale_to_bytes(image).convert("RGB")
    if "transparency" in image.info or image.mode in {"RGBA", "LA", "PA", "RGBa", "La"}:
        rgba = image.convert("RGBA")
        canvas = Image.new("RGB", rgba.size, "white")
        canvas.paste(rgba, mask=rgba.getchannel("A"))
        return canvas
    return image.convert("RGB")


def _scale_to_bytes(image: Image.Image) -> Image.Image:
    """Return a deep grey picture in mode L.

    Sixteen unsigned bits have a scale of their own, and floats between 0 and 1 have theirs by
    convention. Anything else names no white, so the darkest value becomes 0 and the brightest 255.
    What is no number is as dark as the darkest.
    """
    values = np.asarray(image, dtype=np.float64)
    numbers = values[np.isfinite(values)]
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    values = np.where(np.isfinite(values), values, low)
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    elif image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    scaled = (values - low) * 255 / (high - low) if high > low else np.clip(values, 0, 255)
    return Image.fromarray(scaled.round().astype(np.uint8))
