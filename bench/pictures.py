"""Pictures to measure with, drawn from a seed: as costly to decode as photos of their size."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

# Detail at each scale, from the coarsest to single pixels: a photo's spectrum falls with frequency.
OCTAVES = 6
GRAIN = 6.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What a client might send. `quality` is JPEG's; without one the picture is a PNG."""

    name: str
    width: int
    height: int
    quality: int | None

    @property
    def media_type(self) -> str:
        """The content type that a client declares."""
        return "image/png" if self.quality is None else "image/jpeg"


SMALL = Kind("S", 32, 32, None)
MEDIUM = Kind("M", 640, 480, 92)
LARGE = Kind("L", 4000, 3000, 85)


def draw(kind: Kind, seed: int) -> bytes:
    """An encoded picture: soft shapes of every size, and some grain."""
    generator = np.random.default_rng(seed)
    canvas = np.zeros((kind.height, kind.width, 3))
    for octave in range(OCTAVES):
        cells = generator.uniform(-1, 1, (3 * 2**octave, 4 * 2**octave, 3))
        for channel in range(3):
            layer = Image.fromarray(cells[..., channel].astype(np.float32))
            resized = layer.resize((kind.width, kind.height), Image.Resampling.BICUBIC)
            canvas[..., channel] += np.asarray(resized) * 80 / 2**octave
    canvas += generator.normal(0, GRAIN, canvas.shape)
    image = Image.fromarray((canvas + 128).clip(0, 255).astype(np.uint8))
    encoded = io.BytesIO()
    if kind.quality is None:
        image.save(encoded, "PNG")
    else:
        image.save(encoded, "JPEG", quality=kind.quality)
    return encoded.getvalue()
