"""What every peer does with an image: Pillow decodes all of it, one session labels the batch."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from PIL import Image

BUNDLE_VARIABLE: Final = "PEER_BUNDLE"
CORES_VARIABLE: Final = "PEER_CORES"
MAX_BATCH: Final = 16
"""Images in a batch of each peer; larger ones gained nothing on a CPU."""


def cores() -> int:
    """Return how many threads may infer in all of a peer's processes together."""
    return int(os.environ[CORES_VARIABLE])


class Model:
    """A bundle's graph, opened without Rótulo."""

    def __init__(self, *, threads: int) -> None:
        """Open the bundle that the environment names, with so many intra-op threads."""
        folder = Path(os.environ[BUNDLE_VARIABLE])
        about = json.loads((folder / "manifest.json").read_text("utf-8"))
        spec = about["input"]
        if spec["resize"] != "stretch" or spec["channels"] != 3:  # noqa: PLR2004
            raise ValueError("the peers stretch colour photos, and know no other way")
        self._labels = [one["id"] for one in about["labels"]]
        self._size = (spec["width"], spec["height"])
        self._filter = Image.Resampling[spec["filter"].upper()]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def pixels(self, image: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return a picture as uint8 ``[H, W, 3]``."""
        return np.asarray(image.convert("RGB").resize(self._size, self._filter))

    def open(self, data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return an encoded picture as uint8 ``[H, W, 3]``."""
        with Image.open(io.BytesIO(data)) as image:
            return self.pixels(image)

    def label(self, batch: Sequence[np.ndarray[Any, np.dtype[np.uint8]]]) -> list[dict[str, Any]]:
        """Return the best label of each picture with its score."""
        (logits,) = self._session.run(["logits"], {"image": np.stack(batch)})
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = powers / powers.sum(axis=1, keepdims=True)
        return [
            {"label": self._labels[index], "score": float(row[index])}
            for row, index in zip(scores, scores.argmax(axis=1), strict=True)
        ]
