"""What must hold when an image is decoded, whatever its bytes are."""

from __future__ import annotations

from typing import Final

import numpy as np

from service.errors import ImageTooLarge, UndecodableImage, UnsupportedImage
from service.images import MEDIA_TYPES, DecodedImage, decode_image
from service.manifest import Filter, InputSpec, Resize
from service.pixels import to_pixels

MAX_PIXELS: Final = 1_000_000
_KNOWN: Final = frozenset(MEDIA_TYPES.values())
_SPECS: Final = (
    InputSpec(height=24, width=32, channels=3, resize=Resize.STRETCH, filter=Filter.BILINEAR),
    InputSpec(height=24, width=32, channels=1, resize=Resize.CENTRE_CROP, filter=Filter.LANCZOS),
    InputSpec(height=24, width=32, channels=3, resize=Resize.PAD, filter=Filter.BOX),
)


def check(data: bytes) -> None:
    """Fail if decoding does anything but give a picture within its bounds, or refuse in order.

    Any other exception than ours goes through; so does what the process itself cannot bear, which
    is the fuzzer's to see: a crash, memory without end, a hang.
    """
    found = [_decoded(data, spec) for spec in (_SPECS[0], None)]
    if found[0] is None or found[1] is None:
        assert found == [None, None], (
            "a target decides how large an image is, not whether it is one"
        )
        return
    scaled, whole = found[0], found[1]
    assert (whole.width, whole.height) == (scaled.width, scaled.height) == whole.image.size
    assert whole.width * whole.height <= MAX_PIXELS
    assert whole.media_type == scaled.media_type
    assert whole.media_type in _KNOWN
    assert scaled.image.width <= whole.width
    for one in (scaled, whole):
        _check_pixels(one)


def _decoded(data: bytes, target: InputSpec | None) -> DecodedImage | None:
    try:
        return decode_image(data, max_pixels=MAX_PIXELS, target=target)
    except (ImageTooLarge, UndecodableImage, UnsupportedImage):
        return None


def _check_pixels(decoded: DecodedImage) -> None:
    assert decoded.image.mode == "RGB"
    for spec in _SPECS:
        pixels = to_pixels(decoded.image, spec)
        assert pixels.shape == (spec.height, spec.width, spec.channels)
        assert pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous
