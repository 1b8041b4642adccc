"""From an upright picture of any size to the array that a model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.manifest import Filter, Resize

if TYPE_CHECKING:
    from service.manifest import InputSpec

Pixels: TypeAlias = NDArray[np.uint8]
"""``[H, W, C]``, 0 to 255, C-contiguous."""

_RESAMPLING: Final = {name: Image.Resampling[name.name] for name in Filter}
# Pillow shrinks by whole numbers first as long as this many times the target remains; its manual
# calls 3.0 almost indistinguishable from resampling in one step.
_REDUCING_GAP: Final = 3.0

Box: TypeAlias = tuple[float, float, float, float]


def to_pixels(image: Image.Image, spec: InputSpec) -> Pixels:
    """Return the picture as uint8 ``[spec.height, spec.width, spec.channels]``.

    ``stretch`` ignores the proportions; ``centre-crop`` takes the largest centred part with the
    model's proportions; ``pad`` shows the whole picture and fills the rest with the mean colour of
    the picture's own border, so that no edge appears that was not in the photo. A picture that
    already has the model's size keeps every value as it is. The array may be read-only.
    """
    colour = image if image.mode in {"RGB", "L"} else image.convert("RGB")
    fitted = colour if colour.size == (spec.width, spec.height) else _fit(colour, spec)
    if spec.channels == 1:
        return np.ascontiguousarray(fitted.convert("L"))[..., np.newaxis]
    return np.ascontiguousarray(fitted.convert("RGB"))


def placement(size: tuple[int, int], spec: InputSpec) -> Box:
    """Return where in the model's input a picture of this size (width, height) comes to lie.

    Left, top, right and bottom of the whole picture, in pixels of the input: beyond its edges for
    what a crop cuts off, within them where the rest is padded.
    """
    target = (spec.width, spec.height)
    match spec.resize:
        case Resize.STRETCH:
            return (0, 0, *target)
        case Resize.CENTRE_CROP:
            left, top, right, bottom = _centre(size, target)
            across, down = target[0] / (right - left), target[1] / (bottom - top)
            return (
                -left * across, -top * down, (size[0] - left) * across, (size[1] - top) * down,
            )  # fmt: skip
        case Resize.PAD:
            width, height = _inside(size, target)
            left, top = _margins((width, height), target)
            return (left, top, left + width, top + height)


def _fit(image: Image.Image, spec: InputSpec) -> Image.Image:
    size = (spec.width, spec.height)
    match spec.resize:
        case Resize.STRETCH:
            return _resample(image, size, spec, (0, 0, *image.size))
        case Resize.CENTRE_CROP:
            return _resample(image, size, spec, _centre(image.size, size))
        case Resize.PAD:
            return _pad(
                _resample(image, _inside(image.size, size), spec, (0, 0, *image.size)), size
            )


def _resample(image: Image.Image, size: tuple[int, int], spec: InputSpec, box: Box) -> Image.Image:
    return image.resize(size, _RESAMPLING[spec.filter], box=box, reducing_gap=_REDUCING_GAP)


def _centre(source: tuple[int, int], target: tuple[int, int]) -> Box:
    """Return the largest centred box with the target's proportions, in fractions of a pixel."""
    scale = min(source[0] / target[0], source[1] / target[1])
    left = max(0.0, (source[0] - target[0] * scale) / 2)
    top = max(0.0, (source[1] - target[1] * scale) / 2)
    return (left, top, source[0] - left, source[1] - top)


def _inside(source: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """Return the largest size with the source's proportions that fits, each side at least one."""
    scale = min(target[0] / source[0], target[1] / source[1])
    width, height = (max(1, round(side * scale)) for side in source)
    return (min(width, target[0]), min(height, target[1]))


def _pad(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    canvas = Image.new(image.mode, size, _border_colour(image))
    canvas.paste(image, _margins(image.size, size))
    return canvas


def _margins(inner: tuple[int, int], outer: tuple[int, int]) -> tuple[int, int]:
    return ((outer[0] - inner[0]) // 2, (outer[1] - inner[1]) // 2)


def _border_colour(image: Image.Image) -> tuple[int, ...]:
    """Return the mean of the outermost pixels, each band rounded."""
    values = np.asarray(image).reshape(image.height, image.width, -1)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    return tuple(int(band) for band in border.mean(axis=0).round())
