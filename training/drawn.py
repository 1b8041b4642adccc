"""Pictures that show nothing: noise, soft shades, pages of text, flat drawings, scanned digits.

Drawn from a seed, so that a model can be shown, and judged by, things of no class where nobody has
collected any.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sklearn.datasets import load_digits

from service.contract import InputSpec

Pictures = NDArray[np.uint8]

LIGHT_ON_DARK: Final = 0.25
MOST_INK: Final = 15


def drawn(spec: InputSpec, count: int, seed: int) -> dict[str, Pictures]:
    """So many pictures uint8 [count, H, W, C] of each kind."""
    return {
        kind: np.stack([sized(sheet, spec) for sheet in draw(count, np.random.default_rng(seed))])
        for kind, draw in KINDS.items()
    }


def sized(image: Image.Image, spec: InputSpec) -> Pictures:
    """An image as the model's pixels uint8 [H, W, C], stretched with the bilinear filter."""
    small = image.resize((spec.width, spec.height), Image.Resampling.BILINEAR)
    pixels = np.asarray(small.convert("L" if spec.channels == 1 else "RGB"), np.uint8)
    return pixels.reshape(spec.height, spec.width, spec.channels)


def _noise(count: int, draw: np.random.Generator) -> list[Image.Image]:
    return [
        Image.fromarray(draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for _ in range(count)
    ]


def _shades(count: int, draw: np.random.Generator) -> list[Image.Image]:
    """Soft shapes without an object: what is left of a blurred background."""
    return [Image.fromarray(draw.integers(0, 256, (4, 4, 3), dtype=np.uint8)) for _ in range(count)]


def _text(count: int, draw: np.random.Generator) -> list[Image.Image]:
    """Pages: dark lines of words on light paper, and the other way round."""
    pages = []
    for _ in range(count):
        ink, paper = draw.integers(0, 90, 3), draw.integers(200, 256, 3)
        if draw.random() < LIGHT_ON_DARK:
            ink, paper = paper, ink
        page = Image.new("RGB", (160, 160), _colour(paper))
        pen = ImageDraw.Draw(page)
        for line in range(0, 160, 12):
            words = "".join(draw.choice(list("abcdefghij klmnopqrstuv"), 26))
            pen.text((int(draw.integers(0, 12)), line), words, _colour(ink))
        pages.append(page)
    return pages


def _drawings(count: int, draw: np.random.Generator) -> list[Image.Image]:
    """Charts and icons: flat shapes in a few colours."""
    made = []
    for _ in range(count):
        sheet = Image.new("RGB", (128, 128), _colour(draw.integers(0, 256, 3)))
        pen = ImageDraw.Draw(sheet)
        for _ in range(int(draw.integers(2, 7))):
            corner, size = draw.integers(0, 100, 2), draw.integers(10, 70, 2)
            box = (*(int(c) for c in corner), *(int(c) for c in corner + size))
            shape = pen.ellipse if draw.integers(2) else pen.rectangle
            shape(box, _colour(draw.integers(0, 256, 3)))
        made.append(sheet)
    return made


def _digits(count: int, draw: np.random.Generator) -> list[Image.Image]:
    """Handwriting of 8x8 pixels, which scikit-learn ships, as ink on paper."""
    scans = load_digits().images
    chosen = scans[draw.choice(len(scans), count)]
    return [
        Image.fromarray((255 - MOST_INK * scan).astype(np.uint8)).convert("RGB") for scan in chosen
    ]


def _colour(parts: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(part) for part in parts)


KINDS: Final[dict[str, Callable[[int, np.random.Generator], list[Image.Image]]]] = {
    "noise": _noise,
    "soft shades": _shades,
    "pages of text": _text,
    "flat drawings": _drawings,
    "scanned digits": _digits,
}
