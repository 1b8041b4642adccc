"""Pictures for tests, encoded in every format and turned in every way that a camera writes."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
LOSSLESS = ("PNG", "WEBP", "BMP", "TIFF")

_ORIENTATION = 0x0112
_AS_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture is stored under each value of EXIF's Orientation."""


def encode(image: Image.Image, name: str, **options: Any) -> bytes:
    """Return a picture's bytes in a format, without loss where the format can."""
    lossless = {"lossless": True, "exact": True} if name == "WEBP" else {}
    buffer = io.BytesIO()
    image.save(buffer, name, **(lossless | options))
    return buffer.getvalue()


def noise(width: int, height: int, *, seed: int = 0, bands: int = 3) -> Image.Image:
    """Return a seeded picture in which no pixel is like its neighbour."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, bands), dtype=np.uint8)
    return Image.fromarray(values[..., 0] if bands == 1 else values)


def quarters(width: int = 32, height: int = 16) -> Image.Image:
    """Return red, green, blue and white in the four quarters, which survive lossy formats."""
    values = np.zeros((height, width, 3), np.uint8)
    values[: height // 2, : width // 2] = (255, 0, 0)
    values[: height // 2, width // 2 :] = (0, 255, 0)
    values[height // 2 :, : width // 2] = (0, 0, 255)
    values[height // 2 :, width // 2 :] = (255, 255, 255)
    return Image.fromarray(values)


def encode_turned(upright: Image.Image, name: str, orientation: int) -> bytes:
    """Return a picture stored so that EXIF's orientation makes it upright again."""
    transpose = _AS_STORED[orientation]
    stored = upright if transpose is None else upright.transpose(transpose)
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    return encode(stored, name, exif=exif)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return one chunk of a PNG file with its length and check sum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, *, depth: int, colour: int, rows: bytes, extra: bytes = b""
) -> bytes:
    """Return a PNG file of the given header and raw rows, true to each other or not."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + extra
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )
