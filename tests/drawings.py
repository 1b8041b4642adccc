"""Pictures that the project drew itself, for tests and for the screenshots in its documents."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = (960, 640)
_SCALE = 2  # drawn larger and reduced, for smooth edges

Draw = ImageDraw.ImageDraw
Colour = tuple[int, int, int]


def _gradient(top: Colour, bottom: Colour) -> Image.Image:
    width, height = (_SCALE * side for side in SIZE)
    share = np.linspace(0, 1, height)[:, None, None]
    rows = (1 - share) * np.array(top) + share * np.array(bottom)
    return Image.fromarray(np.broadcast_to(rows, (height, width, 3)).astype(np.uint8))


def _points(*pairs: tuple[float, float]) -> list[tuple[float, float]]:
    return [(_SCALE * x, _SCALE * y) for x, y in pairs]


def _box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return _points((left, top), (right, bottom))


def _ship(draw: Draw) -> None:
    draw.rectangle(_box(0, 420, 960, 640), fill=(38, 94, 140))
    for row in range(7):
        y = 440 + 30 * row
        for column in range(8):
            x = 130 * column + 55 * (row % 2) - 30
            draw.line(_points((x, y), (x + 60, y)), fill=(86, 141, 184), width=5)
    draw.polygon(_points((190, 400), (790, 400), (720, 490), (250, 490)), fill=(172, 46, 44))
    draw.polygon(_points((190, 400), (790, 400), (778, 416), (203, 416)), fill=(240, 240, 236))
    draw.rectangle(_box(330, 310, 640, 400), fill=(246, 246, 242))
    draw.rectangle(_box(390, 240, 590, 310), fill=(228, 231, 232))
    draw.rectangle(_box(450, 150, 520, 240), fill=(31, 52, 84))
    draw.rectangle(_box(450, 172, 520, 196), fill=(225, 176, 60))
    for x in range(350, 630, 48):
        draw.ellipse(_box(x, 340, x + 26, 366), fill=(58, 96, 130))
    for x in range(405, 580, 46):
        draw.rectangle(_box(x, 262, x + 28, 284), fill=(58, 96, 130))


def _airplane(draw: Draw) -> None:
    for x, y, r in ((120, 520, 60), (200, 500, 80), (290, 530, 56), (700, 130, 46), (770, 118, 62)):
        draw.ellipse(_box(x - r, y - r * 0.55, x + r, y + r * 0.55), fill=(244, 248, 252))
    draw.polygon(_points((430, 300), (300, 130), (360, 130), (600, 300)), fill=(170, 180, 192))
    draw.polygon(_points((170, 300), (110, 190), (160, 190), (250, 290)), fill=(38, 84, 150))
    draw.rounded_rectangle(_box(150, 280, 810, 360), radius=78, fill=(250, 250, 252))
    draw.polygon(_points((760, 284), (880, 325), (760, 356)), fill=(250, 250, 252))
    draw.polygon(_points((440, 330), (330, 510), (395, 510), (610, 335)), fill=(196, 204, 214))
    draw.rectangle(_box(180, 334, 800, 346), fill=(38, 84, 150))
    for x in range(270, 730, 40):
        draw.rounded_rectangle(_box(x, 302, x + 20, 322), radius=10, fill=(62, 84, 110))


def _truck(draw: Draw) -> None:
    draw.rectangle(_box(0, 500, 960, 640), fill=(92, 98, 104))
    for x in range(20, 960, 150):
        draw.rectangle(_box(x, 572, x + 80, 582), fill=(236, 222, 150))
    draw.rectangle(_box(120, 200, 610, 470), fill=(236, 238, 240))
    draw.rectangle(_box(120, 410, 610, 440), fill=(210, 120, 40))
    draw.polygon(
        _points((630, 270), (740, 270), (810, 370), (830, 380), (830, 470), (630, 470)),
        fill=(198, 62, 46),
    )
    draw.polygon(_points((660, 292), (730, 292), (780, 368), (660, 368)), fill=(150, 196, 222))
    draw.rectangle(_box(110, 468, 840, 496), fill=(48, 52, 58))
    for x in (220, 340, 720):
        draw.ellipse(_box(x - 52, 446, x + 52, 550), fill=(30, 32, 36))
        draw.ellipse(_box(x - 22, 476, x + 22, 520), fill=(168, 174, 180))


def _weave(draw: Draw) -> None:
    for at in range(-640, 960, 80):
        draw.line(_points((at, 640), (at + 640, 0)), fill=(212, 122, 76), width=60)
        draw.line(_points((at, 0), (at + 640, 640)), fill=(84, 130, 122), width=28)


_SCENES: Mapping[str, tuple[Colour, Colour, Callable[[Draw], None]]] = {
    "barco": ((186, 214, 234), (236, 232, 214), _ship),
    "avion": ((70, 140, 210), (188, 220, 242), _airplane),
    "camion": ((240, 206, 160), (250, 236, 206), _truck),
    "tejido": ((238, 222, 190), (238, 222, 190), _weave),
}
NAMES = tuple(_SCENES)


def drawing(name: str, image_format: str = "JPEG") -> bytes:
    """Return one drawing, 960×640, encoded."""
    top, bottom, scene = _SCENES[name]
    canvas = _gradient(top, bottom)
    scene(ImageDraw.Draw(canvas))
    smooth = canvas.resize(SIZE, Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(0.4))
    buffer = io.BytesIO()
    smooth.save(buffer, image_format, quality=90)
    return buffer.getvalue()
