"""The one door that service, training and export share: the manifest, and from photo to pixels.

Training imports this module and nothing else of the service, so that preprocessing and the manifest
exist once. It loads Pillow, NumPy and Pydantic; no web framework, no ONNX Runtime.
"""

from __future__ import annotations

from service.errors import ImageTooLarge, UndecodableImage, UnsupportedImage
from service.images import DecodedImage, decode_image
from service.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    Abstention,
    Baseline,
    Familiarity,
    Figure,
    Filter,
    InputSpec,
    Label,
    LocalisedText,
    Manifest,
    Provenance,
    Resize,
)
from service.pixels import Pixels, placement, to_pixels

__all__ = [
    "MANIFEST_FILE",
    "MODEL_FILE",
    "Abstention",
    "Baseline",
    "DecodedImage",
    "Familiarity",
    "Figure",
    "Filter",
    "ImageTooLarge",
    "InputSpec",
    "Label",
    "LocalisedText",
    "Manifest",
    "Pixels",
    "Provenance",
    "Resize",
    "UndecodableImage",
    "UnsupportedImage",
    "decode_image",
    "placement",
    "to_pixels",
]
