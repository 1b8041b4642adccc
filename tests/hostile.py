"""Images that strangers send, made from nothing: each with the statuses that may answer it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image, ImageCms, TiffImagePlugin

from tests.pictures import FORMATS, encode, noise, png, png_chunk, quarters

PRIVATE_WORDS = "Calle Secreta 4321, Ana Rojas"
PRIVATE_PLACE = (33.456789, 70.654321)

LABELLED = frozenset({200})
REFUSED = frozenset({413, 415, 422})
DAMAGED = frozenset({422})
TOO_LARGE = frozenset({413})


class Hostile(NamedTuple):
    """One image, and how it may be answered."""

    name: str
    data: bytes
    statuses: frozenset[int]


def hostile_images() -> Iterator[Hostile]:
    """Yield the corpus."""
    yield from bombs()
    yield from _cut_short()
    yield from odd_images()


def odd_images() -> Iterator[Hostile]:
    """Yield those that are quickly made: what is no image, and what is an odd one."""
    yield from _not_what_they_say()
    yield from _odd_but_true()
    yield from _with_metadata()


def private_photo() -> bytes:
    """Return a JPEG whose EXIF says who and where."""
    exif = Image.Exif()
    exif[0x010E] = PRIVATE_WORDS
    north, west = PRIVATE_PLACE
    exif.get_ifd(0x8825).update({1: "S", 2: (north, 0.0, 0.0), 3: "W", 4: (west, 0.0, 0.0)})
    return encode(noise(64, 48, seed=9), "JPEG", exif=exif)


def bombs() -> Iterator[Hostile]:
    """Yield those of few bytes that promise much."""
    yield Hostile("png", png(30000, 30000, depth=8, colour=2, rows=b"\0" * 10**6), TOO_LARGE)
    screen = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
    yield Hostile("gif", screen + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;", TOO_LARGE)
    small_screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\2\2D\1\0;"
    yield Hostile("gif-frame", small_screen + frame, TOO_LARGE)
    yield Hostile("tiff", _resized_tiff(60000, 60000), TOO_LARGE)
    vp8l = b"\x2f" + struct.pack("<I", 16383 | 16383 << 14) + b"\0" * 64
    chunk = b"VP8L" + struct.pack("<I", len(vp8l)) + vp8l + b"\0"
    yield Hostile("webp", b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk, REFUSED)
    avif = encode(quarters(), "AVIF")
    at = avif.index(b"ispe") + 8
    promised = avif[:at] + struct.pack(">II", 60000, 60000) + avif[at + 8 :]
    yield Hostile("avif", promised, REFUSED)
    many = zlib.compress(b"\0" * 80_000_000)
    for kind, head in ((b"zTXt", b"k\0\0"), (b"iCCP", b"p\0\0")):
        extra = png_chunk(kind, head + many)
        inflating = png(1, 1, depth=8, colour=0, rows=b"\0\0", extra=extra)
        yield Hostile(f"png-{kind.decode()}", inflating, LABELLED | DAMAGED)
    giant_header = b"\xff\xd8" + (b"\xff\xe1\xff\xff" + b"x" * 65533) * 100
    yield Hostile("jpeg-headers", giant_header, DAMAGED)


def _resized_tiff(width: int, height: int) -> bytes:
    data = bytearray(encode(quarters(), "TIFF"))
    first = struct.unpack_from("<I", data, 4)[0]
    for entry in range(struct.unpack_from("<H", data, first)[0]):
        at = first + 2 + 12 * entry
        tag = struct.unpack_from("<H", data, at)[0]
        if tag in {TiffImagePlugin.IMAGEWIDTH, TiffImagePlugin.IMAGELENGTH}:
            value = width if tag == TiffImagePlugin.IMAGEWIDTH else height
            struct.pack_into("<HII", data, at + 2, 4, 1, value)
    return bytes(data)


def _cut_short() -> Iterator[Hostile]:
    for name in FORMATS:
        whole = encode(noise(80, 80), name)
        for tenths in range(1, 10):
            cut = whole[: len(whole) * tenths // 10]
            yield Hostile(f"{name}-{tenths}0", cut, DAMAGED)


def _not_what_they_say() -> Iterator[Hostile]:
    for name, data in (
        ("pdf", b"%PDF-1.7 document"),
        ("svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"),
        ("html", b"<!doctype html><script>alert(1)</script>"),
        ("zip", b"PK\3\4" + b"\0" * 60),
        ("elf", b"\x7fELF" + b"\0" * 60),
        ("postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        ("ico", encode(quarters(), "ICO")),
        ("text", b"a" * 1000),
    ):
        yield Hostile(name, data, frozenset({415}))
    yield Hostile("gif-script", b"GIF89a/*" + b"*/=1;alert(1)//" * 9, REFUSED)
    for name in ("GIF", "JPEG", "PNG"):
        tail = b"PK\3\4<?php phpinfo(); ?><script>alert(1)</script>"
        yield Hostile(f"polyglot-{name}", encode(quarters(), name) + tail, LABELLED)


def _odd_but_true() -> Iterator[Hostile]:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    for name in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
        moving = encode(frames[0], name, save_all=True, append_images=frames[1:])
        yield Hostile(f"animated-{name}", moving, LABELLED)
    for size in ((0, 5), (5, 0)):
        yield Hostile(f"size-{size}", png(*size, depth=8, colour=2, rows=b""), DAMAGED)
    yield Hostile("tall", encode(Image.new("RGB", (1, 65535)), "PNG"), LABELLED)
    yield Hostile("wide", encode(Image.new("RGB", (65535, 1)), "PNG"), LABELLED)
    for colour, samples in ((0, 1), (2, 3), (4, 2), (6, 4)):
        rows = (b"\0" + b"\x12\x34" * samples * 4) * 4
        yield Hostile(f"16-bit-{colour}", png(4, 4, depth=16, colour=colour, rows=rows), LABELLED)
    cmyk = noise(32, 32, bands=4).convert("RGB").convert("CMYK")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name in ("JPEG", "TIFF"):
        yield Hostile(f"cmyk-{name}", encode(cmyk, name), LABELLED)
        for kind, icc in (("profile", profile), ("false-profile", b"no profile at all")):
            yield Hostile(f"cmyk-{name}-{kind}", encode(cmyk, name, icc_profile=icc), LABELLED)


def _with_metadata() -> Iterator[Hostile]:
    exif = Image.Exif()
    exif[0x010E] = PRIVATE_WORDS
    for name in ("JPEG", "PNG", "WEBP"):
        for number, bad in enumerate((b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff")):
            damaged = encode(quarters(), name, exif=bad)
            yield Hostile(f"exif-{name}-{number}", damaged, LABELLED)
    avif = encode(quarters(), "AVIF", exif=exif)
    yield Hostile("exif-AVIF", avif.replace(b"MM\0*", b"oops"), LABELLED)
    yield Hostile("gps", private_photo(), LABELLED)


def picture_bytes(data: bytes) -> list[str]:
    """Return how some of an image's bytes would look where they were written down."""
    middle = data[len(data) // 2 :][:12]
    return [repr(middle)[2:-1], middle.hex(), io.BytesIO(middle).getvalue().decode("latin-1")]
