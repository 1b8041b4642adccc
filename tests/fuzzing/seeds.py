"""Where the fuzzer starts from: small images and forms of every kind, and the words of a form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image

from tests.hostile import bombs, odd_images, private_photo
from tests.pictures import FORMATS, encode, encode_turned, noise, quarters

MOST_BYTES: Final = 16 * 1024
"""Of one seed: many short runs find more than few long ones."""

MODES: Final = {
    "JPEG": ("L", "CMYK", "YCbCr"),
    "PNG": ("1", "L", "LA", "P", "RGBA", "I;16"),
    "TIFF": ("1", "L", "LA", "P", "RGBA", "I;16", "I", "F", "CMYK", "YCbCr", "LAB"),
    "GIF": ("1", "L", "P"),
    "WEBP": ("RGBA",),
}
WORDS: Final = (
    b"--b", b"\r\n--b", b"--b--", b"\r\n", b"\r\n\r\n", b"Content-Disposition: form-data; name=",
    b'; filename="a.png"', b"Content-Type: image/png", b"; name*=utf-8''x", b'\\"', b" \t",
)  # fmt: skip


def pictures() -> Iterator[bytes]:
    """Yield images in every format and mode, odd ones, and what is none."""
    for name in FORMATS:
        yield encode(quarters(16, 12), name)
        yield encode(noise(5, 3), name)
    for name, modes in MODES.items():
        for mode in modes:
            yield encode(Image.new(mode, (6, 5), 1), name)
    for orientation in range(2, 9):
        yield encode_turned(quarters(6, 4), "JPEG", orientation)
    for options in ({"progressive": True}, {"subsampling": 0}):
        yield encode(quarters(16, 16), "JPEG", **options)
    for compression in ("tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg", "group4"):
        flat = quarters(16, 16).convert("1" if compression == "group4" else "RGB")
        yield encode(flat, "TIFF", compression=compression)
    yield private_photo()
    for image in (*odd_images(), *bombs()):
        yield image.data


def forms() -> Iterator[bytes]:
    """Yield forms after a line with their boundary: right ones, and each with one thing wrong."""
    file = b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nPNG'
    field = b'Content-Disposition: form-data; name="lang"\r\n\r\nes'
    twice = b"Content-Disposition: form-data; name=a\r\n" + file
    typed = b"Content-Type: image/png\r\n" + file
    for parts in ([file], [file, field], [typed, file, file], [field], [], [twice], [b"x"]):
        body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"
        yield b"b\n" + body
        yield b"b\npreamble\r\n" + body + b"epilogue"
        yield b'"b"\n' + body.replace(b"--b\r\n", b"--b \t\r\n")
        yield b"b\n" + body[:-6]
        yield b"b\n" + body.replace(b"\r\n", b"\n")
        yield b"b\n" + body.replace(b"PNG", b"P\r\n--bNG")


def write(folder: Path, seeds: Iterator[bytes]) -> None:
    """Write the small ones of some seeds into a folder, each named by its content."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        if len(seed) <= MOST_BYTES:
            (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


def write_words(path: Path) -> None:
    """Write the words of a form as a dictionary of libFuzzer's."""
    lines = ["".join(f"\\x{byte:02x}" for byte in word) for word in WORDS]
    path.write_text("".join(f'"{line}"\n' for line in lines), "utf-8")
