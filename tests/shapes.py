"""A person's own data set, drawn: three classes, a few pictures each, of any size and format."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("Árboles", "Casas", "Señales de tránsito")
IDS = ("arboles", "casas", "senales-de-transito")
_FORMATS = ("PNG", "JPEG", "WEBP")


def shape(kind: int, seed: int, side: int = 72, image_format: str = "PNG") -> bytes:
    """Return a drawing of the class with that index: a crown, a house or a sign."""
    generator = np.random.default_rng([kind, seed])
    width, height = side + int(generator.integers(0, 40)), side + int(generator.integers(0, 40))
    sky = tuple(int(value) for value in generator.integers(140, 240, 3))
    picture = Image.new("RGB", (width, height), sky)
    draw = ImageDraw.Draw(picture)
    x, y = width / 2 + generator.uniform(-6, 6), height / 2 + generator.uniform(-6, 6)
    r = side * generator.uniform(0.25, 0.4)
    tone = int(generator.integers(-30, 30))
    if kind == 0:
        draw.rectangle((x - r / 6, y, x + r / 6, height), fill=(100 + tone, 70, 40))
        draw.ellipse((x - r, y - r, x + r, y + r / 2), fill=(40, 140 + tone, 50))
    elif kind == 1:
        draw.rectangle((x - r, y, x + r, y + r), fill=(200 + tone, 180, 150))
        draw.polygon([(x - r, y), (x, y - r), (x + r, y)], fill=(160 + tone, 50, 40))
        draw.rectangle((x - r / 6, y + r / 2, x + r / 6, y + r), fill=(60, 40, 30))
    else:
        draw.regular_polygon((x, y, r), 8, fill=(190 + tone, 20, 30))
        draw.rectangle((x - r / 2, y - r / 8, x + r / 2, y + r / 8), fill="white")
    buffer = io.BytesIO()
    picture.save(buffer, image_format)
    return buffer.getvalue()


def write_shapes(folder: Path, each: int = 12, *, start: int = 0, side: int = 72) -> Path:
    """Write so many pictures a class into `folder/CLASS/` and return the folder."""
    for kind, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(start, start + each):
            image_format = _FORMATS[number % len(_FORMATS)]
            path = folder / name / f"{number:03}.{image_format.lower()}"
            path.write_bytes(shape(kind, number, side, image_format))
    return folder
