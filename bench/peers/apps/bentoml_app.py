"""BentoML: one worker a core, adaptive batching, images as files of a form.

`bentoml serve bench.peers.apps.bentoml_app:Labels` starts it.
"""

from typing import Any

import bentoml
from PIL import Image

from bench.peers.apps.model import MAX_BATCH, Model, cores


@bentoml.service(workers=cores(), traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Labels:
    """Labels the images of a batch; Pillow decodes them in the worker's thread."""

    def __init__(self) -> None:
        self._model = Model(threads=1)

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH, max_latency_ms=60_000)
    def label(self, images: list[Image.Image]) -> list[dict[str, Any]]:
        """Return the best label of each image."""
        return self._model.label([self._model.pixels(image) for image in images])
